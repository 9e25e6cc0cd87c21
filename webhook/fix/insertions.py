"""Plans how the text of a document becomes one that means another value, by inserting whole lines.

What insertion cannot do is left, and said: a mapping in flow style, what aliases share, a field that a merge key
brings, a value with a tag, and anything that would have to be changed or taken away.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from webhook.documents.layout import LINE_END, Layout, Node, line_begin, line_behind
from webhook.documents.paths import field_of
from webhook.fix.block import Style, field_lines, item_lines, style_at, to_flow
from webhook.fix.order import in_order, position_among

_NO_CONTENT: Final = re.compile(rb"[ \t]*(?:#.*)?")
_MERGED: Final = "a merge key brings it"
_NO_LINE_END: Final = "nothing can follow the last line, which has no line end"


class Insertion(NamedTuple):
    """Whole lines, with their ends, and the offset of the line in front of which they go."""

    offset: int
    text: bytes


class Leftover(NamedTuple):
    """What has to be done by hand.

    Attributes:
        line: where, in the whole input, from 1.
        field: the field that insertion cannot change.
        reason: why it cannot.
        edit: what to do.
    """

    line: int
    field: str
    reason: str
    edit: str


@dataclass(slots=True)
class Plan:
    """What is inserted, what is left, and the value that the document then has."""

    value: Any
    insertions: list[Insertion] = field(default_factory=list)
    leftovers: list[Leftover] = field(default_factory=list)


def plan(text: bytes, layout: Layout, at: Sequence[str | int], before: Any, after: Any) -> Plan:
    """Plan how the object `before` becomes `after`.

    Args:
        text: the input, in UTF-8 without byte order mark.
        layout: that of the document.
        at: where in the document the object stands, as tokens.
        before: the object as it is read.
        after: as it should be read.
    """
    made = Plan(before)
    made.value = _Planner(text, layout, made).object(at, before, after)
    return made


class _Place(NamedTuple):
    """A node, its path from the object, and the mappings around it, the outermost first."""

    node: Node
    path: tuple[str | int, ...]
    around: tuple[Node, ...]


class _Planner:
    """Walks over both values and the layout. Every step returns the value that the insertions lead to."""

    def __init__(self, text: bytes, layout: Layout, made: Plan) -> None:
        self._text = text
        self._layout = layout
        self._plan = made

    def object(self, at: Sequence[str | int], before: Any, after: Any) -> Any:
        node, around = self._layout.root, tuple[Node, ...]()
        for token in at:
            if self._layout.obstacle(node):
                break
            around = (*around, node) if node.entries is not None else around
            child = node.items[int(token)] if node.items is not None else node.value_of(str(token))
            if child is None:
                break
            node = child
        else:
            return self._change(_Place(node, (), around), before, after)
        return self._leave(_Place(node, (), ()), self._layout.obstacle(node) or _MERGED, before, after)

    def _change(self, place: _Place, before: Any, after: Any) -> Any:
        """The value at `place`, which should become `after`."""
        if before == after:
            return before
        obstacle = self._layout.obstacle(place.node)
        if obstacle:
            return self._leave(place, obstacle, before, after)
        if isinstance(before, dict) and isinstance(after, dict) and before.keys() <= after.keys():
            return self._change_mapping(place, before, after)
        if isinstance(before, list) and isinstance(after, list) and len(before) <= len(after):
            return self._change_list(place, before, after)
        if before is None and place.node.is_empty and isinstance(after, dict | list) and after:
            return self._fill(place, after)
        return self._leave(place, "the value that is written would change", before, after)

    def _change_mapping(self, place: _Place, before: dict[str, Any], after: dict[str, Any]) -> Any:
        node, path, around = place
        around = (*around, node)
        value = dict(before)
        for name, old in before.items():
            child = node.value_of(name)
            if old == after[name]:
                continue
            if child is None:
                value[name] = self._leave(_Place(node, (*path, name), around), _MERGED, old, after[name])
            else:
                value[name] = self._change(_Place(child, (*path, name), around), old, after[name])
        new = {name: after[name] for name in in_order(after.keys() - before.keys())}
        groups: dict[int, dict[str, Any]] = {}
        for name, added in new.items():
            offset = self._offset_for(node, name)
            if offset is None:
                return self._leave(place, _NO_LINE_END, before, after, value=value)
            groups.setdefault(offset, {})[name] = added
        style = style_at(around)
        for offset, fields in groups.items():
            self._insert(offset, field_lines(fields, node.column, style))
        return value | new

    def _change_list(self, place: _Place, before: list[Any], after: list[Any]) -> Any:
        node, path, around = place
        items = node.items or []
        value = [
            self._change(_Place(items[index], (*path, index), around), old, new)
            for index, (old, new) in enumerate(zip(before, after, strict=False))
        ]
        new = after[len(before) :]
        if new:
            offset = line_behind(self._text, node.end)
            if offset is None or node.anchor:  # in front of which the dash is not
                return self._leave(place, _NO_LINE_END if offset is None else "it has an anchor", before, after, value)
            self._insert(offset, item_lines(new, node.column, style_at(around)))
        return value + new

    def _fill(self, place: _Place, after: Any) -> Any:
        """Write a value below a key that has none."""
        mapping = place.around[-1] if place.around else None
        offset = line_behind(self._text, place.node.end)
        if mapping is None or offset is None:
            return self._leave(place, _NO_LINE_END, None, after)
        style: Style = style_at(place.around)
        if isinstance(after, dict):
            self._insert(offset, field_lines(after, mapping.column + style.step, style))
        else:
            self._insert(offset, item_lines(after, mapping.column + style.dash, style))
        return after

    def _leave(self, place: _Place, reason: str, before: Any, after: Any, value: Any = ...) -> Any:
        """Leave the value as it is, or as `value` already is, and say what to do."""
        value = before if value is ... else value
        name = field_of(place.path)
        self._plan.leftovers.append(Leftover(place.node.line, name, reason, _edit(name, value, after)))
        return value

    def _insert(self, offset: int, lines: Iterable[str]) -> None:
        found = LINE_END.search(self._text[max(0, offset - 2) : offset]) or LINE_END.search(self._text)
        end = found[0] if found else b"\n"
        self._plan.insertions.append(Insertion(offset, b"".join(line.encode() + end for line in lines)))

    def _offset_for(self, mapping: Node, name: str) -> int | None:
        """Where a new field of a block mapping goes: at its place in the order, or above if no line can go there."""
        entries = mapping.entries or []
        for number in range(position_among(name, [entry.name for entry in entries]), 0, -1):
            entry = entries[number - 1]
            offset = line_behind(self._text, max(entry.key.end, entry.value.end))
            if offset is not None:
                return offset
        return self._offset_in_front(mapping.begin)

    def _offset_in_front(self, begin: int) -> int | None:
        """The line of a mapping's first key, or the first of the comments above it; None if a dash is in front."""
        start = line_begin(self._text, begin)
        if self._text[start:begin].strip(b" "):
            return None
        while start:
            above = line_begin(self._text, start - 1 - (self._text[start - 2 : start] == b"\r\n"))
            if not _NO_CONTENT.fullmatch(self._text[above:start].rstrip(b"\r\n")):
                break
            start = above
        return start


def _edit(name: str, before: Any, after: Any) -> str:
    where = name or "the object"
    if isinstance(before, dict) and isinstance(after, dict) and before.keys() <= after.keys():
        added = to_flow(_added(before, after))
        return f"add {added[1:-1]} to {where}"
    if isinstance(before, list) and isinstance(after, list) and before == after[: len(before)]:
        return f"append {', '.join(map(to_flow, after[len(before) :]))} to {where}"
    return f"write {where}: {to_flow(after)}"


def _added(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The fields of `after` that `before` lacks or that differ; of mappings in both only what is new."""
    return {
        name: _added(before[name], value) if isinstance(value, dict) and isinstance(before.get(name), dict) else value
        for name, value in after.items()
        if name not in before or before[name] != value
    }
