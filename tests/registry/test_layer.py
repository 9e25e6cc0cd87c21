"""Layers as tar streams that arrive in any pieces."""

from __future__ import annotations

import gzip
import tarfile

import pytest

from tests.registry.content import BIND, CAPABILITY, Files, directory, executable, hard_link, link, tar
from webhook.errors import RegistryError
from webhook.registry import layer
from webhook.registry.layer import Entry, Kind, LayerReader


class Noting:
    """Notes all entries, and of each the first bytes of the content."""

    def __init__(self, wanted: int = 4) -> None:
        """Want so many bytes of each."""
        self.wanted = wanted
        self.entries: list[Entry] = []
        self.contents: dict[str, bytes] = {}

    def visit(self, entry: Entry) -> int:
        """Note it."""
        self.entries.append(entry)
        return self.wanted

    def take(self, entry: Entry, content: bytes) -> None:
        """Note it."""
        self.contents[entry.path] = content


def read(data: bytes, *, packed: bool = False, piece: int = 10_000, wanted: int = 4) -> Noting:
    """A layer that arrives in pieces of so many bytes."""
    noting = Noting(wanted)
    reader = LayerReader(noting, packed=packed)
    for start in range(0, len(data), piece):
        reader.feed(data[start : start + piece])
    return noting


def header(kind: bytes, content: bytes) -> bytes:
    """A header of this type, with its content."""
    entry = tarfile.TarInfo("h")
    entry.type, entry.size = kind, len(content)
    return entry.tobuf() + content.ljust(-(-len(content) // 512) * 512, b"\0")


@pytest.mark.parametrize("piece", [1, 511, 513, 100_000])
@pytest.mark.parametrize("layout", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_entries_are_read_in_any_pieces(piece: int, layout: int) -> None:
    """In each format of tar, packed and not packed."""
    files: Files = {
        "usr/bin/a": executable(b"x" * 3000),
        "./etc/passwd": b"root",
        "/etc/group": b"",
        "d/": directory(),
        "bin": link("usr/bin"),
        "usr/bin/b": hard_link("usr/bin/a"),
    }
    expected = [
        Entry("usr/bin/a", Kind.FILE, 3000, executable=True),
        Entry("etc/passwd", Kind.FILE, 4),
        Entry("etc/group", Kind.FILE),
        Entry("d", Kind.DIRECTORY),
        Entry("bin", Kind.SYMLINK, target="usr/bin"),
        Entry("usr/bin/b", Kind.LINK, executable=True, target="usr/bin/a"),
    ]
    data = tar(files, layout)
    for found in (read(data, piece=piece), read(gzip.compress(data), packed=True, piece=piece)):
        assert found.entries == expected
        assert found.contents == {"usr/bin/a": b"xxxx", "etc/passwd": b"root"}


@pytest.mark.parametrize("wanted", [512, 513, 1024, 5000])
def test_a_content_is_taken_as_far_as_it_is_wanted(wanted: int) -> None:
    """What comes after it is read all the same."""
    found = read(tar({"a": b"x" * 1500, "b": b"y"}), piece=100, wanted=wanted)
    assert found.contents == {"a": b"x" * min(wanted, 1500), "b": b"y"}


@pytest.mark.parametrize("layout", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_names_belong_to_the_entry_after_them(layout: int) -> None:
    """The short name that such an entry has too is not its name; links have long targets too."""
    long = "d/" * 100
    found = read(tar({f"{long}a": b"no", f"{long}b": link(f"/{long}a"), "c": b""}, layout))
    assert [(row.path, row.target) for row in found.entries] == [(f"{long}a", ""), (f"{long}b", f"/{long}a"), ("c", "")]


def test_the_attribute_with_the_capabilities() -> None:
    """As containerd, docker and GNU tar write it: bytes that need be no text. It belongs to one entry only."""
    binary = bytes.fromhex("01000002ff0a3dc3") + bytes(12)
    found = read(tar({"a": executable(capability=BIND), "b": executable(capability=binary), "c": executable()}))
    assert [row.capability for row in found.entries] == [BIND, binary, b""]


def test_other_records_are_passed_over() -> None:
    """Those of other programs, an attribute without a value, and headers for the whole archive."""
    records = b"30 LIBARCHIVE.xattr.x=AQAAAgA\n" + f"{len(CAPABILITY) + 5} {CAPABILITY}=\n".encode()
    data = header(tarfile.XGLTYPE, b"13 path=else\n") + header(tarfile.XHDTYPE, records) + tar({"a": b"1"})
    assert read(data).entries[-1] == Entry("a", Kind.FILE, 1)


def test_a_gzip_of_several_members() -> None:
    """As some builders write layers."""
    data = tar({"a": b"x" * 2000, "b": b"y"})
    packed = gzip.compress(data[:1000]) + gzip.compress(data[1000:])
    assert [row.path for row in read(packed, packed=True).entries] == ["a", "b"]


def test_names_outside_of_the_image_stay_inside() -> None:
    """As when a runtime unpacks them."""
    found = read(tar({"../../a": b"", "b/../c": b"", "./": directory()}))
    assert [row.path for row in found.entries] == ["a", "c", ""]


@pytest.mark.parametrize(
    ("data", "packed", "problem"),
    [
        (b"x" * 512, False, "a layer is no tar archive: "),
        (b"no gzip", True, "a layer cannot be unpacked: "),
        (tar({"d/" * 40_000: b""}), False, "a layer has a header that is too large"),
        (header(tarfile.XHDTYPE, b"nothing"), False, "a layer has a header that cannot be read"),
        (header(tarfile.XHDTYPE, b"2 a"), False, "a layer has a header that cannot be read"),
        (header(tarfile.XHDTYPE, b"99 path=a\n"), False, "a layer has a header that cannot be read"),
        (header(tarfile.XHDTYPE, b"9" * 5000), False, "a layer has a header that cannot be read"),
        (header(tarfile.XHDTYPE, b"9 size=x\n") + tar({"a": b""}), False, "a layer has a header that cannot be read"),
        (header(tarfile.XHDTYPE, b"5010 size=" + b"9" * 4999 + b"\n") + tar({"a": b""}), False, "a layer has a header"),
    ],
)
def test_what_cannot_be_read(data: bytes, *, packed: bool, problem: str) -> None:
    """It is an error of one kind."""
    with pytest.raises(RegistryError) as raised:
        read(data, packed=packed)
    assert str(raised.value).startswith(problem)


def test_a_bomb_is_not_unpacked_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading ends at the bound."""
    monkeypatch.setattr(layer, "_MOST_UNPACKED_BYTES", 2**22)
    with pytest.raises(RegistryError, match="a layer has more than 4194304 bytes"):
        read(gzip.compress(tar({"a": bytes(2**23)})), packed=True)
