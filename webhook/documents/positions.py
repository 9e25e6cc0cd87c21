"""Positions in a text."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

LINE_END: Final = re.compile("\r\n|\r|\n")


class At(NamedTuple):
    """A position in a document's text: line and column, both from 0."""

    line: int
    column: int


def position_of(text: str, offset: int) -> At:
    """The position of the character at `offset`."""
    line = begin = 0
    for line, end in enumerate(LINE_END.finditer(text, 0, offset), start=1):  # noqa: B007 - its last value counts
        begin = end.end()
    return At(line, offset - begin)
