"""Namespaces that a node runs in: network, mounts and processes of its own, so that nothing of it is on the machine.

The tests' own process enters the network for as long, by its main thread, and so do all that it starts meanwhile: API
server, etcd and webhook listen on the loopback of that network, which has a bridge to the pods.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.cluster.assets.build import cache_directory
from tests.leftovers import bound
from tests.node import keeper

_KEEPER: Final = Path(keeper.__file__)
_ALONE: Final = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
_STOP_SECONDS: Final = 30


class Isolation:
    """The namespaces, while their keeper runs."""

    def __init__(self, pid: int, cgroup: str) -> None:
        """Describe those of the process `pid`. Below `cgroup` a node may have its pods."""
        self.pid = pid
        self.cgroup = cgroup
        self._outside = -1

    def command(self, *words: str | Path) -> list[str]:
        """A command that is run in them. The program ends with the command, which waits for it outside."""
        enter = ("nsenter", f"--target={self.pid}", "--net", "--mount", "--pid", "--")
        return [*enter, *bound(list(map(str, words)))]

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Have this thread, and the threads and processes that it starts, in the network."""
        assert threading.current_thread() is threading.main_thread()
        self._outside = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._enter()
            yield
        finally:
            _set_namespace(self._outside)
            os.close(self._outside)

    @contextmanager
    def left(self) -> Iterator[None]:
        """Have this thread, where it has entered, in the network of the machine for a while."""
        assert threading.current_thread() is threading.main_thread()
        _set_namespace(self._outside)
        try:
            yield
        finally:
            self._enter()

    def _enter(self) -> None:
        with Path(f"/proc/{self.pid}/ns/net").open("rb") as inside:
            _set_namespace(inside.fileno())


def lock_file(cgroup: str) -> Path:
    """A file that is locked as long as namespaces with this cgroup are on this machine."""
    return cache_directory().parent / "node" / f".{cgroup}.lock"


@contextmanager
def isolated(logs: Path, cgroup: str = "pod-security-defaulter-node") -> Iterator[Isolation]:
    """Make the namespaces, once no other with this cgroup are on this machine; at the end, end all that is in them.

    What is written to /var/log there is in the directory `logs`.
    """
    lock = lock_file(cgroup)
    lock.parent.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        [*_ALONE, sys.executable, "-I", str(_KEEPER), str(logs), str(lock), cgroup],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # an interrupt from the keyboard concerns the tests, which then end it
    )
    try:
        assert process.stdout is not None
        if process.stdout.readline() != b"ready\n":
            _, errors = process.communicate(timeout=_STOP_SECONDS)
            said = errors.decode().strip()
            if said.startswith("unshare: "):
                pytest.skip(f"a node needs namespaces of its own: {said}")
            assert said.startswith("a node needs "), said
            pytest.skip(said)
        (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
        yield Isolation(int(child), cgroup)
    finally:
        _, errors = process.communicate(timeout=_STOP_SECONDS)  # closes its standard input
    assert process.returncode == 0, errors.decode()


def _set_namespace(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, 0):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
