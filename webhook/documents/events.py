"""What the parsers of YAML and of JSON find in a text, in its order.

A document is one node and a DocumentEnd. A node is a Scalar, an Alias, or a MappingStart or ListStart, the nodes in it
(of a mapping: keys and values by turns) and an End. A Problem ends everything.

Every event begins with its line in the whole input and its column in that line, both from 1.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple, TypeAlias

from webhook.documents.scalars import Raw

LINE_END: Final = re.compile("\r\n|\r|\n")


class Scalar(NamedTuple):
    """A scalar. `merges`: it is the plain `<<`, which as a key merges its value into the mapping."""

    line: int
    column: int
    raw: Raw
    anchor: str | None = None
    merges: bool = False


class MappingStart(NamedTuple):
    """The beginning of a mapping."""

    line: int
    column: int
    anchor: str | None = None


class ListStart(NamedTuple):
    """The beginning of a list."""

    line: int
    column: int
    anchor: str | None = None


class End(NamedTuple):
    """The end of the mapping or list that was begun last."""

    line: int
    column: int


class Alias(NamedTuple):
    """A place that repeats the node with the anchor of that name."""

    line: int
    column: int
    name: str


class DocumentEnd(NamedTuple):
    """The end of a document."""

    line: int
    column: int


class Problem(NamedTuple):
    """The text cannot be read from here on. Parsers say so by an event, as only the composer knows the field."""

    line: int
    column: int
    message: str


Event: TypeAlias = Scalar | MappingStart | ListStart | End | Alias | DocumentEnd | Problem


def position_of(text: str, offset: int, first_line: int) -> tuple[int, int]:
    """The line and column of the character at `offset`, both from 1, where `text` begins on `first_line`."""
    line, begin = first_line, 0
    for end in LINE_END.finditer(text, 0, offset):
        line, begin = line + 1, end.end()
    return line, offset - begin + 1
