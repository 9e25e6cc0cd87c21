"""A document that was read: its value, and where each part of it stood."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from webhook.documents.paths import pointer_tokens
from webhook.errors import BrokenDocument

_LIST: Final = "List"


@dataclass(frozen=True, slots=True)
class Branch:
    """Where a mapping or list stands: its line (in a mapping, that of its key), and the places of its parts."""

    line: int
    children: dict[str, Place] | list[Place]


Place = int | Branch
"""Where a value stands. Of a scalar only the line (from 1) is kept: there are many."""


@dataclass(frozen=True, slots=True)
class DocumentWarning:
    """Something that reads differently from what its author may think. `problem` is without the line."""

    line: int
    problem: str

    @property
    def message(self) -> str:
        """The problem with its line, as people are shown it."""
        return f"line {self.line}: {self.problem}"

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a stream, or one item of a List in it.

    Attributes:
        source: the name the reader was given, such as a file's.
        number: which document of the stream, from 1; documents without content do not count.
        value: the content in JSON types. No part of it is shared with another, so that it may be changed in place.
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
        return self.line_of(())

    def line_of(self, path: str | Sequence[str | int]) -> int:
        """The line of a field, or of its nearest ancestor that exists, from 1.

        `path` is a JSON Pointer below the value, or its tokens (an index may be text). A field's line is that of its
        key, an item's the one on which the item begins; within an alias, the line of what the alias stands for.
        """
        place = self.place
        for token in pointer_tokens(path) if isinstance(path, str) else path:
            child = _child(place, token)
            if child is None:
                break
            place = child
        return place if isinstance(place, int) else place.line


def flatten(documents: Iterable[Document | BrokenDocument]) -> Iterator[Document | BrokenDocument]:
    """Put the items of each List in its place; everything else passes as it is.

    A List is an object whose kind ends in "List" and whose `items` is a list (or null: then nothing comes of it).
    Items of a typed list, as the API server answers, leave out apiVersion and kind: they follow from the list's, as
    in kubectl. The warnings of a List go to the item in whose lines they stand; else to the first.
    """
    for document in documents:
        if isinstance(document, Document) and _is_list(document.value):
            yield from flatten(_items(document))
        else:
            yield document


def _is_list(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("kind"), str)
        and value["kind"].endswith(_LIST)
        and "items" in value
        and (value["items"] is None or isinstance(value["items"], list))
    )


def _items(document: Document) -> Iterator[Document]:
    values = document.value["items"] or []
    place = _child(document.place, "items")
    places = [_child(place, index) if place else None for index in range(len(values))]
    lines = [document.line if found is None else found if isinstance(found, int) else found.line for found in places]
    warnings = _spread(document.warnings, lines)
    for index, value in enumerate(values):
        yield replace(
            document,
            value=_typed(value, document.value),
            place=places[index] or lines[index],
            warnings=warnings[index],
            at=(*document.at, "items", index),
        )


def _spread(warnings: Iterable[DocumentWarning], lines: Sequence[int]) -> list[tuple[DocumentWarning, ...]]:
    """The warnings of each item, where `lines` are those on which the items begin."""
    spread: list[list[DocumentWarning]] = [[] for _ in lines]
    for warning in warnings:
        if lines:
            index = max((index for index, line in enumerate(lines) if line <= warning.line), default=0)
            spread[index].append(warning)
    return [tuple(found) for found in spread]


def _typed(item: Any, parent: dict[str, Any]) -> Any:
    kind = parent["kind"].removesuffix(_LIST)
    if not kind or not isinstance(item, dict) or item.get("kind"):
        return item
    said = {"apiVersion": parent.get("apiVersion"), "kind": kind}
    return said | {key: value for key, value in item.items() if key not in said}


def _child(place: Place, token: str | int) -> Place | None:
    if isinstance(place, int):
        return None
    if isinstance(place.children, dict):
        return place.children.get(str(token))
    text = str(token)
    if not (text.isascii() and text.isdecimal()) or len(text) > 9 or int(text) >= len(place.children):  # noqa: PLR2004
        return None
    return place.children[int(text)]
