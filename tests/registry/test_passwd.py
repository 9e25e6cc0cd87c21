"""The user of an image in one of its layers."""

from __future__ import annotations

import pytest

from tests.registry.content import PASSWD, Files, directory, link, tar
from webhook.errors import RegistryError
from webhook.registry.layer import LayerReader
from webhook.registry.passwd import Account, PasswdFile, find_account


def read(files: Files) -> PasswdFile:
    """What is found in a layer."""
    found = PasswdFile()
    LayerReader(found, packed=False).feed(tar(files))
    return found


def test_passwd_is_found() -> None:
    """Whole, and no other file of that name."""
    assert read({"usr/bin/a": b"x" * 3000, "d/etc/passwd": b"no", "etc/passwd": PASSWD}).content == PASSWD


@pytest.mark.parametrize("name", [".wh.etc", "etc/.wh.passwd", "etc/.wh..wh..opq", ".wh..wh..opq"])
def test_whiteouts_hide_older_layers(name: str) -> None:
    """Those of the file, and of each directory on the way; no others."""
    assert read({name: b""}).hides_older
    assert not read({"etc/.wh.group": b"", "var/.wh..wh..opq": b""}).hides_older


def test_etc_as_a_link_or_a_file_hides_older_layers() -> None:
    """What is no directory takes the place of the older one."""
    assert read({"etc": link("usr/etc")}).hides_older
    assert read({"etc": b""}).hides_older
    assert not read({"etc": directory()}).hides_older


def test_what_cannot_be_read() -> None:
    """Nobody follows a link, and nobody reads a very large file."""
    with pytest.raises(RegistryError, match="/etc/passwd is no regular file"):
        read({"etc/passwd": link("../usr/lib/passwd")})
    with pytest.raises(RegistryError, match="/etc/passwd is too large"):
        read({"etc/passwd": b"x" * (1024 * 1024 + 1)})


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
