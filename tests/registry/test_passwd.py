"""The user of an image in its layers: tar streams that arrive in any pieces."""

from __future__ import annotations

import gzip
import tarfile

import pytest

from tests.registry.content import PASSWD, tar
from webhook.registry import passwd
from webhook.registry.passwd import Account, LayerReader, find_account


def link(name: str, target: str) -> tarfile.TarInfo:
    """A symbolic link."""
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    return entry


def directory(name: str) -> tarfile.TarInfo:
    """A directory."""
    entry = tarfile.TarInfo(name)
    entry.type = tarfile.DIRTYPE
    return entry


def read(data: bytes, *, packed: bool = False, piece: int = 10_000) -> LayerReader:
    """A layer that arrives in pieces of so many bytes."""
    reader = LayerReader(packed=packed)
    for start in range(0, len(data), piece):
        reader.feed(data[start : start + piece])
    return reader


@pytest.mark.parametrize("piece", [1, 511, 513, 100_000])
@pytest.mark.parametrize("layout", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_passwd_is_found_in_any_pieces(piece: int, layout: int) -> None:
    """In each format of tar, packed and not packed."""
    data = tar({"usr/bin/a": b"x" * 3000, "./etc/passwd": PASSWD, "etc/group": b"g"}, layout)
    assert read(data, piece=piece).passwd == PASSWD
    assert read(gzip.compress(data), packed=True, piece=piece).passwd == PASSWD


@pytest.mark.parametrize("layout", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_names_belong_to_the_entry_after_them(layout: int) -> None:
    """The short name that such an entry has too is not its name."""
    data = tar({f"{'d/' * 100}etc/passwd": b"no", "etc/passwd": PASSWD}, layout)
    assert read(data).passwd == PASSWD


def test_a_gzip_of_several_members() -> None:
    """As some builders write layers."""
    data = tar({"a": b"x" * 2000, "etc/passwd": PASSWD})
    assert read(gzip.compress(data[:1000]) + gzip.compress(data[1000:]), packed=True).passwd == PASSWD


@pytest.mark.parametrize("name", [".wh.etc", "etc/.wh.passwd", "etc/.wh..wh..opq", ".wh..wh..opq"])
def test_whiteouts_hide_older_layers(name: str) -> None:
    """Those of the file, and of each directory on the way; no others."""
    assert read(tar({name: b""})).hides_older
    assert not read(tar({"etc/.wh.group": b"", "var/.wh..wh..opq": b""})).hides_older


def test_etc_as_a_link_or_a_file_hides_older_layers() -> None:
    """What is no directory takes the place of the older one."""
    assert read(tar({"etc": link("etc", "usr/etc")})).hides_older
    assert read(tar({"etc": b""})).hides_older
    assert not read(tar({"etc": directory("etc/")})).hides_older


def test_passwd_as_a_link_is_a_problem() -> None:
    """Nobody follows it."""
    reader = read(tar({"etc/passwd": link("etc/passwd", "../usr/lib/passwd")}))
    assert (reader.passwd, reader.problem) == (None, "/etc/passwd is no regular file")


@pytest.mark.parametrize(
    ("data", "packed", "problem"),
    [
        (b"x" * 512, False, "a layer is no tar archive: "),
        (b"no gzip", True, "a layer cannot be unpacked: "),
        (tar({"etc/passwd": b"x" * (1024 * 1024 + 1)}), False, "/etc/passwd is too large"),
        (tar({"d/" * 40_000: b""}), False, "a layer has a header that is too large"),
    ],
)
def test_what_cannot_be_read(data: bytes, *, packed: bool, problem: str) -> None:
    """It is a problem, and never an exception."""
    reader = read(data, packed=packed)
    assert reader.passwd is None
    assert reader.problem.startswith(problem)


def test_a_bomb_is_not_unpacked_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading ends at the bound."""
    monkeypatch.setattr(passwd, "_MOST_UNPACKED_BYTES", 2**22)
    reader = read(gzip.compress(tar({"a": bytes(2**23), "etc/passwd": PASSWD})), packed=True)
    assert reader.problem == "a layer has more than 4194304 bytes"


@pytest.mark.parametrize(
    ("text", "account"),
    [
        (PASSWD, Account(101, 102)),
        (b"webber:x:7:7::/:/\nweb:x:101:102::/:/\nweb:x:5:5::/:/", Account(101, 102)),
        (b"web:x:many:102", None),
        (b"web:x", None),
        (b"web:x:-1:102::", None),
        (b"web:x:4294967295:102::", None),
        (b"\xff\n", None),
    ],
)
def test_find_account(text: bytes, account: Account | None) -> None:
    """The first line that names the user counts; one that cannot be read is none."""
    assert find_account(text, "web") == account
