"""Runs a command in a tree of files as a container runtime does: read-only, as a numeric user, without capabilities.

Started by container.py under `unshare`, in namespaces of its own, as: enter.py TREE UID:GID COMMAND…
Needs nothing but Python's standard library. The environment is the command's.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

_MOUNT: Final = "/bin/mount"
_PR_SET_PDEATHSIG: Final = 1
_PR_CAPBSET_DROP: Final = 24
_PR_SET_NO_NEW_PRIVS: Final = 38


def main(tree: Path, user: str, command: list[str]) -> None:
    """Become the command."""
    shells = _shells(tree)
    uid, gid = map(int, user.split(":"))
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text(encoding="ascii"))
    _mount("--bind", tree, tree)
    _mount("-o", "remount,bind,ro", tree)
    _mount("-t", "proc", "proc", tree / "proc")
    _mount("--bind", "/dev", tree / "dev")
    for shell in shells:
        _mount("--bind", "/dev/null", shell)
    os.chroot(tree)
    os.chdir("/")
    _lower(uid, gid, last)
    os.execv(command[0], command)  # noqa: S606 (a shell is what shall not be needed)


def _shells(tree: Path) -> set[Path]:
    """Every shell that the image lists, and what its links lead to."""
    listed = (tree / "etc" / "shells").read_text(encoding="utf-8").splitlines()
    shells = {(tree / line.strip("/")).resolve() for line in [*listed, "/bin/sh"] if line.startswith("/")}
    return {shell for shell in shells if shell.is_file() and shell.is_relative_to(tree)}


def _mount(*arguments: str | Path) -> None:
    subprocess.run([_MOUNT, *map(str, arguments)], check=True)


def _lower(uid: int, gid: int, last: int) -> None:
    """Give up everything but the numbers. Imports nothing: what would be found now is the image's."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    for capability in range(last + 1):
        prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # what --kill-child had set ends where the user changes


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
