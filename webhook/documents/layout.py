"""Where the parts of a YAML document stand in its text, to the character: for who writes into it.

The reader keeps the line of every value, which messages need. This keeps what an edit needs too: where a value ends, in
which column its keys are, in which style it is written, and which anchors, aliases, tags and merge keys it has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from webhook.documents.bounds import MAX_DEPTH
from webhook.documents.scalars import read_plain, to_key
from webhook.documents.splitting import Chunk, split

LINE_END: Final = re.compile(rb"\r\n|\r|\n")
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True)
class Node:
    """A value in a text.

    Attributes:
        line: the line on which it begins, in the whole input, from 1.
        column: the column in which it begins, from 0; of a block mapping that of its keys, of a list of its dashes.
        begin: the offset of its first character (of a block mapping that of its first key), in bytes of the input.
        end: the offset behind its last character. Behind a block scalar it is the beginning of the next line.
        anchor: the name of its anchor; for an alias, the name that it refers to.
        entries: of a mapping, its keys and values in their order. A merge key is the text `<<`.
        items: of a list, its items.
    """

    line: int
    column: int
    begin: int
    end: int
    anchor: str | None = None
    is_alias: bool = False
    is_tagged: bool = False
    is_flow: bool = False
    is_block_scalar: bool = False
    entries: list[Entry] | None = None
    items: list[Node] | None = None

    def value_of(self, key: str) -> Node | None:
        """The value of a key of this mapping; the last one counts. None if the key is not written in it."""
        found = [entry.value for entry in self.entries or () if entry.name == key]
        return found[-1] if found else None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is written: the null behind a bare `key:`."""
        return self.begin == self.end and not (self.anchor or self.is_tagged or self.is_flow)


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of a mapping, with its value."""

    name: str
    key: Node
    value: Node


@dataclass(slots=True)
class Layout:
    """The layout of one document.

    Attributes:
        root: its value.
        aliased: the names of the anchors that an alias refers to.
    """

    root: Node
    aliased: set[str] = field(default_factory=set)

    def obstacle(self, node: Node) -> str:
        """Why lines cannot be put into a value, or taken from it; "" if they can."""
        if node.is_alias:
            return f'it is the alias "*{node.anchor}"'
        if node.anchor in self.aliased:
            return f'aliases of "&{node.anchor}" share it'
        if node.is_tagged:
            return "it has a tag"
        return "it is in flow style" if node.is_flow else ""


def line_begin(text: bytes, offset: int) -> int:
    """The offset at which the line begins that `offset` is on."""
    return max(text.rfind(b"\n", 0, offset), text.rfind(b"\r", 0, offset)) + 1


def line_behind(text: bytes, end: int) -> int | None:
    """The first line that begins at or behind the end of a value; None if its line has no end."""
    if text[end - 1 : end] in (b"\n", b"\r"):
        return end  # a block scalar ends at the beginning of a line
    found = LINE_END.search(text, end)
    return found.end() if found else None


def read_layouts(data: bytes) -> Iterator[Layout]:
    """Yield the layouts of the documents of an input in UTF-8, without byte order mark.

    A document is left out if it cannot be read. The reader says why.
    """
    offset = 0
    for chunk in split(data):
        with suppress(yaml.YAMLError, UnicodeDecodeError):
            yield from _Builder(chunk, offset).layouts()
        offset += len(chunk.data)


class _Builder:
    """Builds the layouts of a chunk by recursion, which MAX_DEPTH bounds."""

    def __init__(self, chunk: Chunk, offset: int) -> None:
        self._first_line = chunk.first_line
        self._offset = offset
        self._text = chunk.data.decode()
        self._is_ascii = self._text.isascii()
        # As the reader, so that the last scalar ends as there.
        self._events = yaml.parse(self._text if self._text.endswith("\n") else self._text + "\n", Loader=_LOADER)
        self._aliased: set[str] = set()
        self._bytes, self._characters = offset, 0  # a place up to which bytes are counted

    def layouts(self) -> Iterator[Layout]:
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._aliased = set()
                yield Layout(self._node(next(self._events), 0), self._aliased)

    def _node(self, event: Any, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise yaml.YAMLError(f"nests deeper than {MAX_DEPTH}")
        node = Node(
            event.start_mark.line + self._first_line,
            event.start_mark.column,
            self._byte(event.start_mark.index),
            0,
            event.anchor,
        )
        if isinstance(event, yaml.AliasEvent):
            node.is_alias = True
            self._aliased.add(str(event.anchor))
        elif isinstance(event, yaml.ScalarEvent):
            node.is_tagged = event.tag is not None
            node.is_block_scalar = event.style in ("|", ">")
        else:
            node.is_tagged, node.is_flow = event.tag is not None, bool(event.flow_style)
            self._fill(node, event, depth)
            return node
        node.end = self._byte(event.end_mark.index)
        return node

    def _fill(self, node: Node, event: Any, depth: int) -> None:
        """Read the parts of a collection. In block style it ends with its last part: what follows are comments."""
        last = event
        if isinstance(event, yaml.MappingStartEvent):
            node.entries = []
            while not isinstance(last := next(self._events), yaml.MappingEndEvent):
                key = self._node(last, depth + 1)
                node.entries.append(Entry(_name(last), key, self._node(next(self._events), depth + 1)))
            if node.entries and not node.is_flow:
                first = node.entries[0].key
                node.begin, node.column = first.begin, first.column
        else:
            node.items = []
            while not isinstance(last := next(self._events), yaml.SequenceEndEvent):
                node.items.append(self._node(last, depth + 1))
        parts = node.items or [entry.value for entry in node.entries or ()]
        node.end = self._byte(last.end_mark.index) if node.is_flow or not parts else parts[-1].end

    def _byte(self, index: int) -> int:
        """The offset in bytes of the character at `index`. Marks come nearly in order, so little is counted twice."""
        if self._is_ascii:
            return self._offset + index
        if index < self._characters:
            self._bytes, self._characters = self._offset, 0
        self._bytes += len(self._text[self._characters : index].encode()) + max(0, index - len(self._text))
        self._characters = index
        return self._bytes


def _name(event: Any) -> str:
    """A key as the reader reads it; "" for one that it refuses."""
    if not isinstance(event, yaml.ScalarEvent):
        return ""
    try:
        return to_key(read_plain(event.value)) if event.implicit[0] else str(event.value)
    except ValueError:
        return ""
