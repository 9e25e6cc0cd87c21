"""What scalars mean, as values and as keys.

Every expectation was taken from sigs.k8s.io/yaml v1.6.0 (YAMLToJSON, built with Go 1.26), the library of kubectl; of
integers beyond 64 bits with sign kubectl makes floats later on.
"""

from __future__ import annotations

import math
from typing import Any, Final

import pytest

from webhook.documents.reader import Document, read_documents
from webhook.documents.scalars import read_plain, to_key, to_value
from webhook.documents.tags import resolve
from webhook.errors import BrokenDocument

_TRUE: Final = ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON")
_FALSE: Final = ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF")
_NULL: Final = ("", "~", "null", "Null", "NULL", "!!null null", "!!null ''", "!!null ~")
_NOT_FINITE: Final = (".inf", ".Inf", ".INF", "+.inf", "-.inf", "-.INF", ".nan", ".NaN", ".NAN", "!!float .inf")

_STRINGS: Final = (
    *("22:22", "1:30:00", "190:20:30", "1:2.5"),  # base 60 in YAML 1.1
    *("2024-01-01", "2024-1-1", "2024-13-01", "2024-01-01T00:00:00Z", "2024-01-01 10:20:30.5"),
    *("yEs", "nO", "oN", "oFF", "tRUE", "nULL", ".iNF", "inf", "nan", "NaN", "Infinity"),
    *("+", ".", "e1", "1e", "1e+", "1.2.3", "._5", ".5_", ".1__2", "_1", ".1e400", "1e400"),
    *("0x", "0xG", "0o8", "0b2", "0b", "+0b-", "0x1p4", "-0xFFFFFFFFFFFFFFFF1.", "v1", "="),
)
"""Plain scalars that are strings."""

_NUMBERS: Final[tuple[tuple[str, float], ...]] = (
    *(("0", 0), ("1", 1), ("+1", 1), ("-1", -1), ("-0", 0), ("+0", 0), ("00", 0)),
    *(("1e3", 1000), ("12e03", 12000), ("1E+3", 1000), ("1e-3", 0.001), ("0e0", 0), ("1.e1", 10)),
    ("1.5e300", 1.5e300),
    *(("0o14", 12), ("0O14", 12), ("014", 12), ("-014", -12), ("08", 8), ("09.5", 9.5), ("+091", 91)),
    *(("0x1F", 31), ("0X1f", 31), ("-0x1F", -31), ("0x_1F", 31), ("0xFFFFFFFFFFFFFFFF", 18446744073709551615)),
    *(("0b101", 5), ("0B1", 1), ("-0b1", -1), ("+0b1", 1), ("0b-1", -1), ("0b+1", 1)),
    *(("1_000", 1000), ("1__0", 10), ("1_", 1), ("1_0.5", 10.5), ("1._5", 1.5), (".1_0", 0.1), ("+._5", 0.5)),
    *(("1.0", 1), ("1.10", 1.1), (".5", 0.5), ("-.5", -0.5), ("+.5", 0.5), ("5.", 5), (".5e3", 500)),
    (".1e1_0", 1000000000),
    *(("9223372036854775807", 9223372036854775807), ("-9223372036854775808", -9223372036854775808)),
    *(("9223372036854775808", 9223372036854775808), ("18446744073709551615", 18446744073709551615)),
    *(("18446744073709551616", 18446744073709552000.0), ("-9223372036854775809", -9223372036854776000.0)),
    *(("123456789012345678901234567890", 1.2345678901234568e29), ("01777777777777777777777", 18446744073709551615)),
    *(("6.295699371978744e+18", 6295699371978744000), ("9.223372036854775e18", 9223372036854775000)),
    *(("1e21", 1e21), ("1e-400", 0), ("1.7976931348623157e308", 1.7976931348623157e308)),
)

