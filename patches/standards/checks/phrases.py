"""The phrases that the texts of the checks share.

The texts are a contract: if they equal upstream's byte for byte, the API server shows one line and not two. Names and
values are quoted as they are; only annotation values are escaped. All this runs for failing pods only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_ESCAPES = {
    '"': '\\"',
    "\\": "\\\\",
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
}
_LONGEST_ANNOTATION = 256 * 1024  # bytes of all together: the API server refuses an object with more
_ASCII = 0x80
_BASIC_PLANE = 0x10000


def plural(word: str, count: int) -> str:
    """`word`, with an s unless there is one."""
    return word if count == 1 else word + "s"


def quoted(values: Iterable[str]) -> str:
    """`"a", "b"`, in the order given."""
    return '"' + '", "'.join(values) + '"'


def quoted_set(values: Iterable[str]) -> str:
    """`"a", "b"`, each value once and sorted."""
    return quoted(sorted(set(values)))


def containers(names: Sequence[str]) -> str:
    """`container "a"` or `containers "a", "b"`."""
    return f"{plural('container', len(names))} {quoted(names)}"


def setters(names: Sequence[str], *, pod: bool) -> str:
    """Who set something: `pod`, `container "a"` or `pod and containers "a", "b"`."""
    if not names:
        return "pod"
    return f"pod and {containers(names)}" if pod else containers(names)


def annotation(key: str, value: str) -> str:
    """`key="value"`, the value quoted as Go's `%q` does, up to the length that an annotation can have."""
    return f"{key}={go_quoted(value[:_LONGEST_ANNOTATION])}"


def go_quoted(text: str) -> str:
    """`text` in quotes, escaped as Go's `%q` does."""
    escaped = text.translate(_ASCII_ESCAPES) if text.isascii() else "".join(map(_escaped, text))
    return f'"{escaped}"'


def _escaped(character: str) -> str:
    escape = _ESCAPES.get(character)
    if escape is not None:
        return escape
    if character.isprintable():
        return character
    code = ord(character)
    if code < _ASCII:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < _BASIC_PLANE else f"\\U{code:08x}"


_ASCII_ESCAPES = {code: _escaped(chr(code)) for code in range(_ASCII)}
