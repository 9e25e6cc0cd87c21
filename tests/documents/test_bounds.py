"""Hostile input: each ends with a clear error, soon, and without a crash."""

from __future__ import annotations

import itertools
import time
from collections.abc import Generator

import pytest

from tests.documents.reading import broken, good, one, read, values
from webhook.documents.bounds import MAX_ALIASED, MAX_DEPTH, MAX_DOCUMENTS, MAX_VALUES
from webhook.documents.reader import read_documents
from webhook.documents.writer import to_yaml
from webhook.errors import DocumentTooLarge

_MIB = 1024 * 1024


_SECONDS = 60
"""What is not bounded takes hours. The slowest here takes five seconds, several times that while coverage watches."""


@pytest.fixture(autouse=True)
def _in_time(request: pytest.FixtureRequest) -> Generator[None]:
    begin = time.process_time()
    yield
    took = time.process_time() - begin
    print(f"{request.node.name.partition('[')[0]}: {took:.2f} s")
    assert took < _SECONDS


def _laughs(template: str) -> str:
    names = "abcdefghij"
    lines = [f"{names[0]}: &{names[0]} [x, x, x, x, x, x, x, x, x]"]
    for below, name in itertools.pairwise(names):
        lines.append(f"{name}: &{name} {template.format(', '.join([f'*{below}'] * 9))}")
    return "\n".join(lines)


def test_billion_laughs() -> None:
    """Aliases of aliases end once they stand for more values than any manifest needs."""
    error = broken(_laughs("[{}]"))
    assert isinstance(error, DocumentTooLarge)
    assert error.message == "the aliases of the input stand for too many values"
    assert error.line > 1


def test_laughs_across_documents() -> None:
    """The budget is one for all documents of an input, so that many small ones gain nothing."""
    document = f"a: &a [{'x, ' * 100}]\nb: [{'*a, ' * 100}]\n---\n"
    found = read(document * 60)
    assert {type(entry).__name__ for entry in found} == {"Document", "DocumentTooLarge"}


def test_laughs_by_merging() -> None:
    """Merge keys spend the same budget."""
    body = "".join(f"  k{index}: 1\n" for index in range(1000))
    error = broken("a: &a\n" + body + "b:\n" + "- <<: *a\n" * 1000)
    assert isinstance(error, DocumentTooLarge)


@pytest.mark.parametrize("use", ["- *a\n", "- *a : 1\n", "- [*b]\n", "- {<<: *c}\n"])
def test_many_aliases_of_a_long_string(use: str) -> None:
    """Characters count as well: the output would repeat them, as a value or a key."""
    text = "x" * 100_000
    error = broken(f"- &b [&a {text}]\n- &c {{? {text}\n  : 1}}\n" + use * 1000)
    assert isinstance(error, DocumentTooLarge)