_TAGGED: Final[tuple[tuple[str, object], ...]] = (
    *(("!!str 1", "1"), ("!!str yes", "yes"), ("!!str", ""), ("!!str 2024-01-01", "2024-01-01"), ("!!str ~", "~")),
    *(("!!int 7", 7), ("!!int '7'", 7), ("!!int 0x1F", 31), ('!!int "1_000"', 1000)),
    *(("!!float 1", 1), ("!!float 1.5", 1.5), ("!!float '2'", 2), ("!!float .461_41", 0.46141)),
    *(("!!bool yes", True), ("!!bool 'off'", False), ("!!bool y", True)),
    *(("!!binary aGVsbG8=", "hello"), ("!!binary", ""), ("!!binary /w==", "\ufffd")),
    ("!!binary 4oLigg==", "\ufffd" * 4),
    *(("!!timestamp 2024-01-01", "2024-01-01"), ("!!timestamp 0000-02-29", "0000-02-29")),
    ("!!timestamp 2024-01-01  1:2:3.5", "2024-01-01  1:2:3.5"),
    ("!!timestamp 2024-01-01T01:02:03+01:00", "2024-01-01T01:02:03+01:00"),
    *(("!custom 1", "1"), ("!!unknown 1", "1"), ("!<tag:yaml.org,2002:int> 5", 5)),
    *(("! n", "n"), ("! 1", "1"), ("! '1'", "1"), ("!", ""), ("&a ! 014", "014")),
)

_WRONG: Final = (
    *("!!int 1.0", "!!int x", "!!int ''", "!!int yes", "!!float x", "!!float 18446744073709551615"),
    *("!!bool 1", "!!bool x", "!!null 0", "!!null x", "!!binary '='", "!!binary aGVsbG8"),
    *("!!timestamp x", "!!timestamp 2024-13-01", "!!timestamp 2023-02-29", "!!timestamp 2024-01-01T25:00:00Z"),
    *("!!timestamp 2024-01-01T1:2:3", "!!timestamp 2024-01-01T1:2Z", "!!timestamp 2024-01-01 1:2"),
    "!!timestamp 2024-01-01T1:2:3+25:00",
)
"""Scalars that are not of the type that their tag says."""

_KEYS: Final[tuple[tuple[str, str], ...]] = (
    *((text, "true") for text in _TRUE),
    *((text, "false") for text in _FALSE),
    *(("22:22", "22:22"), ("1:30:00", "1:30:00"), ("2024-01-01", "2024-01-01"), ("'y'", "y"), ('"1"', "1")),
    ("! y", "y"),
    *(("1", "1"), ("014", "12"), ("0o14", "12"), ("08", "8"), ("0x1F", "31"), ("0b101", "5"), ("-0b1", "-1")),
    ("1_000", "1000"),
    *(("1.0", "1"), ("1.10", "1.1"), (".5", "0.5"), ("5.", "5"), ("+1", "1"), ("-0.0", "-0"), ("12e03", "12000")),
    ("1e3", "1000"),
    *(("1e5", "100000"), ("1e6", "1e+06"), ("1261597.5149108623", "1.2615975e+06"), ("123456.789", "123456.79")),
    *(("0.0001", "0.0001"), ("0.00001", "1e-05"), ("1e18", "1e+18"), ("1e-46", "0"), ("1e39", ".inf")),
    ("-1e39", "-.inf"),
    *(("16777217.0", "1.6777216e+07"), ("3.4028235e38", "3.4028235e+38"), ("1e-45", "1e-45"), ("0.1", "0.1")),
    *((".inf", ".inf"), ("-.inf", "-.inf"), (".nan", ".nan")),
    *(("9223372036854775807", "9223372036854775807"), ("18446744073709551616", "1.8446744e+19")),
    *(("!!str 1", "1"), ("!!float 5", "5"), ("!!binary aGVsbG8=", "hello"), ("!!bool yes", "true")),
)


def _one(text: str) -> Document | BrokenDocument:
    (document,) = read_documents(text.encode(), "pod.yaml")
    return document


def _read(text: str) -> Any:
    document = _one(text)
    assert isinstance(document, Document)
    return document.value


def _is(value: Any, expected: Any) -> bool:
    return value == expected and isinstance(value, bool) == isinstance(expected, bool)


