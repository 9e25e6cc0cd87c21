"""What a YAML scalar means to kubectl, as a value and as a key: the rules of go-yaml v2 and of sigs.k8s.io/yaml 1.6.

They are those of YAML 1.1 without base 60 and timestamps, and with Go's numbers: a leading 0 or 0o means octal, and
what is not octal may still be decimal (`08` is 8). JSON has only strings as keys, and no infinite numbers.
"""

from __future__ import annotations

import math
import re
import struct
from decimal import Decimal
from typing import Final

Raw = str | int | float | bool | None
"""A scalar before it becomes a value or a key: `1.0` is still a float here."""

MAX_INT: Final = 2**63 - 1
"""The largest integer of 64 bits with a sign."""

_MIN_INT: Final = -(2**63)
_MAX_UINT: Final = 2**64 - 1
_LONGEST_DECIMAL: Final = 20
_FLOAT32_DIGITS: Final = 9

_WORDS: Final[dict[str, Raw]] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}

_INTEGER: Final = re.compile(
    r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]([0-7]+)|0([0-7]+)|(0|[1-9][0-9]*))",
)
_SIGNED_BINARY: Final = re.compile(r"0b([-+])([01]+)")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_FRACTION: Final = re.compile(r"\.[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+(?:_[0-9]+)*)?")


def read_plain(text: str) -> Raw:
    """What a scalar with neither quotes nor a tag means."""
    if text in _WORDS:
        return _WORDS[text]
    first = text[0]
    if first in "+-0123456789":
        return _number(text)
    if first == "." and _FRACTION.fullmatch(text):
        value = float(text)
        return text if math.isinf(value) else value
    return text


def to_value(raw: Raw) -> Raw:
    """The JSON value of a scalar: a whole float is an integer. Raises ValueError if JSON has no form for it."""
    if not isinstance(raw, float):
        return raw
    if not math.isfinite(raw):
        raise ValueError("an infinite number or not-a-number has no JSON form; quote it if a string is meant")
    if not raw.is_integer() or abs(raw) > MAX_INT:
        return raw
    whole = int(Decimal(repr(raw)))  # from its shortest digits, as Go writes JSON
    return whole if abs(whole) <= MAX_INT else raw


def to_key(raw: Raw) -> str:
    """The JSON key of a scalar. Raises ValueError, as kubectl, if it is null or larger than MAX_INT."""
    if isinstance(raw, str):
        return raw
    if raw is None:
        raise ValueError("a key cannot be null; quote it if a string is meant")
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, float):
        return _float_key(raw)
    if raw > MAX_INT:
        raise ValueError(f"the key {raw} is too large an integer; quote it")
    return str(raw)


def _number(text: str) -> Raw:
    digits = text.replace("_", "")
    integer = _integer(digits)
    if integer is not None:
        return integer
    if _FLOAT.fullmatch(digits):
        value = float(digits)
        return text if math.isinf(value) else value
    return text


def _integer(digits: str) -> int | None:
    """The integer in Go's notation; None if it is none, or if 64 bits cannot hold it (63 after a sign)."""
    match = _INTEGER.fullmatch(digits) or _SIGNED_BINARY.fullmatch(digits)
    if match is None:
        return None
    if match.re is _SIGNED_BINARY:  # go-yaml lets a sign follow 0b
        value = int(match[2], 2)
        return _signed(match[1], value)
    sign, *texts = match.groups()
    for base, part in zip((16, 2, 8, 8, 10), texts, strict=True):
        if part is not None and (base != 10 or len(part) <= _LONGEST_DECIMAL):  # noqa: PLR2004 - the decimal system
            value = int(part, base)
            return value if not sign and value <= _MAX_UINT else _signed(sign, value)
    return None


def _signed(sign: str, value: int) -> int | None:
    value = -value if sign == "-" else value
    return value if _MIN_INT <= value <= MAX_INT else None


def _float_key(value: float) -> str:
    """A float as sigs.k8s.io/yaml writes keys, by Go's %g in single precision: `1.10` is "1.1", `1e6` is "1e+06"."""
    packed = struct.pack("f", value)  # a value that is too large becomes infinite
    (single,) = struct.unpack("f", packed)
    if not math.isfinite(single):
        return ".nan" if math.isnan(single) else ".inf" if single > 0 else "-.inf"
    texts = (f"{single:.{precision}e}" for precision in range(_FLOAT32_DIGITS))
    text = next(text for text in texts if struct.pack("f", float(text)) == packed)
    mantissa, exponent = text.split("e")
    fixed = -4 <= int(exponent) < 6  # noqa: PLR2004 - the bounds of %g
    return repr(float(text)).removesuffix(".0") if fixed else f"{mantissa}e{exponent}"
