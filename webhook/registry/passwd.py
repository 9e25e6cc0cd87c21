"""Looks for a user in `/etc/passwd` of an image. Sources: passwd(5); OCI image-spec, layer.md."""

from __future__ import annotations

from typing import Final, NamedTuple

from webhook.errors import RegistryError
from webhook.registry.layer import OPAQUE, WHITEOUT, Entry, Kind

PASSWD: Final = "etc/passwd"  # noqa: S105 (a path)
MOST_PASSWD_BYTES: Final = 1024 * 1024
_DIRECTORY: Final = "etc"
_WHITEOUTS: Final = frozenset({f"{WHITEOUT}etc", f"etc/{WHITEOUT}passwd", f"etc/{OPAQUE}", OPAQUE})


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


class PasswdFile:
    """A visitor of one layer, where nothing but `/etc/passwd` is looked for: the newest layer that has it is enough.

    Attributes:
        content: `/etc/passwd`; empty if the layer does not have it.
        hides_older: whether the layer has it, or takes that of older layers away.
    """

    def __init__(self) -> None:
        """Start at the beginning of a layer."""
        self.content = b""
        self.hides_older = False

    def visit(self, entry: Entry) -> int:
        """Look at an entry. Returns how many bytes of its content are wanted."""
        if entry.path in _WHITEOUTS or (entry.path == _DIRECTORY and entry.kind is not Kind.DIRECTORY):
            self.hides_older = True
        if entry.path != PASSWD:
            return 0
        self.hides_older = True
        if entry.kind is not Kind.FILE:
            raise RegistryError("/etc/passwd is no regular file")
        if entry.size > MOST_PASSWD_BYTES:
            raise RegistryError("/etc/passwd is too large")
        return entry.size

    def take(self, _: Entry, content: bytes) -> None:
        """Keep the content."""
        self.content = content
