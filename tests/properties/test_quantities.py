"""Quantities against fractions."""

from __future__ import annotations

import math
from contextlib import suppress
from fractions import Fraction
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from patches.model.quantities import nanos
from webhook.errors import InvalidObject

_DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY: Final = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_NUMBERS: Final = st.from_regex(r"[0-9]{1,12}(\.[0-9]{0,12})?", fullmatch=True)


@given(st.sampled_from(["", "+", "-"]), _NUMBERS, st.sampled_from([*_DECIMAL, *_BINARY, "e-3", "E+07", "e0"]))
def test_every_spelling(sign: str, number: str, suffix: str) -> None:
    """Exact, rounded away from zero at the ninth place; with a binary suffix at most 2^63-1."""
    exact = Fraction(number.rstrip("."))
    if suffix in _BINARY:
        exact = min(exact * 2 ** _BINARY[suffix], Fraction(2**63 - 1))
    else:
        exact *= Fraction(10) ** (_DECIMAL[suffix] if suffix in _DECIMAL else int(suffix[1:]))
    expected = math.ceil(exact * 10**9)
    assert nanos(sign + number + suffix) == (-expected if sign == "-" else expected)


@given(st.text(max_size=12) | st.from_regex(r"[-+.0-9eEinumkKMGTP]{0,12}", fullmatch=True))
def test_any_text(text: str) -> None:
    """A number or InvalidObject, and nothing else."""
    with suppress(InvalidObject):
        assert isinstance(nanos(text), int)


@given(st.integers(min_value=-(10**400), max_value=10**400) | st.floats(allow_nan=False, allow_infinity=False))
def test_any_number_of_json(number: float) -> None:
    """A bare number is its shortest digits."""
    exact = Fraction(repr(number)) * 10**9
    assert nanos(number) == (math.ceil(exact) if exact >= 0 else math.floor(exact))
