"""Reads a layer of an image while it arrives: which files it adds or takes away, and the content of a few.

A layer is a tar stream, packed with gzip or not packed. What a runtime does with an entry decides how it is read here.
Sources: OCI image-spec, layer.md; pax(1); Go's archive/tar, which containerd and docker unpack layers with.
"""

from __future__ import annotations

import posixpath
import tarfile
import zlib
from collections.abc import Generator
from enum import Enum
from typing import Final, NamedTuple, Protocol, TypeAlias

from webhook.errors import RegistryError

WHITEOUT: Final = ".wh."
"""Before the name of what older layers have and this one takes away."""
OPAQUE: Final = ".wh..wh..opq"
"""The name of an entry that takes away all that older layers have in its directory."""
_BLOCK: Final = tarfile.BLOCKSIZE
_MOST_HEADER_BYTES: Final = 64 * 1024
"""Of a PAX header, which may name a file, and has its extended attributes."""
_MOST_UNPACKED_BYTES: Final = 1024 * 1024 * 1024
_GZIP: Final = 16 + zlib.MAX_WBITS
_CHUNK: Final = 1024 * 1024
_CAPABILITY: Final = "SCHILY.xattr.security.capability"
_PAX_KEYS: Final = frozenset({"path", "linkpath", "size", _CAPABILITY})
_MOST_DIGITS: Final = 18
_LONG_NAMES: Final = {tarfile.GNUTYPE_LONGNAME: "path", tarfile.GNUTYPE_LONGLINK: "linkpath"}
_PAX_HEADERS: Final = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)
_WITHOUT_CONTENT: Final = (
    tarfile.LNKTYPE,
    tarfile.SYMTYPE,
    tarfile.CHRTYPE,
    tarfile.BLKTYPE,
    tarfile.DIRTYPE,
    tarfile.FIFOTYPE,
)

_Reading: TypeAlias = Generator[None, None, None]


class Kind(Enum):
    """What an entry is."""

    FILE = "file"
    LINK = "link"
    """A further name of a file: a hard link."""
    SYMLINK = "symlink"
    DIRECTORY = "directory"
    OTHER = "other"


class Entry(NamedTuple):
    """An entry of a layer.

    Attributes:
        path: where it lies, from the root of the image, without a slash before it; "" for the root itself.
        kind: what it is.
        size: bytes of its content.
        executable: whether anybody may execute it.
        target: what a link leads to, as it is written there.
        capability: its extended attribute `security.capability`; empty if it has none.
    """

    path: str
    kind: Kind
    size: int = 0
    executable: bool = False
    target: str = ""
    capability: bytes = b""


class Visitor(Protocol):
    """Is shown the entries of layers, one after the other. Raises RegistryError for what cannot be used."""

    def visit(self, entry: Entry) -> int:
        """Look at an entry. Returns how many bytes of its content are wanted."""

    def take(self, entry: Entry, content: bytes) -> None:
        """Take the first bytes of a content, as many as were wanted."""


