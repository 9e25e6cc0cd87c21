"""What a YAML scalar means to kubectl: the rules of go-yaml v2 and of sigs.k8s.io/yaml 1.6, compared with both.

They are those of YAML 1.1 without numbers in base 60 and without timestamps, and with Go's numbers: a leading 0 or
0o is octal, and what is no octal number may still be a decimal one (`08` is 8). The JSON that becomes of it has only
strings as keys and no infinite numbers.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import math
import re
import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Final

Raw = str | int | float | bool | None
"""A scalar before it becomes a value or a key: `1.0` is still a float here."""

_MIN_INT: Final = -(2**63)
_MAX_INT: Final = 2**63 - 1
_MAX_UINT: Final = 2**64 - 1
_LONGEST_DECIMAL: Final = 20
_FLOAT32_DIGITS: Final = 9

_PREFIX: Final = "tag:yaml.org,2002:"
_INFINITY: Final = math.inf

_WORDS: Final[dict[str, Raw]] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), _INFINITY),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -_INFINITY),
}

_INTEGER: Final = re.compile(
    r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]([0-7]+)|0([0-7]+)|(0|[1-9][0-9]*))",
)
_SIGNED_BINARY: Final = re.compile(r"0b([-+])([01]+)")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_FRACTION: Final = re.compile(r"\.[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+(?:_[0-9]+)*)?")
_TIMESTAMP: Final = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:(?:[Tt](?P<zoned>.+))|(?: +(?P<local>.+)))?",
)
_CLOCK: Final = re.compile(r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,][0-9]+)?")
_UNDECODED: Final = re.compile("[\udc80-\udcff]")
_ZONE: Final = re.compile(r"(.+?)(?:Z|[-+]([0-9]{2}):([0-9]{2}))")


def resolve(tag: str | None, text: str) -> Raw:
    """What a plain scalar, or one with an explicit tag (in full, `tag:yaml.org,2002:int`), means.

    Quoted scalars without a tag are not asked here: they are strings. Tags that YAML does not define are ignored, and
    leave the text as a string. Raises ValueError where the text is not of the kind that the tag says.
    """
    if tag is None:
        return _plain(text)
    read = _READERS.get(tag)
    value = text if read is None else read(text)
    if value is _WRONG:
        raise ValueError(f'"{_short(text)}" is not of the type that its tag !!{tag.removeprefix(_PREFIX)} says')
    return value  # type: ignore[return-value] # all but _WRONG


def to_value(raw: Raw) -> Raw:
    """The JSON value of a scalar: a whole float is an integer. Raises ValueError for what JSON cannot say."""
    if not isinstance(raw, float):
        return raw
    if not math.isfinite(raw):
        raise ValueError("an infinite number or not-a-number has no JSON form; quote it if a string is meant")
    if not raw.is_integer() or abs(raw) > _MAX_INT:
        return raw
    whole = int(Decimal(repr(raw)))  # from its shortest digits, as Go writes JSON
    return whole if abs(whole) <= _MAX_INT else raw


def to_key(raw: Raw) -> str:
    """The JSON key of a scalar. Raises ValueError for null and for integers beyond 64 bits with sign, as kubectl."""
    if isinstance(raw, str):
        return raw
    if raw is None:
        raise ValueError("a key cannot be null; quote it if a string is meant")
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, float):
        return _float_key(raw)
    if raw > _MAX_INT:
        raise ValueError(f"the key {raw} is too large an integer; quote it")
    return str(raw)


def _plain(text: str) -> Raw:
    if text in _WORDS:
        return _WORDS[text]
    first = text[0]
    if first in "+-0123456789":
        return _number(text)
    if first == "." and _FRACTION.fullmatch(text):
        value = float(text)
        return text if math.isinf(value) else value
    return text


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
    """The integer in Go's notation, None where there is none that 64 bits hold (without sign: in twice the range)."""
    match = _INTEGER.fullmatch(digits) or _SIGNED_BINARY.fullmatch(digits)
    if match is None:
        return None
    if match.re is _SIGNED_BINARY:  # go-yaml hands what follows 0b to Go, sign and all
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
    return value if _MIN_INT <= value <= _MAX_INT else None


def _float_key(value: float) -> str:
    """As sigs.k8s.io/yaml writes keys, by Go's %g in single precision: `1.10` is "1.1", `1e6` is "1e+06"."""
    packed = struct.pack("f", value)  # what is too large becomes infinite
    (single,) = struct.unpack("f", packed)
    if not math.isfinite(single):
        return ".nan" if math.isnan(single) else ".inf" if single > 0 else "-.inf"
    texts = (f"{single:.{precision}e}" for precision in range(_FLOAT32_DIGITS))
    text = next(text for text in texts if struct.pack("f", float(text)) == packed)
    mantissa, exponent = text.split("e")
    fixed = -4 <= int(exponent) < 6  # noqa: PLR2004 - the bounds of %g
    return repr(float(text)).removesuffix(".0") if fixed else f"{mantissa}e{exponent}"


def _binary(text: str) -> str:
    try:
        decoded = base64.b64decode(re.sub("[\r\n]", "", text), validate=True)
    except binascii.Error:
        raise ValueError("!!binary holds no valid base64") from None
    return _UNDECODED.sub("\ufffd", decoded.decode(errors="surrogateescape"))  # byte by byte, as Go


def _is_timestamp(text: str) -> bool:
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return False
    clock: str | None = match["local"]
    if match["zoned"] is not None:
        zoned = _ZONE.fullmatch(match["zoned"])
        if zoned is None or (zoned[2] is not None and (int(zoned[2]) > 24 or int(zoned[3]) > 60)):  # noqa: PLR2004
            return False
        clock = zoned[1]
    try:
        dt.date(int(match[1]) or 4, int(match[2]), int(match[3]))  # Go knows the year 0, a leap year
        if clock is not None:
            parts = _CLOCK.fullmatch(clock)
            if parts is None:
                return False
            dt.time(int(parts[1]), int(parts[2]), int(parts[3]))
    except ValueError:
        return False
    return True


def _short(text: str, longest: int = 40) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


_WRONG: Final = object()


def _as_timestamp(text: str) -> object:
    return text if _is_timestamp(text) else _WRONG


def _as_int(text: str) -> object:
    value = _plain(text)
    return value if type(value) is int else _WRONG


def _as_float(text: str) -> object:
    value = _plain(text)
    if type(value) is int and value <= _MAX_INT:
        return float(value)
    return value if type(value) is float else _WRONG


def _as_bool(text: str) -> object:
    value = _plain(text)
    return value if type(value) is bool else _WRONG


def _as_null(text: str) -> object:
    return None if _plain(text) is None else _WRONG


_READERS: Final[dict[str, Callable[[str], object]]] = {
    f"{_PREFIX}binary": _binary,
    f"{_PREFIX}timestamp": _as_timestamp,
    f"{_PREFIX}int": _as_int,
    f"{_PREFIX}float": _as_float,
    f"{_PREFIX}bool": _as_bool,
    f"{_PREFIX}null": _as_null,
}
"""What each tag of YAML's own asks of its text."""
