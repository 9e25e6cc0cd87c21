"""Goes through the events of one document: knows the field that is being read, and puts its anchor's node for an alias.

Copies spend a budget, so that aliases of aliases end soon.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias, TypeVar

from webhook.documents.bounds import MAX_DEPTH, AliasBudget
from webhook.documents.document import Children
from webhook.documents.events import Alias, Event, ListStart, MappingStart, Problem, Scalar
from webhook.documents.paths import field_of
from webhook.errors import BrokenDocument, DocumentTooLarge

_Broken = TypeVar("_Broken", bound=BrokenDocument)


class Collection(NamedTuple):
    """A mapping or list that an alias stands for; not yet copied."""

    line: int
    column: int
    value: dict[str, Any] | list[Any]
    children: Children


_Target: TypeAlias = Scalar | MappingStart | ListStart | Collection
"""What an anchor names: a scalar before its conversion or a collection; while that lacks its end, its start."""


class Cursor:
    """A place in the events of one document.

    Attributes:
        path: the keys and indexes of the value that is being read.
    """

    def __init__(self, events: Iterator[Event], source: str, number: int, budget: AliasBudget) -> None:
        """Begin at the first of `events`. The arguments are those of `compose`."""
        self.path: list[str | int] = []
        self._events = events
        self._event: Event  # the one that was read last
        self._anchors: dict[str, _Target] = {}
        self._source = source
        self._number = number
        self._budget = budget

    def next(self) -> Event | Collection:
        """Read the next event. An alias is replaced by what its anchor names. Raises BrokenDocument at a Problem."""
        self._event = event = next(self._events)
        if isinstance(event, (Scalar, MappingStart, ListStart)):
            if event.anchor is not None:
                self._anchors[event.anchor] = event
        elif isinstance(event, Alias):
            return self._resolve(event)
        elif isinstance(event, Problem):
            raise self.broken(event.message)
        return event

    def close(self, start: MappingStart | ListStart, value: dict[str, Any] | list[Any], children: Children) -> None:
        """Let aliases stand for the collection that began with `start` and is complete now."""
        if start.anchor is not None and self._anchors[start.anchor] is start:
            self._anchors[start.anchor] = Collection(start.line, start.column, value, children)

    def copy(self, value: Any) -> Any:
        """An independent copy of a value, within the budget and the depth that is left at this place."""
        return self._copy(value, len(self.path))

    def broken(self, message: str) -> BrokenDocument:
        """An error at the event that was read last, in the field that is being read."""
        return self._error(BrokenDocument, message, field_of(self.path))

    def too_large(self, message: str, field: str | None = None) -> DocumentTooLarge:
        """As `broken`, for a bound; with another `field` if one is given."""
        return self._error(DocumentTooLarge, message, field_of(self.path) if field is None else field)

    def too_deep(self) -> DocumentTooLarge:
        """As `broken`, for MAX_DEPTH."""
        return self.too_large(f"mappings and lists nest deeper than {MAX_DEPTH}")

    def _error(self, kind: type[_Broken], message: str, field: str) -> _Broken:
        return kind(
            message,
            source=self._source,
            number=self._number,
            line=self._event.line,
            column=self._event.column,
            field=field,
        )

    def _resolve(self, alias: Alias) -> Scalar | Collection:
        target = self._anchors.get(alias.name)
        if target is None:
            raise self.broken(f'the alias "*{alias.name}" has no anchor "&{alias.name}" above it')
        if isinstance(target, MappingStart | ListStart):
            raise self.broken(f'the anchor "&{alias.name}" contains itself')
        if isinstance(target, Scalar):
            self._spend(str(target.raw))
            return Scalar(alias.line, alias.column, target.raw)  # an alias of "<<" merges nothing
        return target._replace(line=alias.line, column=alias.column)

    def _copy(self, value: Any, depth: int) -> Any:
        if not isinstance(value, dict | list):
            self._spend(value if isinstance(value, str) else "")
            return value
        if depth >= MAX_DEPTH:
            raise self.too_deep()
        self._spend("")
        if isinstance(value, list):
            return [self._copy(part, depth + 1) for part in value]
        for key in value:
            self._spend(key)
        return {key: self._copy(part, depth + 1) for key, part in value.items()}

    def _spend(self, text: str) -> None:
        if not self._budget.spend(text):
            raise self.too_large("the aliases of the input stand for too many values")
