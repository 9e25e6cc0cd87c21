"""Writes new fields and items as lines in block style, with the indentation of their neighbours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from webhook.documents.layout import Node
from webhook.documents.writer import to_yaml
from webhook.fix.order import in_order


class Style(NamedTuple):
    """How an author indents: `step` for a mapping in a mapping, `dash` for the dashes of a list in a mapping."""

    step: int
    dash: int


_USUAL_STEP: Final = 2


def style_at(mappings: Sequence[Node]) -> Style:
    """The style at a place: that of the nearest neighbours which show one.

    Args:
        mappings: those that the place is in, the outermost first.
    """
    step: int | None = None
    dash: int | None = None
    for mapping in reversed(mappings):
        for entry in mapping.entries or ():
            value = entry.value
            if value.is_flow or value.anchor or value.is_tagged:
                continue
            if value.entries and step is None:
                step = value.column - mapping.column
            elif value.items and dash is None:
                dash = value.column - mapping.column
    return Style(_USUAL_STEP if step is None else step, 0 if dash is None else dash)


def field_lines(fields: Mapping[str, Any], indent: int, style: Style) -> Iterator[str]:
    """The lines of fields in a mapping whose keys are in the column `indent`, from 0."""
    for name in in_order(fields):
        yield from _field(name, fields[name], indent, style)


def item_lines(items: Sequence[Any], indent: int, style: Style) -> Iterator[str]:
    """The lines of items of a list whose dashes are in the column `indent`, from 0."""
    for item in items:
        lines = [f"{' ' * (indent + 2)}{_scalar(item)}"]
        if isinstance(item, dict) and item:
            lines = list(field_lines(item, indent + 2, style))
        yield f"{' ' * indent}- {lines[0][indent + 2 :]}"
        yield from lines[1:]


def to_flow(value: Any) -> str:
    """A value in one line, for messages."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(name)}: {to_flow(value[name])}" for name in in_order(value)) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(to_flow, value)) + "]"
    return _scalar(value)


def _field(name: str, value: Any, indent: int, style: Style) -> Iterator[str]:
    key = f"{' ' * indent}{_scalar(name)}:"
    if isinstance(value, dict) and value:
        yield key
        yield from field_lines(value, indent + style.step, style)
    elif isinstance(value, list) and value:
        yield key
        yield from item_lines(value, indent + style.dash, style)
    else:
        yield f"{key} {_scalar(value)}"


def _scalar(value: Any) -> str:
    """A scalar or an empty collection."""
    return to_yaml(value).removesuffix("\n")
