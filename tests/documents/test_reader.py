"""Streams: many documents, their markers, encodings and errors, as YAML and as JSON."""

from __future__ import annotations

import codecs

import pytest

from tests.documents.reading import broken, good, one, read, values, warnings
from webhook.documents.reader import Document, read_documents
from webhook.errors import BrokenDocument, DocumentTooLarge


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("", []),
        ("---\n", []),
        ("# only a comment\n", []),
        ("null\n---\n~\n", []),
        ("a: 1\n---\n\n---\n# c\n---\nb: 2\n", [{"a": 1}, {"b": 2}]),
        ("---\na: 1\n--- \nb: 2\n---\t# c\nc: 3", [{"a": 1}, {"b": 2}, {"c": 3}]),
        ("a: 1\n...\n---\nb: 2\n...\n", [{"a": 1}, {"b": 2}]),
        ("a: |\n  ---\n  x\n", [{"a": "---\nx\n"}]),
        ("...: 1\n", [{"...": 1}]),
        ("...a: 1\n---b: 2\n", [{"...a": 1, "---b": 2}]),
        ("5\n---\nfoo\n---\n- 1\n", [5, "foo", [1]]),
        ("a: 1\r\n---\r\nb:\r\n  c: |\r\n    x\r\n    y\r\n", [{"a": 1}, {"b": {"c": "x\ny\n"}}]),
        ("a: 1\r---\rb: 2\r", [{"a": 1}, {"b": 2}]),
        ("a:\t1\nb: {c:\t2}\nd: [1,\t2]\t\ne: 5 \t# c\n", [{"a": 1, "b": {"c": 2}, "d": [1, 2], "e": 5}]),
        ('{"a": 1}{"b": 2}\n{"c": [3.0, true, null]}', [{"a": 1}, {"b": 2}, {"c": [3, True, None]}]),
        ('{"a": 1}\n---\n{"b": 2}\n', [{"a": 1}, {"b": 2}]),
        ('{"a": 1}\nb: 2\n', [{"a": 1}, {"b": 2}]),
        ('\n {"a": "\\u00e9\\"}", "b": "\\ud800"}', [{"a": 'é"}', "b": "\ufffd"}]),
        ('{"a": 9223372036854775808, "b": 1e2, "c": -0, "d": 12.5E3}', [{"a": 2**63, "b": 100, "c": 0, "d": 12500}]),
        ('{"a": 123456789012345678901234567890}', [{"a": 1.2345678901234568e29}]),
        ('{"a": {"<<": {"b": 1}}}', [{"a": {"<<": {"b": 1}}}]),
        ("{a: 1, b: {c}}", [{"a": 1, "b": {"c": None}}]),
        ('{"a": 1,}', [{"a": 1}]),
        ('{"a": NaN, "b": 01}', [{"a": "NaN", "b": 1}]),
        ('["a"]', [["a"]]),
    ],
)
def test_values(data: str, expected: list[object]) -> None:
    """The documents of a stream that is fine; those without content do not count."""
    assert values(data) == expected
    assert [good(document).number for document in read(data)] == list(range(1, len(expected) + 1))


@pytest.mark.parametrize("bom", [codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE])
def test_byte_order_mark(bom: bytes) -> None:
    """A byte order mark says the encoding, and is no part of the text."""
    encoding = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le"}.get(bom, "utf-16-be")
    assert values(bom + "a: é𝄞\n---\nb: 2\n".encode(encoding)) == [{"a": "é𝄞"}, {"b": 2}]


def test_one_bad_document() -> None:
    """A broken document is yielded in its place, with its number, line, column and field, and hides no other."""
    first, second, third = read("a: 1\n---\nb:\n  c: [\n---\nd: 4\n")
    assert (good(first).value, good(third).value) == ({"a": 1}, {"d": 4})
    assert isinstance(second, BrokenDocument)
    assert (second.source, second.number, second.line, second.column) == ("f", 2, 5, 1)
    assert second.field == "b.c[0]"
    assert str(second).startswith("f: document 2, line 5, column 1, b.c[0]: did not find expected node content")
    assert (good(third).number, good(third).line) == (3, 6)