def test_aliases_within_the_budget() -> None:
    """Ordinary aliases are far from the bound."""
    document = one("- &a {b: [1, 2]}\n" + "- *a\n" * (MAX_ALIASED // 10))
    assert len(document.value) == MAX_ALIASED // 10 + 1


@pytest.mark.parametrize(
    "data",
    [
        "[" * 100_000,
        "[" * 100_000 + "]" * 100_000,
        "- " * 100_000,
        '{"a":' * 100_000,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}",
        "{a: " * 100_000,
        '{"a": 1,, ' + "[" * 100_000,
        "? " * 100_000,
    ],
    ids=["flow", "closed flow", "block", "json", "closed json", "json list", "mapping", "wrong json", "keys"],
)
def test_deep(data: str) -> None:
    """Deep nesting is refused before it costs anything, whatever it is written in."""
    error = broken(data)
    assert "nest deeper" in error.message or "key" in error.message or "not JSON" in error.message
    assert "RecursionError" not in str(error)


@pytest.mark.parametrize("pattern", ["[", '{"a":[', "- "])
def test_depth(pattern: str) -> None:
    """The deepest value that is read can also be written; one level more cannot be read."""
    close = {"[": "]", '{"a":[': "]}", "- ": ""}[pattern]
    levels = MAX_DEPTH // (1 + (len(close) == 2))
    document = one(pattern * levels + "1" + close * levels)
    assert one(to_yaml(document.value)).value == document.value
    error = broken(pattern * (levels + 1) + "1" + close * (levels + 1))
    assert isinstance(error, DocumentTooLarge)
    assert error.message == f"mappings and lists nest deeper than {MAX_DEPTH}"


def test_depth_through_an_alias() -> None:
    """An alias adds the depth of what it stands for to that of its place."""
    half = MAX_DEPTH // 2
    deep = "[" * half + "]" * half
    assert one(f"a: &a {deep}\nb: {'[' * (half - 1)}*a{']' * (half - 1)}\n").value["b"]
    error = broken(f"a: &a {deep}\nb: {'[' * half}*a{']' * half}\n")
    assert isinstance(error, DocumentTooLarge)


@pytest.mark.slow
@pytest.mark.parametrize(
    "line", ["- a value of some length\n", "# a comment of that length\n", "k: a value of that length\n"]
)
def test_ten_mebibytes(line: str) -> None:
    """An input of 10 MiB is read."""
    assert len([good(found) for found in read(line * (10 * _MIB // len(line)))]) == (line[0] != "#")


@pytest.mark.slow
@pytest.mark.parametrize("line", ["---\n", "---\na\n", "{}", "...\n", "--- ]\n"])
def test_many_documents(line: str) -> None:
    """An input has a bounded number of documents, empty and broken ones included."""
    found = read(line * (10 * _MIB // len(line)))
    assert "the input has more than" in str(found[-1])
    assert len(found) <= MAX_DOCUMENTS + 1


def test_number_of_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first document beyond the bound is an error, and the last thing that is yielded."""
    monkeypatch.setattr("webhook.documents.reader.MAX_DOCUMENTS", 3)
    assert values("a\n---\n# empty\n---\nb\n") == ["a", "b"]
    *_, third, error = read('{"a": 1} {"b": 2} {"c": 3}\n{"d": 4} {"e": 5}\n---\nf\n')
    assert good(third).value == {"c": 3}
    assert isinstance(error, DocumentTooLarge)
    *_, third, error = read("a\n---\nb\n---\nc\n---\nd\n---\ne\n")
    assert good(third).value == "c"
    assert isinstance(error, DocumentTooLarge)
    assert str(error) == "f: document 4, line 6, column 1: the input has more than 3 documents"


def test_number_of_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first value beyond the bound is an error at its place; a mapping that may be JSON or YAML says the same."""
    monkeypatch.setattr("webhook.documents.composer.MAX_VALUES", 3)
    assert one("[1, 2]").value == [1, 2]
    for data in ("a: [1, 2,\n 3]\n", '{"a": [1, 2,\n 3]}', '{"a": [1, 2,\n 3],}'):
        error = broken(data)
        assert isinstance(error, DocumentTooLarge)
        assert (error.message, error.line) == ("the document has more than 3 values", 2)


@pytest.mark.slow
def test_many_values() -> None:
    """A document has a bounded number of values."""
    error = broken('{"a":[' + "1," * MAX_VALUES + "1]}")
    assert isinstance(error, DocumentTooLarge)
    assert error.message == f"the document has more than {MAX_VALUES} values"


def test_limit() -> None:
    """Input beyond the caller's limit of bytes is not read at all; up to it, it is."""
    (error,) = read_documents(b"a: 1\n---\nb: 2", "f", limit=5)
    assert isinstance(error, DocumentTooLarge)
    assert str(error) == "f: document 1, line 1, column 1: the input has 13 bytes, of at most 5"
    assert len(list(read_documents(b"a: 1\n---\nb: 2", "f", limit=13))) == 2
