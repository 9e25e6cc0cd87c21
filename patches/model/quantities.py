"""Exact Kubernetes quantities, as integers of a billionth (nano).

Source: `k8s.io/apimachinery/pkg/api/resource`: decimal suffixes n to E, binary suffixes Ki to Ei, or a decimal
exponent. What is finer than a billionth is rounded up, away from zero, and a value with a binary suffix above 2^63-1
counts as 2^63-1.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from patches.errors import InvalidObject
from patches.model.shapes import Quantity

NANO: Final = 10**9
"""How many of our units make one."""

_MAXIMUM: Final = (2**63 - 1) * NANO
_QUANTITY: Final = re.compile(
    r"([+-]?)(?=[0-9.]*[0-9])([0-9]*)\.?([0-9]*)(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?[0-9]+))?",
)
_DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY: Final = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_LONGEST: Final = 512
_FAR: Final = 1024


def nanos(quantity: Quantity) -> int:
    """The value of a quantity in billionths. null is zero, as the API server reads it.

    Raises:
        InvalidObject: the quantity is malformed.
    """
    if quantity is None:
        return 0
    try:  # The API server reads the digits of a bare number; repr gives the shortest ones, as JSON encoders do.
        text = quantity if isinstance(quantity, str) else repr(quantity)
    except ValueError as error:  # more digits than Python prints
        raise InvalidObject("", str(error)) from None
    return _parse(text)


@lru_cache(maxsize=4096)
def _parse(text: str) -> int:
    match = _QUANTITY.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        raise InvalidObject("", f"{text[:40]!r} is not a quantity such as 500m, 1.5 or 128Mi")
    sign, whole, fraction, suffix, exponent = match.groups()
    digits = int(whole + fraction)
    power: int = 9 - len(fraction) + _DECIMAL.get(suffix, 0) + int(exponent or 0)
    if abs(power) > _FAR:  # larger or smaller than anything it is compared with, whatever its digits
        power = _FAR if power > 0 else -_FAR
    scaled: int = digits << _BINARY.get(suffix, 0)
    value: int = scaled * 10**power if power >= 0 else -(-scaled // 10**-power)
    if suffix in _BINARY:
        value = min(value, _MAXIMUM)
    return -value if sign == "-" else value