@pytest.mark.parametrize(
    ("data", "place", "message"),
    [
        ("a:\n\tb: 1\n", (2, 1, "a"), "a tab cannot indent; use spaces"),
        ("a: @x\n", (1, 4, "a"), 'quote values that begin with "@"'),
        ("a: {{ x }}\n", (1, 4, "a"), 'a value cannot begin with "{{"; this looks like a template'),
        ("{{- if x }}\na: 1\n", (1, 1, ""), 'a value cannot begin with "{{"; this looks like a template'),
        ("a: b\n{{ x }}\n", (3, 1, ""), "this looks like a template, which has to be rendered first"),
        ("a: *x\n", (1, 4, "a"), 'the alias "*x" has no anchor "&x" above it'),
        ("a: 1\n... b: c: d\n", (2, 9, ""), "mapping values are not allowed"),
        ("a: &x [*x]\n", (1, 8, "a[0]"), 'the anchor "&x" contains itself'),
        ("a: &x {b: *x}\n", (1, 11, "a.b"), 'the anchor "&x" contains itself'),
        ("a: 'x\n", (2, 1, "a"), "found unexpected end of stream, while scanning a quoted scalar that begins on line"),
        ("a: b: c\n", (1, 5, ""), "mapping values are not allowed in this context"),
        ("[1, 2]: 3\n", (1, 1, ""), "a mapping or list cannot be a key"),
        ("{a: 1}: 3\n", (1, 1, ""), "a mapping or list cannot be a key"),
        ("a: &x [1]\n? *x\n: 1\n", (2, 3, ""), "a mapping or list cannot be a key"),
        ("--- a: 1\n", (1, 6, ""), "mapping values are not allowed"),
        ("a: 1\n----\n", (3, 1, ""), "could not find expected ':'"),
        ("%FOO\n---\na: 1\n", (1, 5, ""), "found unknown directive name"),
        ("<<: 1\n", (1, 5, "[<<]"), 'the value of "<<" is neither a mapping nor a list of mappings'),
        ("x: {<<: [1]}\n", (1, 11, "x[<<]"), 'the value of "<<" is neither'),
        ("b: &b [1]\n<<: *b\n", (2, 5, "[<<]"), 'the value of "<<" is neither'),
        ("b: &b [1]\n<<: [*b]\n", (2, 8, "[<<]"), 'the value of "<<" is neither'),
        ('{"a" 1}', (1, 6, ""), "not JSON: Expecting ':' delimiter"),
        ('{"a": 1}\n{"b": 2}\n{"c" 3}', (3, 6, ""), "not JSON: Expecting ':' delimiter"),
        ('{"a": 1}\n{"b":\n', (3, 1, "b"), "did not find expected node content"),
        ('{"a": 1e400}', (1, 7, "a"), "no JSON form"),
        ("{a\n", (2, 1, ""), "did not find expected ',' or '}'"),
        ("a: \x00\n", (1, 4, ""), "the control character U+0000 is not allowed"),
        ("a: 1\nb: é\x1b\n", (2, 5, ""), "the control character U+001B is not allowed"),
        ("a: \x7f", (1, 4, ""), "U+007F"),
        (b"a: 1\nb: \xff\n", (2, 4, ""), "byte 0xff is not valid UTF-8"),
        (b"a: 1\r\nb: \xc3\xa9\xc3\n", (2, 5, ""), "byte 0xc3 is not valid UTF-8"),
        (b"\xff\xfea\x00\n\x00b", (2, 1, ""), "the byte order mark says UTF-16, but the text is not"),
    ],
)
def test_error(data: str | bytes, place: tuple[int, int, str], message: str) -> None:
    """What kubectl could not read is an error that says where and, where one can tell, what to do."""
    error = broken(data)
    assert (error.line, error.column, error.field) == place
    assert message in error.message
    assert not isinstance(error, DocumentTooLarge)


@pytest.mark.parametrize("bad", [b"b: \xff", b"b: \x00", b"b: *x", b'{"b" 2}', b"b: [", b"b: 'x", b"\tb: 1"])
def test_every_kind_of_error_leaves_the_others(bad: bytes) -> None:
    """Whatever breaks a document, those before and behind it are read."""
    first, second, third = read(b"a: 1\n---\n" + bad + b"\n---\nc: 3\n")
    assert (good(first).value, good(third).value, good(third).number) == ({"a": 1}, {"c": 3}, 3)
    assert isinstance(second, BrokenDocument)
    assert second.number == 2


