"""The last line of an input: kubectl's reader ends each line, so that one without a line end has one."""

from __future__ import annotations

import codecs

import pytest

from tests.documents.last_lines import LAST_LINES
from tests.documents.reading import broken, good, one, read, values, warnings


@pytest.mark.parametrize(("text", "expected"), LAST_LINES, ids=[repr(text) for text, _ in LAST_LINES])
def test_the_last_line(text: str, expected: list[object]) -> None:
    """It means what kubectl makes of it, and carries no warning."""
    assert values(text) == expected
    assert [warnings(good(document)) for document in read(text)] == [[]] * len(expected)


def test_utf_16() -> None:
    """The last line of UTF-16 is ended as well."""
    assert values(codecs.BOM_UTF16_LE + "a: |\n  x".encode("utf-16-le")) == [{"a": "x\n"}]


@pytest.mark.parametrize(
    ("text", "place", "context"),
    [
        ("a: 'x", (1, 6, "a"), "while scanning a quoted scalar"),
        ("a: 1\nb: [x", (2, 6, "b[1]"), "while parsing a flow sequence"),
        ("a: {\n  é", (2, 4, "a"), "while parsing a flow mapping that begins on line 1"),
        ("a: 1\n---\nb: [", (3, 5, "b[0]"), "while parsing a flow node"),
    ],
)
def test_an_error_at_the_end_is_on_a_line_of_the_input(text: str, place: tuple[int, int, str], context: str) -> None:
    """The line end that is not in the input moves no error behind its last line."""
    error = broken(text)
    assert (error.line, error.column, error.field) == place
    assert error.message.endswith(context)


def test_lines_of_fields_stay() -> None:
    """Each field is on the line on which it stands."""
    document = one("a: 1\nb:\n  c: |\n    x")
    assert [document.line_of(path) for path in ("/a", "/b", "/b/c")] == [1, 2, 3]
