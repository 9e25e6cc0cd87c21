"""Builds a value from what a parser finds, piece by piece: without recursion, within bounds, and knowing each line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from webhook.documents.bounds import MAX_DEPTH, MAX_VALUES, MAX_WARNINGS, AliasBudget
from webhook.documents.document import Branch, DocumentWarning, Place
from webhook.documents.errors import Origin
from webhook.documents.paths import field_of
from webhook.documents.positions import At
from webhook.documents.scalars import Raw, to_key, to_value
from webhook.errors import BrokenDocument, DocumentTooLarge

MERGE: Final = object()
"""In place of a scalar: the plain key `<<`, whose value is merged into the mapping."""


@dataclass(slots=True)
class _Frame:
    """A mapping or list that is being filled. `key` is the one whose value comes next, None before a key."""

    value: dict[str, Any] | list[Any]
    place: Branch
    anchor: str | None
    key: str | None = None
    key_line: int = 0
    merging: bool = False
    explicit: set[str] = field(default_factory=set)


class _Anchored(NamedTuple):
    """What an anchor names: a scalar before its conversion, or a collection; and whether it still lacks its end."""

    value: Any
    place: Place
    is_open: bool = False


class Builder:
    """Takes the pieces of one document in their order; then `value`, `place` and `warnings` hold the result.

    Every method raises BrokenDocument where kubectl could not read the document, DocumentTooLarge at a bound.
    """

    def __init__(self, origin: Origin, budget: AliasBudget) -> None:
        """Build a document of `origin`; `budget` is shared by all documents of an input."""
        self.value: Any = None
        self.place: Place = origin.first_line + 1
        self.warnings: list[DocumentWarning] = []
        self._origin = origin
        self._budget = budget
        self._frames: list[_Frame] = []
        self._anchors: dict[str, _Anchored] = {}
        self._count = 0

    @property
    def field(self) -> str:
        """The field that is being read, as messages write it."""
        return field_of(
            len(frame.value) if frame.key is None else frame.key
            for frame in self._frames
            if isinstance(frame.value, list) or frame.key is not None
        )

    def scalar(self, raw: Raw | object, at: At, anchor: str | None = None) -> None:
        """A scalar, as a key or a value; MERGE counts as a merge key only where a key may stand."""
        if anchor is not None:
            self._anchors[anchor] = _Anchored(raw, self.line_at(at.line))
        frame = self._frames[-1] if self._frames else None
        if frame is not None and frame.key is None and isinstance(frame.value, dict):
            self._key(frame, raw, at)
            return
        if frame is not None and frame.merging:
            raise self._no_mapping(at)
        self._add("<<" if raw is MERGE else self._converted(raw, at), self.line_at(at.line), at)

    def open(self, value: dict[str, Any] | list[Any], at: At, anchor: str | None = None) -> None:
        """The beginning of a mapping or list; `value` is a fresh empty one."""
        frame = self._frames[-1] if self._frames else None
        if frame is not None and frame.key is None and isinstance(frame.value, dict):
            raise self.broken("a mapping or list cannot be a key", at)
        if len(self._frames) >= MAX_DEPTH:
            raise self._too_deep(at)
        place = Branch(self.line_at(at.line), {} if isinstance(value, dict) else [])
        if anchor is not None:
            self._anchors[anchor] = _Anchored(value, place, is_open=True)
        self._frames.append(_Frame(value, place, anchor))

    def close(self, at: At) -> None:
        """The end of the mapping or list that was opened last."""
        frame = self._frames.pop()
        if frame.anchor is not None and self._anchors[frame.anchor].value is frame.value:
            self._anchors[frame.anchor] = _Anchored(frame.value, frame.place)
        self._add(frame.value, frame.place, at)

    def alias(self, name: str, at: At) -> None:
        """An alias: an independent copy of what its anchor names."""
        target = self._anchors.get(name)
        if target is None:
            raise self.broken(f'the alias "*{name}" has no anchor "&{name}" above it', at)
        if target.is_open:
            raise self.broken(f'the anchor "&{name}" contains itself', at)
        if not isinstance(target.value, dict | list):
            raw = "<<" if target.value is MERGE else target.value  # an alias merges nothing
            self._spend(str(raw), at)
            self.scalar(raw, at)
            return
        frame = self._frames[-1] if self._frames else None
        if frame is not None and frame.key is None and isinstance(frame.value, dict):
            raise self.broken("a mapping or list cannot be a key", at)
        if frame is not None and frame.merging and not isinstance(target.value, dict):
            raise self._no_mapping(at)
        copy = self._copy(target.value, at, len(self._frames))
        assert isinstance(target.place, Branch)  # noqa: S101 - that of a collection
        self._add(copy, Branch(self.line_at(at.line), target.place.children), at)

    def broken(self, message: str, at: At) -> BrokenDocument:
        """An error at `at`, in the field that is being read."""
        return self._origin.broken(message, *at, self.field)

    def line_at(self, line: int) -> int:
        """The line in the whole input, from 1, of a line of the document's text, from 0."""
        return self._origin.first_line + line + 1

    def warn(self, line: int, problem: str) -> None:
        """Add a warning about `line` (in the whole input, from 1), unless there are too many already."""
        if len(self.warnings) < MAX_WARNINGS:
            self.warnings.append(DocumentWarning(line, problem))
        elif len(self.warnings) == MAX_WARNINGS:
            self.warnings.append(DocumentWarning(line, "there are more warnings from here on"))

    def _key(self, frame: _Frame, raw: Raw | object, at: At) -> None:
        frame.key_line = self.line_at(at.line)
        if raw is MERGE:
            frame.key, frame.merging = "<<", True
            return
        try:
            key = to_key(raw)  # type: ignore[arg-type] # MERGE is the only other object
        except ValueError as error:
            raise self.broken(str(error), at) from None
        if key in frame.explicit:
            self.warn(frame.key_line, f'key "{key}" is set twice in this mapping; the last one counts')
        frame.key = key

    def _add(self, value: Any, place: Place, at: At) -> None:
        self._count += 1
        if self._count > MAX_VALUES:
            raise self._origin.too_large(f"the document has more than {MAX_VALUES} values", *at)
        if not self._frames:
            self.value, self.place = value, place
            return
        frame = self._frames[-1]
        if isinstance(frame.value, list):
            frame.value.append(value)
            assert isinstance(frame.place.children, list)  # noqa: S101 - as the value
            frame.place.children.append(place)
        elif frame.merging:
            self._merge(frame, value, place, at)
        else:
            assert frame.key is not None  # noqa: S101 - values follow keys
            frame.explicit.add(frame.key)
            self._set(frame, frame.key, value, _moved(place, frame.key_line))
        frame.key = None

    def _set(self, frame: _Frame, key: str, value: Any, place: Place) -> None:
        assert isinstance(frame.value, dict)  # noqa: S101 - only mappings have keys
        assert isinstance(frame.place.children, dict)  # noqa: S101 - as the value
        frame.value[key] = value
        frame.place.children[key] = place

    def _merge(self, frame: _Frame, value: Any, place: Place, at: At) -> None:
        """Merge a mapping, or a list of them of which the first wins, into the frame's.

        go-yaml does so where the merge key stands: what is set above it is overridden, unlike in YAML's own text.
        """
        frame.merging = False
        sources = [(value, place)]
        if isinstance(value, list):
            assert isinstance(place, Branch)  # noqa: S101 - that of a list
            assert isinstance(place.children, list)  # noqa: S101 - that of a list
            sources = list(zip(value, place.children, strict=True))[::-1]
        for mapping, where in sources:
            if not isinstance(mapping, dict):
                raise self._no_mapping(at)
            assert isinstance(where, Branch)  # noqa: S101 - that of a mapping
            assert isinstance(where.children, dict)  # noqa: S101 - that of a mapping
            for key, part in mapping.items():
                if key in frame.explicit:
                    self.warn(frame.key_line, f'the merge key "<<" overrides "{key}", which is set above it')
                self._set(frame, key, part, where.children[key])

    def _copy(self, value: Any, at: At, depth: int) -> Any:
        if not isinstance(value, dict | list):
            self._spend(value if isinstance(value, str) else "", at)
            return value
        if depth >= MAX_DEPTH:
            raise self._too_deep(at)
        self._spend("", at)
        if isinstance(value, list):
            return [self._copy(part, at, depth + 1) for part in value]
        for key in value:
            self._spend(key, at)
        return {key: self._copy(part, at, depth + 1) for key, part in value.items()}

    def _spend(self, text: str, at: At) -> None:
        if not self._budget.spend(text):
            raise self._origin.too_large("the aliases of the input stand for too many values", *at, self.field)

    def _converted(self, raw: Raw | object, at: At) -> Raw:
        try:
            return to_value(raw)  # type: ignore[arg-type] # MERGE is the only other object, and was replaced
        except ValueError as error:
            raise self.broken(str(error), at) from None

    def _no_mapping(self, at: At) -> Exception:
        return self.broken('the value of "<<" is neither a mapping nor a list of mappings', at)

    def _too_deep(self, at: At) -> DocumentTooLarge:
        return self._origin.too_large(f"mappings and lists nest deeper than {MAX_DEPTH}", *at, self.field)


def _moved(place: Place, line: int) -> Place:
    """`place` at another line: that of the key, where a value begins below it."""
    return line if isinstance(place, int) else Branch(line, place.children)
