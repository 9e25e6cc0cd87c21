"""Keeps the namespaces that a node runs in: once it ends, everything that runs in them ends, and they are gone.

Started by isolation.py under `unshare`, as the first process of a process namespace: keeper.py LOGS LOCK CGROUP. It
waits for the lock, prints "ready", and ends when its standard input does, so also when the tests' process is killed.
What has no namespace it takes back: the cgroup that it makes for the pods, and the kernel's settings that a kubelet
changes.
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

_IN_MEMORY: Final = ("/var/lib", "/run")
"""Where the programs of a node write what nobody needs afterwards; it goes with the namespaces."""
LOGS: Final = "/var/log"
"""Where they write logs, which stay in the directory that is given."""
_CGROUPS: Final = Path("/sys/fs/cgroup")
_SETTINGS: Final = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
_CONTROLLERS: Final = ("cpu", "cpuset", "memory", "pids")
"""Those of cgroups without which a kubelet does not start, or cannot limit pods."""
_WEIGHTS: Final = {"cpu.shares": 4096, "cpu.weight": 400}
"""What the pods count for against other work of the machine: together as four processes. Else it would be as one."""
_END_SECONDS: Final = 10


def main(logs: Path, lock: Path, cgroup: str) -> None:
    """Keep them until standard input ends. The node logs into `logs`, and has its pods below `cgroup`."""
    with lock.open("w", encoding="utf-8") as file:
        _wait_for(file.fileno())
        _remove_cgroups(cgroup)  # of a keeper that was killed
        try:
            _make_cgroups(cgroup)
            with _settings_kept():
                _keep(logs)
        finally:
            _remove_cgroups(cgroup)


def _keep(logs: Path) -> None:
    for place in _IN_MEMORY:
        _run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", place)
    _run("mount", "--bind", logs, LOGS)
    _run("ip", "link", "set", "lo", "up")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # as the first process it inherits those that end
    print("ready", flush=True)
    try:
        sys.stdin.buffer.read()
    finally:
        _end_others()


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True)


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
    end = time.monotonic() + _END_SECONDS
    with suppress(ProcessLookupError):
        while time.monotonic() < end:
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


def _remove_cgroups(name: str) -> None:
    """Remove the pods' cgroups. A process that has ended holds its own a moment longer."""
    end = time.monotonic() + _END_SECONDS
    while (found := cgroups(name)) and time.monotonic() < end:
        for path in found:
            with suppress(OSError):
                path.rmdir()
        time.sleep(0.05)


def _make_cgroups(name: str) -> None:
    """Make the one of all pods: by version 1 in each hierarchy, with all processors; by version 2 once."""
    controllers: set[str] = set()
    for hierarchy in _hierarchies():
        try:
            controllers |= _make_cgroup(hierarchy, name)
        except OSError as error:
            sys.exit(f"a node needs cgroups that can be made: {error}")
        for file, weight in _WEIGHTS.items():
            if (hierarchy / name / file).exists():
                (hierarchy / name / file).write_text(str(weight), encoding="ascii")
    if missing := set(_CONTROLLERS) - controllers:
        sys.exit(f"a node needs cgroups with the controllers {', '.join(sorted(missing))} below {_CGROUPS}")


def _make_cgroup(hierarchy: Path, name: str) -> set[str]:
    """Make it in one hierarchy; the controllers that it has there."""
    made = hierarchy / name
    made.mkdir(exist_ok=True)
    for file in ("cpuset.cpus", "cpuset.mems"):
        if (hierarchy / file).exists():
            (made / file).write_text((hierarchy / file).read_text(encoding="ascii"), encoding="ascii")
    if not (hierarchy / "cgroup.subtree_control").exists():
        return set(hierarchy.name.split(","))
    for controller in (hierarchy / "cgroup.controllers").read_text(encoding="ascii").split():
        with suppress(OSError):  # one that is not given on; what matters is which the new one has
            (hierarchy / "cgroup.subtree_control").write_text(f"+{controller}", encoding="ascii")
    return set((made / "cgroup.controllers").read_text(encoding="ascii").split())


def cgroups(name: str) -> list[Path]:
    """Those of the pods, the innermost first."""
    roots = (hierarchy / name for hierarchy in _hierarchies())
    return [Path(path) for root in roots for path, _, _ in os.walk(root, topdown=False)]


def _hierarchies() -> list[Path]:
    """Where they are mounted: by version 2 there is one."""
    if (_CGROUPS / "cgroup.procs").exists():
        return [_CGROUPS]
    return [path.parent for path in _CGROUPS.glob("*/cgroup.procs") if not path.parent.is_symlink()]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
