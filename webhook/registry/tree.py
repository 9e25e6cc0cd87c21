"""The files of an image that count, as its layers leave them: applied one after the other, the oldest first.

A tree of those files and of all symbolic links; what is not in it is of no interest, or does not exist. An entry takes
the place of what lies at its path, a whiteout takes away what older layers have there. Symbolic links on the way to an
entry are followed, as when a runtime unpacks a layer. Sources: OCI image-spec, layer.md; path_resolution(7).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from webhook.errors import RegistryError

_MOST_BYTES: Final = 32 * 1024 * 1024
"""What the tree of an image may take, as far as that can be told."""
_BYTES_OF_A_NODE: Final = 300
_MOST_STEPS: Final = 10_000_000
"""Names that are looked up for an image: some seconds."""
_MOST_LINKS: Final = 40
"""As many as the kernel follows."""
_MOST_CHARACTERS: Final = 4096
"""Of a path, as for the kernel."""


class File:
    """A file, under all of its names.

    Attributes:
        capabilities: those without which it cannot be executed.
        content: its first bytes, where they were wanted.
    """

    __slots__ = ("capabilities", "content")

    def __init__(self) -> None:
        """Start without either."""
        self.capabilities: frozenset[str] = frozenset()
        self.content = b""


class _Node:
    """What a name in a directory stands for: a file, a symbolic link, or else a directory.

    Attributes:
        layer: the number of the layer that has put it there.
        pruned: the number of the layer that has taken away all that is older below it.
    """

    __slots__ = ("children", "file", "layer", "pruned", "target")

    def __init__(self, layer: int) -> None:
        self.layer = layer
        self.pruned = layer
        self.children: dict[str, _Node] = {}
        self.file: File | None = None
        self.target: str | None = None

    @property
    def is_directory(self) -> bool:
        return self.file is None and self.target is None


class _Place(NamedTuple):
    """Where a path leads to: what is passed from the root on, None where it is not in the tree, and by which names."""

    nodes: list[_Node | None]
    names: list[str]

    @property
    def node(self) -> _Node | None:
        return self.nodes[-1]


class Tree:
    """The files of an image. Each method raises RegistryError where a bound is exceeded, or a path leads nowhere."""

    def __init__(self) -> None:
        """Start with an empty image."""
        self._layer = 0
        self._root = _Node(self._layer)
        self._bytes = 0
        self._steps = 0

    def next_layer(self) -> None:
        """Go on with a newer layer."""
        self._layer += 1

    def put_file(self, path: str, file: File) -> None:
        """Put a file in the place of what lies at a path."""
        self._make(path).file = file

    def put_symlink(self, path: str, target: str) -> None:
        """Put a symbolic link in the place of what lies at a path."""
        self._spend(len(target))
        self._make(path).target = target

    def remove(self, path: str) -> None:
        """Take away what lies at a path: something that does not count takes its place."""
        directory, name = self._directory(path)
        if directory is not None:
            directory.children.pop(name, None)

    def make_directory(self, path: str) -> None:
        """Take away what lies at a path, unless it is a directory."""
        directory, name = self._directory(path)
        node = None if directory is None else directory.children.get(name)
        if directory is not None and node is not None and not node.is_directory:
            del directory.children[name]

    def white_out(self, path: str) -> None:
        """Take away what older layers have at a path."""
        directory, name = self._directory(path)
        node = None if directory is None else directory.children.get(name)
        if directory is None or node is None:
            return
        if node.is_directory:
            self._prune(node)
        elif node.layer < self._layer:
            del directory.children[name]

    def white_out_below(self, path: str) -> None:
        """Take away what older layers have below a directory."""
        node = self._walk(path).node
        if node is not None:
            self._prune(node)

    def file_at(self, path: str) -> File | None:
        """The file of this very path; None for anything else."""
        directory, name = self._directory(path)
        node = None if directory is None else directory.children.get(name)
        return None if node is None else node.file

    def find(self, path: str) -> File | None:
        """The file that a path leads to; None if there is none that counts.

        A symbolic link to a file that is not in the tree leads to one of which nothing is known.
        """
        directory, name = self._directory(path)
        node = None if directory is None else directory.children.get(name)
        if node is None or node.target is None:
            return None if node is None else node.file
        end = self._walk(path).node
        return File() if end is None else end.file

    def files(self) -> Iterator[File]:
        """All files, each once for every name."""
        nodes = [self._root]
        while nodes:
            node = nodes.pop()
            if node.file is not None:
                yield node.file
            nodes.extend(node.children.values())

    def _make(self, path: str) -> _Node:
        """A new node at a path, and new directories on the way to it."""
        way, _, name = path.rpartition("/")
        place = self._walk(way)
        here = self._root
        for node, each in zip(place.nodes[1:], place.names, strict=True):
            here = self._add(here, each) if node is None else node
        return self._add(here, name)

    def _add(self, directory: _Node, name: str) -> _Node:
        if not directory.is_directory:
            raise RegistryError("a layer has a file below what is no directory")
        self._spend(_BYTES_OF_A_NODE + len(name))
        node = directory.children[name] = _Node(self._layer)
        return node

    def _directory(self, path: str) -> tuple[_Node | None, str]:
        way, _, name = path.rpartition("/")
        return self._walk(way).node, name

    def _walk(self, path: str) -> _Place:
        """Follow a path from the root on, as the kernel does."""
        if len(path) > _MOST_CHARACTERS:
            raise RegistryError("an image has a path that is too long")
        left = path.split("/")[::-1]
        names: list[str] = []
        nodes: list[_Node | None] = [self._root]
        links = 0
        while left:
            name = left.pop()
            self._steps += 1
            if name == "..":
                if names:
                    names.pop()
                    nodes.pop()
            elif name not in ("", "."):
                here = nodes[-1]
                node = None if here is None else here.children.get(name)
                if node is not None and node.target is not None:
                    links += 1
                    left += node.target.split("/")[::-1]
                    if node.target.startswith("/"):
                        names, nodes = [], [self._root]
                else:
                    names.append(name)
                    nodes.append(node)
            if links > _MOST_LINKS or self._steps > _MOST_STEPS:
                raise RegistryError("an image has too many links or files")
        return _Place(nodes, names)

    def _prune(self, directory: _Node) -> None:
        """Take away what older layers have below a directory. Empty directories may stay: they are as good as none."""
        directories = [directory]
        while directories:
            node = directories.pop()
            if node.pruned == self._layer:
                continue
            node.pruned = self._layer
            kept = {name: row for name, row in node.children.items() if row.is_directory or row.layer == self._layer}
            node.children = kept
            directories.extend(row for row in kept.values() if row.is_directory)

    def _spend(self, size: int) -> None:
        self._bytes += size
        if self._bytes > _MOST_BYTES:
            raise RegistryError("an image has too many links or files")
