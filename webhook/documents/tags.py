"""What a YAML scalar with an explicit tag, such as `!!int 7`, means to kubectl."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import re
from collections.abc import Callable
from typing import Final

from webhook.documents.scalars import MAX_INT, Raw, read_plain

_PREFIX: Final = "tag:yaml.org,2002:"

_TIMESTAMP: Final = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:(?:[Tt](?P<zoned>.+))|(?: +(?P<local>.+)))?",
)
_CLOCK: Final = re.compile(r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,][0-9]+)?")
_ZONE: Final = re.compile(r"(.+?)(?:Z|[-+]([0-9]{2}):([0-9]{2}))")
_UNDECODED: Final = re.compile("[\udc80-\udcff]")

_MISFIT: Final = object()
"""In place of a value: the text is not of the tag's type."""


def resolve(tag: str, text: str) -> Raw:
    """What a scalar with a tag means, whether it has quotes or not.

    Args:
        tag: in full, as in `tag:yaml.org,2002:int`. One that YAML does not define is ignored, and leaves the text as a
            string.
        text: the scalar without quotes.

    Raises:
        ValueError: the text is not of the tag's type.
    """
    read = _READERS.get(tag)
    value = text if read is None else read(text)
    if value is _MISFIT:
        raise ValueError(f'"{_short(text)}" is not of the type that its tag !!{tag.removeprefix(_PREFIX)} says')
    return value  # type: ignore[return-value] # all but _MISFIT


def _short(text: str, longest: int = 40) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _read_binary(text: str) -> str:
    try:
        decoded = base64.b64decode(re.sub("[\r\n]", "", text), validate=True)
    except binascii.Error:
        raise ValueError("!!binary holds no valid base64") from None
    return _UNDECODED.sub("\ufffd", decoded.decode(errors="surrogateescape"))  # byte by byte, as Go


def _read_timestamp(text: str) -> object:
    return text if _is_timestamp(text) else _MISFIT


def _read_int(text: str) -> object:
    value = read_plain(text)
    return value if type(value) is int else _MISFIT


def _read_float(text: str) -> object:
    value = read_plain(text)
    if type(value) is int and value <= MAX_INT:
        return float(value)
    return value if type(value) is float else _MISFIT


def _read_bool(text: str) -> object:
    value = read_plain(text)
    return value if type(value) is bool else _MISFIT


def _read_null(text: str) -> object:
    return None if read_plain(text) is None else _MISFIT


_READERS: Final[dict[str, Callable[[str], object]]] = {
    f"{_PREFIX}binary": _read_binary,
    f"{_PREFIX}timestamp": _read_timestamp,
    f"{_PREFIX}int": _read_int,
    f"{_PREFIX}float": _read_float,
    f"{_PREFIX}bool": _read_bool,
    f"{_PREFIX}null": _read_null,
}
"""How the text of each tag of YAML's own is read."""


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
