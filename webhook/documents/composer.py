"""Composes the value of a document from events, with the line of every part.

Merge keys and duplicate keys mean what they mean to kubectl.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, NamedTuple, TypeAlias

from webhook.documents.bounds import MAX_DEPTH, MAX_VALUES, MAX_WARNINGS, AliasBudget
from webhook.documents.cursor import Collection, Cursor
from webhook.documents.document import Branch, Children, DocumentWarning, Place
from webhook.documents.events import End, Event, ListStart, MappingStart, Scalar
from webhook.documents.scalars import to_key, to_value
from webhook.errors import BrokenDocument

_Read: TypeAlias = Callable[[], tuple[Any, Children]]


class Tree(NamedTuple):
    """The value of a document, where its parts stand, and what its author should know."""

    value: Any
    place: Place
    warnings: list[DocumentWarning]


def compose(events: Iterator[Event], *, source: str, number: int, budget: AliasBudget) -> Tree | None:
    """Compose the next document of `events`.

    Args:
        events: those of any number of documents; taken up to the end of the first.
        source: name of the input, for errors.
        number: which document of the input it is, from 1, for errors.
        budget: what the aliases of the whole input may still stand for.

    Returns:
        The document; None if no event is left.

    Raises:
        BrokenDocument: kubectl could not read the document.
        DocumentTooLarge: it exceeds a bound.
    """
    first = next(events, None)
    if first is None:
        return None
    return _Composer(Cursor(chain((first,), events), source, number, budget)).document()


class _Composer:
    """Composes one document by recursion, which MAX_DEPTH bounds."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self._count = 0
        self._warnings: list[DocumentWarning] = []

    def document(self) -> Tree:
        event = self._cursor.next()
        value, place = self._node(event, event.line)
        self._cursor.next()  # its end
        return Tree(value, place, self._warnings)

    def _node(self, event: Event | Collection, line: int) -> tuple[Any, Place]:
        """The node that begins with `event`, as one that stands on `line`."""
        place: Place = line
        if isinstance(event, Scalar):
            try:
                value = to_value(event.raw)
            except ValueError as error:
                raise self._cursor.broken(str(error)) from None
        elif isinstance(event, Collection):
            value, place = self._cursor.copy(event.value), Branch(line, event.children)
        else:
            assert isinstance(event, (MappingStart, ListStart))  # noqa: S101 - so parsers order their events
            if len(self._cursor.path) >= MAX_DEPTH:
                raise self._cursor.too_deep()
            read: _Read = self._mapping if isinstance(event, MappingStart) else self._list
            value, children = read()
            self._cursor.close(event, value, children)
            place = Branch(line, children)
        self._count += 1
        if self._count > MAX_VALUES:
            raise self._cursor.too_large(f"the document has more than {MAX_VALUES} values", field="")
        return value, place

    def _list(self) -> tuple[list[Any], list[Place]]:
        path = self._cursor.path
        values: list[Any] = []
        places: list[Place] = []
        path.append(0)
        while not isinstance(event := self._cursor.next(), End):
            value, place = self._node(event, event.line)
            values.append(value)
            places.append(place)
            path[-1] = len(values)
        path.pop()
        return values, places

    def _mapping(self) -> tuple[dict[str, Any], dict[str, Place]]:
        path = self._cursor.path
        values: dict[str, Any] = {}
        places: dict[str, Place] = {}
        explicit: set[str] = set()  # the keys that were not merged
        while not isinstance(event := self._cursor.next(), End):
            if isinstance(event, Scalar) and event.merges:
                for key, value, place in self._merged(event.line):
                    if key in explicit:
                        self._warn(event.line, f'the merge key "<<" overrides "{key}", which is set above it')
                    values[key], places[key] = value, place
                continue
            key = self._key(event)
            if key in explicit:
                self._warn(event.line, f'key "{key}" is set twice in this mapping; the last one counts')
            path.append(key)
            values[key], places[key] = self._node(self._cursor.next(), event.line)
            path.pop()
            explicit.add(key)
        return values, places

    def _key(self, event: Event | Collection) -> str:
        if not isinstance(event, Scalar):
            raise self._cursor.broken("a mapping or list cannot be a key")
        try:
            return to_key(event.raw)
        except ValueError as error:
            raise self._cursor.broken(str(error)) from None

    def _merged(self, line: int) -> list[tuple[str, Any, Place]]:
        """What the value of a merge key on `line` holds: a mapping, or a list of them of which the first wins.

        go-yaml merges where the key stands: what is set above it is overridden, unlike in YAML's specification.
        """
        self._cursor.path.append("<<")
        event = self._cursor.next()
        if isinstance(event, Scalar) or (isinstance(event, Collection) and isinstance(event.value, list)):
            raise self._no_mapping()
        value, place = self._node(event, line)
        sources = [(value, place)]
        if isinstance(place, Branch) and isinstance(place.children, list):
            sources = list(zip(value, place.children, strict=True))[::-1]
        merged: list[tuple[str, Any, Place]] = []
        for mapping, where in sources:
            if isinstance(where, int) or isinstance(where.children, list):
                raise self._no_mapping()
            merged += ((key, mapping[key], part) for key, part in where.children.items())
        self._cursor.path.pop()
        return merged

    def _no_mapping(self) -> BrokenDocument:
        return self._cursor.broken('the value of "<<" is neither a mapping nor a list of mappings')

    def _warn(self, line: int, problem: str) -> None:
        """Add a warning about `line`, unless there are too many already."""
        if len(self._warnings) < MAX_WARNINGS:
            self._warnings.append(DocumentWarning(line, problem))
        elif len(self._warnings) == MAX_WARNINGS:
            self._warnings.append(DocumentWarning(line, "there are more warnings from here on"))
