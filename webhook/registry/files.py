"""Takes from the layers of an image what tells about its user and the file capabilities of its program."""

from __future__ import annotations

import posixpath
from collections.abc import Collection
from typing import Final

from webhook.registry.capabilities import needed_capabilities
from webhook.registry.layer import OPAQUE, WHITEOUT, Entry, Kind
from webhook.registry.passwd import MOST_PASSWD_BYTES, PASSWD
from webhook.registry.tree import File, Tree

_MAGIC_BYTES: Final = 4
"""Of a program: enough to tell what it is."""


class ImageFiles:
    """A visitor of all layers of an image, the oldest first.

    Attributes:
        tree: the programs by name, all files with capabilities, `/etc/passwd`, and the symbolic links.
    """

    def __init__(self, programs: Collection[str]) -> None:
        """Start with an empty image, of which programs of these names count."""
        self.tree = Tree()
        self._programs = programs
        self._file = File()

    @property
    def passwd(self) -> bytes:
        """The content of `/etc/passwd`; empty if the image has none that can be read."""
        file = self.tree.file_at(PASSWD)
        return b"" if file is None else file.content

    def visit(self, entry: Entry) -> int:
        """Apply an entry. Returns how many bytes of its content are wanted."""
        directory, _, name = entry.path.rpartition("/")
        if name == OPAQUE:
            self.tree.white_out_below(directory)
        elif name.startswith(WHITEOUT):
            self.tree.white_out(f"{directory}/{name.removeprefix(WHITEOUT)}")
        elif entry.kind is Kind.DIRECTORY:
            self.tree.make_directory(entry.path)
        elif entry.kind is Kind.SYMLINK:
            self.tree.put_symlink(entry.path, entry.target)
        elif entry.kind is Kind.LINK:
            self._link(entry, name)
        elif entry.kind is Kind.FILE and self._counts(entry, name):
            self._file = File()
            self._file.capabilities = needed_capabilities(entry.capability)
            self.tree.put_file(entry.path, self._file)
            return entry.size if entry.path == PASSWD and entry.size <= MOST_PASSWD_BYTES else _MAGIC_BYTES
        else:
            self.tree.remove(entry.path)
        return 0

    def take(self, _: Entry, content: bytes) -> None:
        """Keep the content of the entry before."""
        self._file.content = content

    def _counts(self, entry: Entry, name: str) -> bool:
        return bool(entry.capability) or entry.path == PASSWD or (entry.executable and name in self._programs)

    def _link(self, entry: Entry, name: str) -> None:
        """Give a file a further name. Capabilities that stand at the link are those of the file."""
        target = posixpath.normpath(f"/{entry.target}").lstrip("/")
        file = self.tree.file_at(target)
        if file is None and self._counts(entry, name):
            file = File()
            self.tree.put_file(target, file)
        if file is None:
            self.tree.remove(entry.path)
            return
        if entry.capability:
            file.capabilities = needed_capabilities(entry.capability)
        self.tree.put_file(entry.path, file)
