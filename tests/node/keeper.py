"""Keeps the namespaces that a node runs in: once it ends, everything that runs in them ends, and they are gone.

Started by isolation.py under `unshare`, as the first process of a process namespace: keeper.py DIRECTORY LOCK. It waits
for the lock, prints "ready", and ends when its standard input does, so also when the tests' process is killed. What has
no namespace it takes back: the cgroups that it makes for the pods, and the kernel's settings that a kubelet changes.
Needs nothing but Python's standard library.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

CGROUP: Final = "pod-security-defaulter-node"
"""Has those of all pods, in every hierarchy."""
PLACES: Final = {"lib": "/var/lib", "log": "/var/log", "run": "/run"}
"""Where the programs of a node write, by the name of the directory that they are given for it."""
_CGROUPS: Final = Path("/sys/fs/cgroup")
_SETTINGS: Final = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
_REMOVE_SECONDS: Final = 10


def main(directory: Path, lock: Path) -> None:
    """Keep them until standard input ends."""
    with lock.open("w", encoding="utf-8") as file:
        _wait_for(file.fileno())
        _remove_cgroups()  # of a keeper that was killed
        _make_cgroups()
        with _settings_kept():
            for name, place in PLACES.items():
                (directory / name).mkdir()
                subprocess.run(["mount", "--bind", directory / name, place], check=True)
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # as the first process it inherits those that end
            print("ready", flush=True)
            try:
                sys.stdin.buffer.read()
            finally:
                _end_others()
                _remove_cgroups()


def _wait_for(lock: int) -> None:
    """A machine has one node at a time: cgroups and the kernel's settings are the machine's."""
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if select.select([sys.stdin], [], [], 0.5)[0]:
                sys.exit("the tests ended while another node was running")
        else:
            return


def _end_others() -> None:
    """Kill all processes of this namespace but this one."""
    with suppress(ProcessLookupError):
        while True:
            os.kill(-1, signal.SIGKILL)
            time.sleep(0.05)


@contextmanager
def _settings_kept() -> Iterator[None]:
    paths = [Path("/proc/sys", name) for name in _SETTINGS]
    before = {path: path.read_text(encoding="ascii") for path in paths if path.exists()}
    try:
        yield
    finally:
        for path, value in before.items():
            if path.read_text(encoding="ascii") != value:
                path.write_text(value, encoding="ascii")


def _remove_cgroups() -> None:
    """Remove the pods' cgroups of both versions. A process that has ended holds its cgroup a moment longer."""
    end = time.monotonic() + _REMOVE_SECONDS
    while (found := _cgroups()) and time.monotonic() < end:
        for path in found:
            with suppress(OSError):
                path.rmdir()
        time.sleep(0.05)


def _make_cgroups() -> None:
    """Make the one of all pods: below version 1 in each hierarchy, with all processors; below version 2 once."""
    for hierarchy in _hierarchies():
        made = hierarchy / CGROUP
        made.mkdir()
        for name in ("cpuset.cpus", "cpuset.mems"):
            if (hierarchy / name).exists():
                (made / name).write_text((hierarchy / name).read_text(encoding="ascii"), encoding="ascii")
        if (hierarchy / "cgroup.subtree_control").exists():
            for controller in (hierarchy / "cgroup.controllers").read_text(encoding="ascii").split():
                with suppress(OSError):
                    (hierarchy / "cgroup.subtree_control").write_text(f"+{controller}", encoding="ascii")


def _cgroups() -> list[Path]:
    """Those of the pods, the innermost first."""
    roots = (hierarchy / CGROUP for hierarchy in _hierarchies())
    return [Path(name) for root in roots for name, _, _ in os.walk(root, topdown=False)]


def _hierarchies() -> list[Path]:
    """Where they are mounted. Version 2 has one, on a machine with version 1 too."""
    found = [path.parent for path in (_CGROUPS / "cgroup.procs", *_CGROUPS.glob("*/cgroup.procs"))]
    if found[0].joinpath("cgroup.procs").exists():
        return found[:1]
    return [path for path in found[1:] if not path.is_symlink()]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