@pytest.mark.parametrize("text", _STRINGS)
def test_string(text: str) -> None:
    """What only other readers take for a number, a date or a truth value is a string, also as a key."""
    assert _read(f"a: {text}\n") == {"a": text}
    assert _read(f"{text}: 1\n") == {text: 1}


@pytest.mark.parametrize(("text", "value"), _NUMBERS)
def test_number(text: str, value: float) -> None:
    """Numbers are Go's, and a whole float is an integer while 64 bits hold it."""
    found = _read(f"a: {text}\n")["a"]
    assert _is(found, value)
    assert isinstance(found, int) == isinstance(value, int)


@pytest.mark.parametrize(("words", "value"), [(_TRUE, True), (_FALSE, False), (_NULL, None)])
def test_word(words: tuple[str, ...], value: object) -> None:
    """Truth values have eleven spellings each, `y` and `n` among them, null has five."""
    for word in words:
        assert _read(f"- 0\n- {word}\n")[1] is value, word


@pytest.mark.parametrize(
    "word", [*_TRUE, *_FALSE, *(text for text, _ in _NUMBERS), "null", "~", ".inf", "2024-01-01", "<<"]
)
def test_quoted(word: str) -> None:
    """Quotes make a string of anything, and so do block scalars."""
    assert _read(f"- '{word}'\n- \"{word}\"\n- |-\n  {word}\n- >-\n  {word}\n") == [word] * 4


@pytest.mark.parametrize(("text", "value"), _TAGGED)
def test_tag(text: str, value: object) -> None:
    """A tag decides what its text means; one that YAML does not define makes a string."""
    assert _is(_read(f"a: {text}\n")["a"], value)


@pytest.mark.parametrize("text", _WRONG)
def test_wrong_tag(text: str) -> None:
    """A text that is not what its tag says is an error at its place, as a value and as a key."""
    broken = _one(f"- 1\n- a: {text}\n")
    assert isinstance(broken, BrokenDocument)
    assert (broken.line, broken.column, broken.field) == (2, 6, "[1].a")
    assert "!!" in broken.message
    assert isinstance(_one(f"? {text}\n: 1\n"), BrokenDocument)


def test_long_text_of_a_wrong_tag() -> None:
    """A message quotes only the beginning of a long text."""
    broken = _one(f"!!int {'x' * 100}\n")
    assert isinstance(broken, BrokenDocument)
    assert broken.message == f'"{"x" * 39}…" is not of the type that its tag !!int says'


@pytest.mark.parametrize("text", _NOT_FINITE)
def test_not_finite(text: str) -> None:
    """Infinite numbers and not-a-number have no JSON form."""
    broken = _one(f"a: {text}\n")
    assert isinstance(broken, BrokenDocument)
    assert "no JSON form" in broken.message


@pytest.mark.parametrize(("text", "key"), _KEYS)
def test_key(text: str, key: str) -> None:
    """A key is its value as text: one spelling of truth values, decimal integers, floats in single precision."""
    assert _read(f"? {text}\n: 7\n") == {key: 7}


@pytest.mark.parametrize("text", ["~", "null", "", "!!null ''", "18446744073709551615", "9223372036854775808"])
def test_bad_key(text: str) -> None:
    """Null and integers beyond 64 bits with sign cannot be keys, and the message says to quote them."""
    broken = _one(f"? {text}\n: 1\n")
    assert isinstance(broken, BrokenDocument)
    assert "quote it" in broken.message


def test_functions() -> None:
    """`read_plain` keeps floats apart from integers; `to_value` and `to_key` then make JSON of them."""
    whole = read_plain("1.0")
    assert (whole, type(whole)) == (1.0, float)
    assert (type(to_value(whole)), to_key(whole)) == (int, "1")
    assert resolve("tag:example.com,2024:x", "1.0") == "1.0"
    assert to_value(9.223372036854775e18) == 9223372036854775000
    assert to_value(math.ldexp(1, 63)) == math.ldexp(1, 63)
