"""Nothing of a node is left on the machine, also where the process of the tests is killed."""

from __future__ import annotations

import fcntl
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.cluster.installed import eventually
from tests.node import keeper, requirements
from tests.node.isolation import lock_file
from tests.node.keeper import cgroups
from tests.shared_data import ROOT

pytestmark = pytest.mark.node

_CGROUP: Final = "pod-security-defaulter-test"
_SETTING: Final = Path("/proc/sys/kernel/keys/root_maxkeys")
"""One that the kubelet changes."""
_SECONDS: Final = 30
# A process, a mount and a cgroup as pods have them; a program that the tests start; then they hang.
_TESTS: Final = f"""
import subprocess, sys, time
from pathlib import Path
from tests.cluster.processes import running
from tests.node.isolation import isolated

with isolated(Path(sys.argv[1]), "{_CGROUP}") as isolation, isolation.entered():
    script = (
        "for parent in $(find /sys/fs/cgroup -maxdepth 2 -name {_CGROUP});"
        "do mkdir $parent/pod; echo $$ 2>/dev/null >$parent/pod/cgroup.procs; done;"
        "mount -t tmpfs tmpfs /mnt; ip link add name pods type bridge; expr $(cat {_SETTING}) + 1 >{_SETTING};"
        "setsid sleep 1000 </dev/null >/dev/null 2>&1 &"
    )
    subprocess.run(isolation.command("sh", "-c", script), check=True)
    with running(["sleep", "1000"], Path(sys.argv[1], "sleep.log"), lambda: True, seconds=1):
        print(isolation.pid, flush=True)
        time.sleep(1000)
"""


@contextmanager
def _tests(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process of tests, which keeps namespaces until it is killed."""
    command = [sys.executable, "-c", _TESTS, str(directory)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
        with lock_file(_CGROUP).open("w", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # once all is as before


def _processes(network: Path) -> set[str]:
    """Those in a network."""
    found = set()
    for path in Path("/proc").glob("[0-9]*"):
        try:
            inside = (path / "ns" / "net").readlink()
        except OSError:  # it has ended
            continue
        if inside == network:
            found.add(path.name)
    return found


def test_a_killed_process_of_tests_leaves_nothing(tmp_path: Path) -> None:
    """No process, so that the kernel takes the mounts and the bridge; no cgroup; the kernel's settings as before."""
    requirements.require()
    before = _SETTING.read_text(encoding="ascii")
    with _tests(tmp_path) as process:
        assert process.stdout is not None
        pid = process.stdout.readline().strip()
        network = Path(f"/proc/{pid}/ns/net").readlink()
        assert network != Path("/proc/self/ns/net").readlink()
        assert len(_processes(network)) == 5, "unshare, the keeper, the tests, and two that sleep"
        assert cgroups(_CGROUP)
        assert _SETTING.read_text(encoding="ascii") != before
        process.kill()
        process.wait()
        eventually(lambda: not _processes(network), "no process is left", _SECONDS)
    assert not cgroups(_CGROUP)
    assert _SETTING.read_text(encoding="ascii") == before


def test_one_node_at_a_time(tmp_path: Path) -> None:
    """The second waits until the first has ended."""
    requirements.require()
    with _tests(tmp_path) as first:
        assert first.stdout is not None
        assert first.stdout.readline()
        with _tests(tmp_path) as second:
            assert second.stdout is not None
            ready, _, _ = select.select([second.stdout], [], [], 2)
            assert not ready
            first.kill()
            assert second.stdout.readline()


def test_a_machine_without_the_controllers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By version 2 of cgroups, one that is a container itself may be given none: that is said."""
    monkeypatch.setattr(keeper, "_CGROUPS", tmp_path)
    (tmp_path / "cgroup.procs").touch()
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n", encoding="ascii")
    (tmp_path / "cgroup.subtree_control").touch()
    (tmp_path / _CGROUP).mkdir()
    (tmp_path / _CGROUP / "cgroup.controllers").write_text("cpu pids\n", encoding="ascii")
    with pytest.raises(SystemExit, match="a node needs cgroups with the controllers cpuset, memory below "):
        keeper._make_cgroups(_CGROUP)


def test_a_machine_whose_cgroups_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where they are mounted read-only, that is said."""
    monkeypatch.setattr(keeper, "_hierarchies", lambda: [Path("/proc/self")])
    with pytest.raises(SystemExit, match="a node needs cgroups that can be made: "):
        keeper._make_cgroups(_CGROUP)
