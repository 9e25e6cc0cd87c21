"""Looks for a user in `/etc/passwd` of an image, layer by layer while they arrive.

A layer is a tar stream that adds files, or takes those of older layers away by whiteouts. Sources: OCI image-spec,
layer.md; passwd(5).
"""

from __future__ import annotations

import tarfile
import zlib
from typing import Final, NamedTuple

_BLOCK: Final = tarfile.BLOCKSIZE
_DIRECTORY: Final = "etc"
_PATH: Final = "etc/passwd"
_WHITEOUTS: Final = frozenset({".wh.etc", "etc/.wh.passwd", "etc/.wh..wh..opq", ".wh..wh..opq"})
_MOST_PASSWD_BYTES: Final = 1024 * 1024
_MOST_HEADER_BYTES: Final = 64 * 1024
"""Of a PAX header, which may name a file."""
_MOST_UNPACKED_BYTES: Final = 1024 * 1024 * 1024
_GZIP: Final = 16 + zlib.MAX_WBITS
_CHUNK: Final = 1024 * 1024


class Account(NamedTuple):
    """The numbers of a user."""

    uid: int
    gid: int


def find_account(passwd: bytes, name: str) -> Account | None:
    """Find a user by name; None if there is none, or its line cannot be read. The first of equal names counts."""
    for line in passwd.decode(errors="replace").splitlines():
        fields = line.split(":")
        if fields[0] == name:
            try:
                uid, gid = int(fields[2]), int(fields[3])
            except (IndexError, ValueError):
                return None
            return Account(uid, gid) if 0 <= uid < 2**31 and 0 <= gid < 2**31 else None
    return None


class LayerReader:
    """Reads a layer, packed with gzip or not packed.

    Attributes:
        passwd: content of `/etc/passwd`, if the layer has it.
        hides_older: whether `/etc/passwd` of older layers is not there any more.
        problem: why the layer cannot be read; "" if it can.
    """

    def __init__(self, *, packed: bool) -> None:
        """Start at the beginning of a layer."""
        self.passwd: bytes | None = None
        self.hides_older = False
        self.problem = ""
        self._unpacker = zlib.decompressobj(_GZIP) if packed else None
        self._unpacked = 0
        self._rest = bytearray()
        self._skip = 0
        self._entry: tarfile.TarInfo | None = None  # whose content is wanted and has not all arrived
        self._renamed: dict[str, str] = {}
        self._ended = False

    def feed(self, data: bytes) -> None:
        """Read on."""
        if self._unpacker is None:
            self._take(data)
            return
        while data and not self._is_done():
            try:
                piece = self._unpacker.decompress(data, _CHUNK)
            except zlib.error as error:
                self.problem = f"a layer cannot be unpacked: {error}"
                return
            self._take(piece)
            data = self._unpacker.unconsumed_tail
            if self._unpacker.eof:  # gzip may have several members
                data = self._unpacker.unused_data
                self._unpacker = zlib.decompressobj(_GZIP)

    def _is_done(self) -> bool:
        return bool(self._ended or self.problem or self.passwd is not None)

    def _take(self, data: bytes) -> None:
        self._unpacked += len(data)
        if self._unpacked > _MOST_UNPACKED_BYTES:
            self.problem = f"a layer has more than {_MOST_UNPACKED_BYTES} bytes"
            return
        skipped = min(self._skip, len(data))
        self._skip -= skipped
        if self._skip or self._is_done():
            return
        self._rest += memoryview(data)[skipped:]
        while not self._is_done() and self._step():
            pass

    def _step(self) -> bool:
        """Read one header, or the content of one wanted entry. Returns whether there may be more to read."""
        if self._entry is not None:
            return self._read_content(self._entry)
        if len(self._rest) < _BLOCK:
            return False
        block = bytes(self._rest[:_BLOCK])
        del self._rest[:_BLOCK]
        if not any(block):
            self._ended = True
            return False
        try:
            entry = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            self.problem = f"a layer is no tar archive: {error}"
            return False
        if entry.size < 0:
            self.problem = "a layer is no tar archive: negative size"
            return False
        return self._look_at(entry)

    def _look_at(self, entry: tarfile.TarInfo) -> bool:
        if entry.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME):
            if entry.size > _MOST_HEADER_BYTES:
                self.problem = "a layer has a header that is too large"
                return False
            self._entry = entry
            return True
        size = int(self._renamed["size"]) if self._renamed.get("size", "").isdecimal() else entry.size
        name = self._renamed.get("path", entry.name)
        self._renamed = {}
        path = name.removeprefix("./").strip("/")
        if path in _WHITEOUTS or (path == _DIRECTORY and not entry.isdir()):
            self.hides_older = True
        if path == _PATH:
            return self._found(entry, size)
        return self._pass_over(size if entry.isreg() else 0)

    def _found(self, entry: tarfile.TarInfo, size: int) -> bool:
        self.hides_older = True
        if not entry.isreg():
            self.problem = "/etc/passwd is no regular file"
            return False
        if size > _MOST_PASSWD_BYTES:
            self.problem = "/etc/passwd is too large"
            return False
        entry.size = size
        self._entry = entry
        return True

    def _read_content(self, entry: tarfile.TarInfo) -> bool:
        padded = -(-entry.size // _BLOCK) * _BLOCK
        if len(self._rest) < padded:
            return False
        content = bytes(self._rest[: entry.size])
        del self._rest[:padded]
        self._entry = None
        if entry.type == tarfile.GNUTYPE_LONGNAME:
            self._renamed["path"] = content.rstrip(b"\0").decode("utf-8", "surrogateescape")
        elif entry.isreg():
            self.passwd = content
        else:
            self._renamed |= _pax_records(content)
        return True

    def _pass_over(self, size: int) -> bool:
        padded = -(-size // _BLOCK) * _BLOCK
        here = min(padded, len(self._rest))
        del self._rest[:here]
        self._skip = padded - here
        return not self._skip


def _pax_records(content: bytes) -> dict[str, str]:
    """The records of a PAX header that name a file and its size: LENGTH, a space, KEY=VALUE, a line end."""
    records = {}
    while content:
        length, _, _ = content.partition(b" ")
        if not length.isdigit() or not 0 < int(length) <= len(content):
            break
        record, content = content[: int(length)], content[int(length) :]
        key, _, value = record[len(length) + 1 : -1].partition(b"=")
        if key in (b"path", b"size"):
            records[key.decode()] = value.decode("utf-8", "surrogateescape")
    return records
