"""Finds the lines of values in the files that documents were read from: those that an edit removes."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from patches import Action, Edit, edit_document
from webhook.documents.layout import Layout, Node, line_begin, line_behind, read_layouts
from webhook.documents.paths import pointer_tokens
from webhook.documents.reader import Document, read_documents

_MOST_BYTES: Final = 8 * 1024 * 1024
"""Of text that is read again, to see whether it reads as it should: some seconds. What exceeds them gets no lines."""
_REST: Final = re.compile(rb"[ \t]*(?:#[^\r\n]*)?(?:\r\n|\r|\n|$)")
"""What may follow a value on its line."""


class Removal(NamedTuple):
    """Whole lines: the offset of the first, and how many bytes they have."""

    offset: int
    length: int


class _File(NamedTuple):
    text: bytes
    mark: int
    layouts: dict[int, Layout]
    values: dict[int, Any]


class Removals:
    """Finds lines in files. Each is read once more, when something in it is asked for."""

    def __init__(self) -> None:
        """Know no file yet."""
        self._files: dict[str, _File | None] = {}
        self._left = _MOST_BYTES

    def find(self, source: str, number: int, paths: Sequence[str]) -> tuple[Removal, ...]:
        """Find the lines without which a document lacks some values, and nothing else.

        Args:
            source: the file.
            number: which document of it.
            paths: the values, as JSON Pointers from the root of the document.

        Returns:
            The lines of each value; none at all if some of them share their lines with other values, or if the document
            does not read as it should without them.
        """
        if source not in self._files:
            self._files[source] = _read(source)
        file = self._files[source]
        layout = None if file is None else file.layouts.get(number)
        if file is None or layout is None:
            return ()
        found = [_lines_of(file.text, layout, pointer_tokens(path)) for path in paths]
        removals = [row for row in found if row is not None]
        if len(removals) < len(paths) or len(file.text) > self._left:
            return ()
        self._left -= len(file.text)
        if not _reads_without(file, number, paths, removals):
            return ()
        return tuple(row._replace(offset=row.offset + file.mark) for row in removals)


def _read(source: str) -> _File | None:
    """Read a file of YAML in UTF-8; None if it is none."""
    try:
        data = Path(source).read_bytes()
    except (OSError, ValueError):
        return None
    mark = len(codecs.BOM_UTF8) if data.startswith(codecs.BOM_UTF8) else 0
    text = data[mark:]
    layouts = {layout.root.line: layout for layout in read_layouts(text)}
    documents = [row for row in read_documents(text, source) if isinstance(row, Document)]
    return _File(
        text,
        mark,
        {row.number: layouts[row.line] for row in documents if row.line in layouts},
        {row.number: row.value for row in documents},
    )


def _lines_of(text: bytes, layout: Layout, tokens: Sequence[str]) -> Removal | None:
    node, begin = layout.root, layout.root.begin
    for token in tokens:
        if layout.obstacle(node):
            return None
        if node.items is not None:
            if not token.isdecimal() or int(token) >= len(node.items):
                return None
            node = node.items[int(token)]
            begin = text.rfind(b"-", 0, node.begin)
        else:
            entry = next((row for row in reversed(node.entries or ()) if row.name == token), None)
            if entry is None:
                return None
            node, begin = entry.value, entry.key.begin
    return None if node.anchor in layout.aliased and not node.is_alias else _whole_lines(text, begin, node)


def _whole_lines(text: bytes, begin: int, node: Node) -> Removal | None:
    """The lines from `begin` to the end of a value; None if something else stands on them."""
    start, end = line_begin(text, begin), max(node.end, begin)
    behind = line_behind(text, end)
    if text[start:begin].strip(b" "):
        return None
    if behind != end and not _REST.match(text, text.find(b":", begin) + 1 if node.is_empty else end):
        return None
    return Removal(start, (len(text) if behind is None else behind) - start)


def _reads_without(file: _File, number: int, paths: Sequence[str], removals: Sequence[Removal]) -> bool:
    text = file.text
    for offset, length in sorted(removals, reverse=True):
        text = text[:offset] + text[offset + length :]
    found = {row.number: row.value for row in read_documents(text, "") if isinstance(row, Document)}
    expected = edit_document(file.values[number], [Edit("", Action.REMOVE, path) for path in paths])
    return bool(_pruned(found.get(number)) == _pruned(expected))


def _pruned(value: Any) -> Any:
    """A value without what is empty: a key whose last value is removed has null, where nothing was there."""
    if isinstance(value, dict):
        parts = {name: _pruned(part) for name, part in value.items()}
        return {name: part for name, part in parts.items() if part is not None} or None
    return [_pruned(part) for part in value] or None if isinstance(value, list) else value