class LayerReader:
    """Shows the entries of a layer to a visitor. A sink: `feed` raises RegistryError for what is no layer."""

    def __init__(self, visitor: Visitor, *, packed: bool) -> None:
        """Start at the beginning of a layer, packed with gzip or not packed."""
        self._visitor = visitor
        self._unpacker = zlib.decompressobj(_GZIP) if packed else None
        self._unpacked = 0
        self._rest = bytearray()
        self._reading = self._read()
        self._ended = False

    def feed(self, data: bytes) -> None:
        """Read on.

        Raises:
            RegistryError: if it is no layer, a bound is exceeded, or the visitor cannot use it.
        """
        if self._unpacker is None:
            self._go_on(data)
            return
        while data and not self._ended:
            try:
                piece = self._unpacker.decompress(data, _CHUNK)
            except zlib.error as error:
                raise RegistryError(f"a layer cannot be unpacked: {error}") from None
            self._go_on(piece)
            data = self._unpacker.unconsumed_tail
            if self._unpacker.eof:  # gzip may have several members
                data = self._unpacker.unused_data
                self._unpacker = zlib.decompressobj(_GZIP)

    def _go_on(self, data: bytes) -> None:
        self._unpacked += len(data)
        if self._unpacked > _MOST_UNPACKED_BYTES:
            raise RegistryError(f"a layer has more than {_MOST_UNPACKED_BYTES} bytes")
        if not self._ended:
            self._rest += data
            self._ended = next(self._reading, True) is True

    def _read(self) -> _Reading:
        """Read the layer. Yields whenever more of it has to arrive, and ends with the archive."""
        records: dict[str, bytes] = {}
        while any(block := (yield from self._next(_BLOCK))):
            try:
                header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
            except tarfile.HeaderError as error:
                raise RegistryError(f"a layer is no tar archive: {error}") from None
            if header.size < 0:
                raise RegistryError("a layer is no tar archive: negative size")
            if header.type in _PAX_HEADERS or header.type in _LONG_NAMES:
                if header.size > _MOST_HEADER_BYTES:
                    raise RegistryError("a layer has a header that is too large")
                content = yield from self._next(_padded(header.size))
                records |= _records(header, content[: header.size])
            else:
                entry = _entry(header, records)
                records = {}
                wanted = 0 if header.type == tarfile.XGLTYPE else min(self._visitor.visit(entry), entry.size)
                if wanted:
                    self._visitor.take(entry, (yield from self._next(wanted)))
                yield from self._skip(_padded(entry.size) - wanted)

    def _next(self, size: int) -> Generator[None, None, bytes]:
        while len(self._rest) < size:
            yield
        content = bytes(self._rest[:size])
        del self._rest[:size]
        return content

    def _skip(self, size: int) -> _Reading:
        while len(self._rest) < size:
            size -= len(self._rest)
            self._rest.clear()
            yield
        del self._rest[:size]


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _entry(header: tarfile.TarInfo, records: dict[str, bytes]) -> Entry:
    """The entry that a header and the records before it describe."""
    size = header.size if "size" not in records else _number(records["size"])
    name = _text(records["path"]) if "path" in records else header.name
    target = _text(records["linkpath"]) if "linkpath" in records else header.linkname
    return Entry(
        path=posixpath.normpath("/" + name.lstrip("/"))[1:],
        kind=_kind(header),
        size=0 if header.type in _WITHOUT_CONTENT else size,
        executable=bool(header.mode & 0o111),
        target=target,
        capability=records.get(_CAPABILITY, b""),
    )


def _kind(header: tarfile.TarInfo) -> Kind:
    if header.isreg():
        return Kind.FILE
    if header.islnk():
        return Kind.LINK
    if header.issym():
        return Kind.SYMLINK
    return Kind.DIRECTORY if header.isdir() else Kind.OTHER


def _records(header: tarfile.TarInfo, content: bytes) -> dict[str, bytes]:
    """What a header says of the entry after it that has no place in the header of that entry."""
    if header.type in _LONG_NAMES:
        return {_LONG_NAMES[header.type]: content.rstrip(b"\0")}
    records = {}
    while content:  # LENGTH, a space, KEY=VALUE, a line end
        digits, _, _ = content.partition(b" ")
        length = _number(digits)
        if not len(digits) + 1 < length <= len(content):
            raise RegistryError("a layer has a header that cannot be read")
        record, content = content[:length], content[length:]
        key, _, value = record[len(digits) + 1 : -1].partition(b"=")
        name = _text(key)
        if name in _PAX_KEYS and value:
            records[name] = value
    return records


def _number(digits: bytes) -> int:
    if not digits.isdigit() or len(digits) > _MOST_DIGITS:
        raise RegistryError("a layer has a header that cannot be read")
    return int(digits)


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
