"""Replaces Lists, as `kubectl get -o yaml` writes them, by their items."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from webhook.documents.document import Branch, Document, DocumentWarning, line_of_place
from webhook.errors import BrokenDocument

_LIST: Final = "List"


def flatten(documents: Iterable[Document | BrokenDocument]) -> Iterator[Document | BrokenDocument]:
    """Yield the items of each List in its place, and everything else as it is.

    A List is an object whose kind ends in "List" and whose `items` is a list, or null: then it has none. Items of a
    typed list, as the API server answers, leave out apiVersion and kind: they follow from the list's, as in kubectl.
    A warning about a List goes to the item in whose lines it stands; above all of them, to the first.
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
    items = document.place.child("items") if isinstance(document.place, Branch) else None
    found = [items.child(index) if isinstance(items, Branch) else None for index in range(len(values))]
    places = [place or document.line for place in found]
    warnings = _spread(document.warnings, [line_of_place(place) for place in places])
    for index, value in enumerate(values):
        yield replace(
            document,
            value=_with_type(value, document.value),
            place=places[index],
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


def _with_type(item: Any, parent: dict[str, Any]) -> Any:
    """The item with the apiVersion and kind that follow from its typed list's."""
    kind = parent["kind"].removesuffix(_LIST)
    if not kind or not isinstance(item, dict) or item.get("kind"):
        return item
    implied = {"apiVersion": parent.get("apiVersion"), "kind": kind}
    return implied | {key: value for key, value in item.items() if key not in implied}
