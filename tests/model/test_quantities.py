"""Quantities as apimachinery reads them. The expected values were computed with k8s.io/apimachinery v0.36."""

from __future__ import annotations

import json
import time
from typing import Any, Final

import pytest

from patches.model.quantities import NANO, nanos
from webhook.errors import InvalidObject

GREATEST: Final = 2**63 - 1


@pytest.mark.parametrize(
    ("quantity", "value"),
    [
        (1, 1),
        ("1000m", 1),
        ("1e3", 1000),
        (1e3, 1000),
        (2e6, 2_000_000),
        ("2e6", 2_000_000),
        ("1e0", 1),
        ("1e+3", 1000),
        ("12e03", 12_000),
        ("5.", 5),
        ("5.Gi", 5 << 30),
        ("+1", 1),
        ("-1", -1),
        ("00012", 12),
        ("000", 0),
        ("-0", 0),
        (0, 0),
        (None, 0),
        ("0e99999", 0),
        ("1E", 10**18),
        ("1E3", 1000),
        ("1k", 10**3),
        ("1M", 10**6),
        ("1G", 10**9),
        ("1T", 10**12),
        ("1P", 10**15),
        ("1Ki", 2**10),
        ("1Mi", 2**20),
        ("1Gi", 2**30),
        ("1Ti", 2**40),
        ("1Pi", 2**50),
        ("1Ei", 2**60),
        ("1.5Gi", 3 << 29),
        (".5Mi", 1 << 19),
        (1e22, 10**22),
    ],
)
def test_whole_values(quantity: Any, value: int) -> None:
    """Spellings of whole numbers: suffixes of thousands and of 1024, exponents, bare JSON numbers; null is zero."""
    assert nanos(quantity) == value * NANO


@pytest.mark.parametrize(
    ("quantity", "value"),
    [
        ("0.5", 500_000_000),
        (0.5, 500_000_000),
        (".5", 500_000_000),
        ("-0.5", -500_000_000),
        ("1e-3", 1_000_000),
        ("1E-3", 1_000_000),
        (1e-7, 100),
        ("1m", 1_000_000),
        ("1u", 1000),
        ("1n", 1),
        ("1.1Ki", 1_126_400_000_000),
        ("0.1Ki", 102_400_000_000),
        ("1.5n", 2),
        ("0.5n", 1),
        ("0.1n", 1),
        ("-0.1n", -1),
        ("1.0000000001", 1_000_000_001),
        ("1e-400", 1),
        ("1e-99999999", 1),
    ],
)
def test_fractions_are_exact_to_a_billionth(quantity: Any, value: int) -> None:
    """Parts of one are exact down to nano; what is finer is rounded up, away from zero, never down to nothing."""
    assert nanos(quantity) == value


@pytest.mark.parametrize(
    ("quantity", "value"),
    [
        ("7Ei", 7 << 60),
        ("8Ei", GREATEST),
        ("-8Ei", -GREATEST),
        ("9223372036854775807Ki", GREATEST),
        ("9223372036854775807", GREATEST),
        ("9223372036854775808", GREATEST + 1),
        ("10E", 10**19),
        ("1e30", 10**30),
    ],
)
def test_only_binary_suffixes_are_capped(quantity: str, value: int) -> None:
    """A value with a binary suffix stops at 2^63-1; the documentation says the same of all, the code does not."""
    assert nanos(quantity) == value * NANO


def test_a_huge_exponent_is_cheap() -> None:
    """Nobody can keep the server busy with a long number: it counts as more, or less, than anything sensible."""
    start = time.perf_counter()
    assert nanos("1e999999999") > GREATEST * NANO
    assert nanos("-1e999999999") < -GREATEST * NANO
    assert nanos("1e-999999999") == 1
    assert nanos("9" * 400 + "e-999999999") >= 1
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 1",
        "1 ",
        "1 Gi",
        "1ki",
        "1K",
        "1mi",
        "1MI",
        "1KiB",
        "100mb",
        "0x10",
        "1_000",
        "1..2",
        "1.2.3",
        "1,5",
        "1e",
        "1e+",
        "1E-",
        "1eE",
        "1e1.5",
        "1e3m",
        "1e3Ki",
        "1Ki5",
        "1ik",
        "1um",
        "one",
        "nan",
        "Infinity",
        "1\n",
        "\u0661",
        "9" * 513,
    ],
)
def test_invalid_texts(text: str) -> None:
    """What apimachinery refuses; also digits of other scripts, and what is too long to be meant."""
    with pytest.raises(InvalidObject, match="is not a quantity such as"):
        nanos(text)


@pytest.mark.parametrize("number", [float("inf"), float("nan"), True])
def test_invalid_numbers(number: Any) -> None:
    """Numbers of Python that are none of JSON."""
    with pytest.raises(InvalidObject):
        nanos(number)


def test_a_number_with_too_many_digits_to_print() -> None:
    """YAML has hexadecimal integers of any length."""
    with pytest.raises(InvalidObject):
        nanos(16**5000)


def test_the_message_shows_the_beginning_only() -> None:
    """A long text is not echoed in full."""
    with pytest.raises(InvalidObject) as caught:
        nanos("x" * 1000)
    assert str(caught.value) == f"'{'x' * 40}' is not a quantity such as 500m, 1.5 or 128Mi"


def test_512_characters_are_read() -> None:
    """The longest text that is still read."""
    assert nanos("0" * 511 + "1") == NANO


def test_a_bare_number_counts_with_its_shortest_digits() -> None:
    """0.1 is a tenth, not the nearest double."""
    assert nanos(json.loads("0.1")) == NANO // 10