@pytest.mark.parametrize(
    ("data", "value", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", {"a": 3, "b": 2}, ['line 3: key "a" is set twice in this mapping; the last one counts']),
        ("b:\n  y: 1\n  'true': 2\n", {"b": {"true": 2}}, ['line 3: key "true" is set twice in this mapping']),
        ('{"a": 1,\n"b": {"a": 1,\n"a": 2}}', {"a": 1, "b": {"a": 2}}, ['line 3: key "a" is set twice']),
        ("b: 1\n<<: {b: 2, c: 3}\n", {"b": 2, "c": 3}, ['line 2: the merge key "<<" overrides "b", which is set']),
        ("%YAML 1.1\n---\na: 1\n", {"a": 1}, ["line 1: kubectl refuses directives such as %YAML"]),
        ("# c\n%YAML 1.1\n# d\n---\na: 1\n", {"a": 1}, ["line 1: kubectl refuses directives such as %YAML"]),
        ("...\n%YAML 1.1\n---\na: 1\n", {"a": 1}, ["line 1: kubectl refuses directives such as %YAML"]),
        ("...\na: 1\n", {"a": 1}, ['line 1: kubectl skips what stands between "..." and the next "---"']),
        ("--- {a: 1}\n", {"a": 1}, ['line 1: kubectl refuses text on the line of "---"']),
        ("--- |\n  x\n", "x\n", ['line 1: kubectl refuses text on the line of "---"']),
        ("--- # c\na: 1\n", {"a": 1}, []),
        ("---b: 2\n", {"---b": 2}, ['line 1: kubectl refuses a line that begins with "---"']),
        ("\n---\na: 'x\n----'\n", {"a": "x ----"}, ['line 2: kubectl refuses a line that begins with "---"']),
        ("\r---\na: 1\n", {"a": 1}, ["line 2: kubectl ends no line at a carriage return alone"]),
        ("--- # c\ra: 1\n", {"a": 1}, ["line 1: kubectl ends no line at a carriage return alone"]),
        ("\r\n---\r\na: 1\r\n", {"a": 1}, []),
        ("b: 1\n<<:\n  c: 1\n  c: 2\n  b: 2\n", {"b": 2, "c": 2}, ["line 2: the merge key", 'line 4: key "c" is']),
        ("a: {b: 1}\nc: {b: 1}\n", {"a": {"b": 1}, "c": {"b": 1}}, []),
    ],
)
def test_warning(data: str, value: object, expected: list[str]) -> None:
    """What reads differently from what its author may think is read as kubectl does, with a warning and its line."""
    document = one(data)
    found = warnings(document)
    assert document.value == value
    assert len(found) == len(expected)
    assert all(text.startswith(start) for text, start in zip(found, expected, strict=True))


def test_many_warnings() -> None:
    """A document has at most 100 warnings, and one that says that there are more."""
    found = warnings(one("a: 1\n" * 150))
    assert len(found) == 101
    assert found[-1] == "line 102: there are more warnings from here on"


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("a: &x {b: 1}\nc: *x\n", {"a": {"b": 1}, "c": {"b": 1}}),
        ("a: &x 1.0\n*x : *x\n", {"a": 1, "1": 1}),
        ("a: &x 1\nb: &x 2\nc: *x\n", {"a": 1, "b": 2, "c": 2}),
        ("a: &x\n  b: &x 1\nc: *x\n", {"a": {"b": 1}, "c": 1}),
        ("&a a: *a\n", {"a": "a"}),
        ("a: &x <<\n? *x\n: 2\n", {"a": "<<", "<<": 2}),
        ("- <<\n- '<<'\n- !!str <<\n", ["<<", "<<", "<<"]),
        ("'<<': {a: 1}\n!!str <<: {b: 1}\n", {"<<": {"b": 1}}),
        ("! '<<': {a: 1}\n", {"a": 1}),
        ("!!merge <<: {a: 1}\nb: 2\n", {"a": 1, "b": 2}),
        ("<<: {a: 1, b: 1}\nb: 2\n", {"a": 1, "b": 2}),
        ("<<: [{a: 1}, {a: 2, b: 3}]\nc: 4\n", {"a": 1, "b": 3, "c": 4}),
        ("a: &a {x: 1}\n<<: [*a, {x: 2, z: [1]}]\n", {"a": {"x": 1}, "x": 1, "z": [1]}),
        ("- &a {x: 1}\n- &b {<<: *a, z: 2}\n- {<<: *b}\n", [{"x": 1}, {"x": 1, "z": 2}, {"x": 1, "z": 2}]),
        ("<<: []\na: 1\n", {"a": 1}),
    ],
)
def test_aliases_and_merge_keys(data: str, value: object) -> None:
    """An alias is what its anchor names; a merge key takes what is not set below it, of a list the first."""
    assert one(data).value == value


def test_copies_are_independent() -> None:
    """No part of a value is shared with another."""
    value = one("a: &x {b: {c: [1]}}\nd: *x\ne: {<<: *x}\nf: [*x]\n").value
    value["a"]["b"]["c"].append(2)
    assert [value["d"], value["e"], value["f"][0]] == [{"b": {"c": [1]}}] * 3


def test_anchors_end_with_their_document() -> None:
    """An anchor is unknown in the next document."""
    first, second = read("a: &x 1\n---\nb: *x\n")
    assert good(first).value == {"a": 1}
    assert isinstance(second, BrokenDocument)


def test_documents_come_as_they_are_read() -> None:
    """The reader is lazy: what stands first needs nothing of what follows."""
    documents = read_documents(b"a: 1\n---\nb: [\n", "f")
    first = next(documents)
    assert isinstance(first, Document)
    assert first.source == "f"
