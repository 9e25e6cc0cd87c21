"""Splits an input into the texts of its documents, so that an error in one does not lose those that follow.

YAML allows the markers `---` and `...` at the beginning of a line only between documents, so no parser is needed. As
for kubectl, a comment may follow `---` without a space.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

_MARKER: Final = re.compile(rb"(?:\A|(?<=[\r\n]))(?:---(?=[# \t\r\n]|\Z)|\.\.\.(?=[ \t\r\n]|\Z))")
_LINE_END: Final = re.compile(rb"\r\n|\r|\n")
_DIRECTIVE: Final = re.compile(rb"(?:[ \t]*(?:#[^\r\n]*)?[\r\n])*%")
_CARRIAGE_RETURN: Final = re.compile(rb"[ \t]*(?:#[^\r\n]*)?\r(?!\n)")
_TEXT_AFTER: Final = re.compile(rb"---[ \t]+[^# \t\r\n]")
_LIKE_MARKER: Final = re.compile(rb"(?:\A|\n)---[^# \t\r\n]")


class Chunk(NamedTuple):
    """The bytes from one marker to the next: one document, or only comments.

    Attributes:
        data: with the `---` before them, and with spaces for a `...` and for a `---` that YAML does not know.
        first_line: the line of the input on which they begin, from 1.
        warning: why kubectl would not read them; "" if it would.
    """

    data: bytes
    first_line: int
    warning: str = ""


def to_utf8(data: bytes) -> bytes:
    """`data` in UTF-8 without byte order mark. Raises UnicodeDecodeError for broken UTF-16; UTF-8 is not checked."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16").encode()
    return data.removeprefix(codecs.BOM_UTF8)


def split(data: bytes) -> Iterator[Chunk]:
    """Yield the chunks of an input in UTF-8. Directives (`%YAML`) belong to the document that follows them."""
    begin, line = 0, 1
    warning = ""
    after_dots = False
    for marker in _MARKER.finditer(data):
        if marker[0] == b"---" and not warning and _DIRECTIVE.match(data, begin + 3 * after_dots):
            warning = "kubectl refuses directives such as %YAML"
            continue
        text = data[begin : marker.start()]
        yield _chunk(text, line, warning, after_dots=after_dots)
        line += len(_LINE_END.findall(text))
        begin, warning, after_dots = marker.start(), "", marker[0] == b"..."
        if data[begin - 1 : begin] == b"\r" or _CARRIAGE_RETURN.match(data, marker.end()):
            warning = "kubectl ends no line at a carriage return alone, and may refuse or skip this document"
    yield _chunk(data[begin:], line, warning, after_dots=after_dots)


def _chunk(text: bytes, line: int, warning: str, *, after_dots: bool) -> Chunk:
    if after_dots or (line > 1 and text.startswith(b"---#")):
        text = b"   " + text[3:]  # the columns stay
    if after_dots:
        warning = warning or 'kubectl skips what stands between "..." and the next "---"'
    elif _TEXT_AFTER.match(text):
        warning = warning or 'kubectl refuses text on the line of "---"'
    elif _LIKE_MARKER.search(text):
        warning = warning or 'kubectl refuses a line that begins with "---" and is no document marker'
    return Chunk(text, line, warning)
