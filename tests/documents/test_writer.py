"""YAML that is written reads back the same, and reads well."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.documents.reading import one, read, values
from webhook.documents.bounds import MAX_DEPTH
from webhook.documents.writer import to_yaml, to_yaml_all, unified_diff
from webhook.errors import DocumentError, UnwritableValue

_NASTY = st.sampled_from(
    [
        *("", " ", "\n", "\n\n", "a\n", "a\nb", "a\n\nb\n\n", " a\nb", "a \nb", "\ta\nb", "a\tb", "a\r\nb", "a\rb"),
        *("y", "n", "yes", "no", "on", "off", "true", "null", "~", "<<", "=", ".inf", ".nan", "1", "014", "0o14"),
        *("1e3", "1_000", "22:22", "2024-01-01", "0x1F", "-0b1", ".5", "5.", "+1", "- a", "? a", ": a", "a: b"),
        *("---", "...", "--- a", "%a", "@a", "`a", "&a", "*a", "!a", "|", ">", "{{ a }}", "[", "'", '"', "\\"),
        *("\x00", "\x07", "\x1b[31m", "\x7f", "\x85", "\xa0", "\u2028", "a\u2029b", "\ufeff", "\ufffe", "𝄞"),
        *("08", "a #b", "#a", "a:", ",a", "a\x85\nb"),
        "a" * 2000 + " b" * 100,
    ],
)
_TEXT = st.one_of(_NASTY, st.text(st.characters(exclude_categories=["Cs"])))
_SCALAR = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    _TEXT,
)
_JSON = st.recursive(_SCALAR, lambda part: st.lists(part) | st.dictionaries(_TEXT, part), max_leaves=20)


def _same(one_value: Any, other: Any) -> bool:
    """Equality that tells truth values from numbers, and sees the order of keys."""
    if isinstance(one_value, dict) and isinstance(other, dict):
        return list(one_value) == list(other) and all(_same(one_value[key], other[key]) for key in one_value)
    if isinstance(one_value, list) and isinstance(other, list):
        return len(one_value) == len(other) and all(map(_same, one_value, other))
    if isinstance(one_value, float) and isinstance(other, int):  # whole floats read as integers
        return one_value == float(other) and not isinstance(other, bool)
    return type(one_value) is type(other) and bool(one_value == other)


@given(_JSON)
def test_round_trip(value: Any) -> None:
    """Whatever JSON can say is written so that it reads back the same, the order of its keys included."""
    found = read(to_yaml(value))
    assert (value is None and not found) or _same(value, one(to_yaml(value)).value)


@given(st.lists(_JSON.filter(lambda value: value is not None), max_size=4))
def test_round_trip_of_a_stream(parts: list[Any]) -> None:
    """A stream of documents reads back as the same documents."""
    found = values(to_yaml_all(parts))
    assert len(found) == len(parts)
    assert all(map(_same, parts, found))


@given(st.dictionaries(st.text("abyn01~<=", max_size=3), _SCALAR.filter(lambda value: not isinstance(value, float))))
def test_other_readers(value: dict[str, Any]) -> None:
    """PyYAML, a reader of YAML 1.1, reads strings as strings as well."""
    strings = {key: text for key, text in value.items() if isinstance(text, str)}
    assert yaml.safe_load(to_yaml(strings)) == strings


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [1, {"c": None}]}, "b: 1\na:\n- 1\n- c: null\n"),
        ({"a": "x\ny\n"}, "a: |\n  x\n  y\n"),
        ({"a": "x\n\ny"}, "a: |-\n  x\n\n  y\n"),
        ({"a": "x \ny"}, 'a: "x \\ny"\n'),
        ({"a": " x\ny"}, 'a: " x\\ny"\n'),
        ({"a": "x\n\n"}, 'a: "x\\n\\n"\n'),
        ({"a": "x\ty"}, 'a: "x\\ty"\n'),
        ({"a": "22:22", "b": "2024-01-01", "c": "é"}, "a: '22:22'\nb: '2024-01-01'\nc: é\n"),
        ({"a": "014", "b": "yes", "c": "", "d": "1e3"}, 'a: "014"\nb: "yes"\nc: ""\nd: "1e3"\n'),
        ({"y": "y", "true": "n", "<<": "<<"}, '"y": "y"\n"true": "n"\n"<<": "<<"\n'),
        ({"a": {}, "b": [], "c": True, "d": 1.5, "e": 1e100}, "a: {}\nb: []\nc: true\nd: 1.5\ne: 1.0e+100\n"),
        ("text", "text\n"),
        (5, "5\n"),
        ("word " * 500 + "end", "word " * 500 + "end\n"),
    ],
)
def test_text(value: object, text: str) -> None:
    """Block style, keys in their order, literal blocks where they are exact, quotes where a reader needs them."""
    assert to_yaml(value) == text


def test_no_aliases() -> None:
    """A value that occurs twice is written twice."""
    part = {"x": [1]}
    assert to_yaml([part, part]) == "- x:\n  - 1\n- x:\n  - 1\n"


def test_to_yaml_all() -> None:
    """The markers stand between the documents only."""
    assert to_yaml_all([]) == ""
    assert to_yaml_all([{"a": 1}]) == "a: 1\n"
    assert to_yaml_all([{"a": 1}, 5, {"b": 2}]) == "a: 1\n---\n5\n---\nb: 2\n"


def test_unified_diff() -> None:
    """A diff that `patch` takes; where nothing changes, nothing."""
    assert unified_diff({"a": 1}, {"a": 1.0}, "x") == "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a: 1\n+a: 1.0\n"
    assert unified_diff({"a": "x\ny"}, {"a": "x\nz"}, "pod.yaml") == (
        "--- a/pod.yaml\n+++ b/pod.yaml\n@@ -1,3 +1,3 @@\n a: |-\n   x\n-  y\n+  z\n"
    )
    assert unified_diff({"a": [1]}, {"a": [1]}, "x") == ""


def test_a_diff_can_hold_the_whole_document() -> None:
    """Without a bound of context both texts can be had from the diff, where nothing changes too."""
    before = {f"key{number}": number for number in range(20)}
    after = before | {"key0": "x", "key19": "y"}
    for becomes in (before, after):
        lines = unified_diff(before, becomes, "x", None).splitlines(keepends=True)
        assert [line for line in lines if line.startswith("@@")] == ["@@ -1,20 +1,20 @@\n"]
        assert "".join(line[1:] for line in lines[3:] if line[0] in " -") == to_yaml(before)
        assert "".join(line[1:] for line in lines[3:] if line[0] in " +") == to_yaml(becomes)


@pytest.mark.parametrize(
    ("value", "field", "message"),
    [
        (math.nan, "", "an infinite number or not-a-number has no JSON form"),
        ({"a": [1, math.inf]}, "a[1]", "an infinite number or not-a-number has no JSON form"),
        ({"a": {"b": (1, 2)}}, "a.b", "tuple is no JSON type"),
        ([dt.date(2024, 1, 1)], "[0]", "date is no JSON type"),
        ({"a": b""}, "a", "bytes is no JSON type"),
        ({"a": {1: 2}}, "a", "a key is not a string"),
        ({"a": "\ud800"}, "a", "half a surrogate pair is no character"),
        ({"a": {"\udfff": 1}}, "a", "half a surrogate pair is no character"),
    ],
)
def test_unwritable(value: object, field: str, message: str) -> None:
    """What JSON cannot say is refused, and the error names the part."""
    with pytest.raises(UnwritableValue) as caught:
        to_yaml_all([1, value])
    assert (caught.value.field, caught.value.message) == (field, message)
    assert str(caught.value) == (f"{field}: {message}" if field else message)
    assert isinstance(caught.value, DocumentError)


def test_too_deep() -> None:
    """A value is refused that the reader would not take back, or that contains itself."""
    itself: list[Any] = []
    itself.append(itself)
    deep: list[Any] = []
    for _ in range(MAX_DEPTH - 1):
        deep = [deep]
    assert one(to_yaml(deep)).value == deep
    for value in ([deep], itself):
        with pytest.raises(UnwritableValue, match="nest deeper"):
            to_yaml(value)
