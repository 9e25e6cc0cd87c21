"""Fixes the text of one input: plans, inserts, reads the result, and keeps only what reads as it should."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from webhook.documents.layout import Layout, read_layouts
from webhook.documents.reader import Document, read_documents
from webhook.fix.insertions import Insertion, Leftover, Plan, plan

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Change(NamedTuple):
    """An object in an input, and the value that it should have."""

    document: Document
    after: Any


class FixedText(NamedTuple):
    """The text with its insertions.

    Attributes:
        data: the text.
        leftovers: what is left to do by hand, in the order of the lines.
        insertions: what was inserted for each change, with offsets into the text as it was, by position of the change.
    """

    data: bytes
    leftovers: list[Leftover]
    insertions: Mapping[int, Sequence[Insertion]] = MappingProxyType({})


def fix_text(data: bytes, changes: Sequence[Change]) -> FixedText:
    """Insert what the objects of an input lack.

    The result is read again: where an object does not read as planned, nothing is inserted into it.

    Args:
        data: the input.
        changes: its objects that change. Those of a List are its items.

    Returns:
        The text. All of `data` is in it, in its order, and it has more whole lines at most.
    """
    if data.startswith(_UTF_16):
        return FixedText(data, [_leftover(change, "it is in UTF-16") for change in changes])
    mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    text = data.removeprefix(mark)
    layouts = {layout.root.line: layout for layout in read_layouts(text)}
    documents = list(_documents(text))
    lines = {document.number: document.line for document in documents}
    plans: dict[int, Plan] = {}
    leftovers: list[Leftover] = []
    for index, change in enumerate(changes):
        layout = layouts.get(lines[change.document.number])
        if layout is None:
            leftovers.append(_leftover(change, "it is JSON"))
        else:
            plans[index] = _plan(text, layout, change)
    for index in _misread(text, {document.number: document.value for document in documents}, changes, plans):
        plans[index] = Plan(changes[index].document.value)
        leftovers.append(_leftover(changes[index], "the lines around it are written in a way that is not known"))
    for made in plans.values():
        leftovers += made.leftovers
    insertions = {
        index: [row._replace(offset=row.offset + len(mark)) for row in sorted(made.insertions, key=_offset)]
        for index, made in plans.items()
    }
    return FixedText(mark + _insert(text, plans.values()), sorted(leftovers), insertions)


def _plan(text: bytes, layout: Layout, change: Change) -> Plan:
    return plan(text, layout, change.document.at, change.document.value, change.after)


def _leftover(change: Change, reason: str) -> Leftover:
    return Leftover(change.document.line, "", reason, "write what preview shows")


def _insert(text: bytes, plans: Iterable[Plan]) -> bytes:
    parts, done = [], 0
    for offset, lines in sorted((row for made in plans for row in made.insertions), key=_offset):
        parts += [text[done:offset], lines]
        done = offset
    return b"".join([*parts, text[done:]])


def _offset(insertion: Insertion) -> int:
    return insertion.offset


def _misread(text: bytes, before: dict[int, Any], changes: Sequence[Change], plans: dict[int, Plan]) -> set[int]:
    """The indexes of the changes in documents that do not read as planned."""
    misread: set[int] = set()
    while True:
        kept = {index: made for index, made in plans.items() if index not in misread}
        expected = dict(before)
        for index, made in kept.items():
            document = changes[index].document
            expected[document.number] = _with(expected[document.number], document.at, document.value, made.value)
        found = _values(_insert(text, kept.values()))
        wrong = {
            index
            for index in kept
            if found.get(changes[index].document.number) != expected[changes[index].document.number]
        }
        if found == expected:
            return misread
        misread |= wrong or kept.keys()


def _values(text: bytes) -> dict[int, Any]:
    return {document.number: document.value for document in _documents(text)}


def _documents(text: bytes) -> Iterator[Document]:
    return (document for document in read_documents(text, "") if isinstance(document, Document))


def _with(value: Any, at: Sequence[str | int], before: Any, after: Any) -> Any:
    """The document with the object `before` at `at` become `after`. What it has from the type of its List is left."""
    if at:
        token: Any = at[0]
        copy = value.copy()
        copy[token] = _with(value[token], at[1:], before, after)
        return copy
    return {name: part for name, part in after.items() if name in value or name not in before}
