"""A document that was read: its value, and where each part of it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from webhook.documents.paths import field_tokens, pointer_tokens


@dataclass(frozen=True, slots=True)
class Branch:
    """Where a mapping or list stands: its line (in a mapping, that of its key), and the places of its parts."""

    line: int
    children: Children

    def child(self, token: str | int) -> Place | None:
        """The place of the part with that key or index (which may be text); None if there is none."""
        if isinstance(self.children, dict):
            return self.children.get(str(token))
        text = str(token)
        if not (text.isascii() and text.isdecimal()) or len(text) > 9:  # noqa: PLR2004 - more than any list has
            return None
        return self.children[int(text)] if int(text) < len(self.children) else None


Place: TypeAlias = int | Branch
"""Where a value stands. Of a scalar only the line (from 1) is kept, as there are many."""

Children: TypeAlias = dict[str, Place] | list[Place]
"""The places of the values in a mapping or list."""


@dataclass(frozen=True, slots=True)
class DocumentWarning:
    """Something that reads differently from what its author may think. `problem` is without the line."""

    line: int
    problem: str

    @property
    def message(self) -> str:
        """The problem with its line, as people see it."""
        return f"line {self.line}: {self.problem}"


@dataclass(frozen=True, slots=True)
class Document:
    """One document of an input, or one item of a List in it.

    Attributes:
        source: name of the input, such as a file's.
        number: which document of the input, from 1; documents without content do not count.
        value: the content in JSON types. It shares no part with another value, so that it may be changed in place.
        place: where its parts stand; ask `line_of`.
        warnings: what its author should know, in the order of the lines.
        at: where in the document it stands, as tokens: () or, for an item of a List, ("items", 3).
    """

    source: str
    number: int
    value: Any
    place: Place
    warnings: tuple[DocumentWarning, ...] = ()
    at: tuple[str | int, ...] = ()

    @property
    def line(self) -> int:
        """The line on which it begins, in the whole input, from 1."""
        return line_of_place(self.place)

    def line_of(self, path: str | Sequence[str | int]) -> int:
        """The line of a field, or of its nearest ancestor that exists, in the whole input, from 1. Never raises.

        A field is on the line of its key, an item on the line where the item begins. What an alias stands for keeps
        the lines that it has at its anchor.

        Args:
            path: a JSON Pointer below the value, or its tokens; an index may be text.
        """
        place = self.place
        for token in pointer_tokens(path) if isinstance(path, str) else path:
            child = None if isinstance(place, int) else place.child(token)
            if child is None:
                break
            place = child
        return line_of_place(place)


def line_of_place(place: Place) -> int:
    """The line of `place`, in the whole input, from 1."""
    return place if isinstance(place, int) else place.line


def line_of_field(document: Document, field: str) -> int:
    """The line of `field` (as in `spec.containers[0].image`), or of its nearest ancestor that exists. Never raises.

    An empty field is the document itself.
    """
    return document.line_of(field_tokens(field))
