"""What a test leaves behind: sockets, threads, processes, tasks. What it leaves fails it, not a test that comes later.

Without this, a socket that was forgotten is closed by some later garbage collection, and its ResourceWarning fails
whichever test runs at that moment.
"""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import stat
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import socket
from subprocess import Popen
from typing import Final, NamedTuple, Protocol, TypeAlias
from weakref import WeakSet

_DESCRIPTORS: Final = "/dev/fd"
_TASKS: Final = "/proc/self/task"
_GRACE_SECONDS: Final = 2.0
"""For what is ending already: a thread that has been told to stop, a server's side of a handshake that failed."""
_POLL_SECONDS: Final = 0.02


class Keeper(Protocol):
    """What lives longer than a test, and whose sockets, threads or processes come and go meanwhile, as a proxy has."""

    def keeps(self) -> Iterable[Kept]:
        """What it has now; it may name what it has had too."""


Kept: TypeAlias = socket | threading.Thread | Popen[bytes]
KEEPERS: Final[WeakSet[Keeper]] = WeakSet()
"""Those that have been made and not yet forgotten."""


class Held(NamedTuple):
    """What this process holds: its sockets by device and inode, the Python threads, the ids of its children."""

    sockets: frozenset[tuple[int, int]]
    threads: frozenset[threading.Thread]
    children: frozenset[int]
    keepers: tuple[Keeper, ...]

    @classmethod
    def now(cls) -> Held:
        """What it holds at this moment. Where the system does not tell, nothing."""
        return cls(_sockets(), frozenset(threading.enumerate()), _children(), tuple(KEEPERS))

    def beyond(self, before: Held) -> list[str]:
        """What has come since `before` and is not of a keeper that was there, in words."""
        sockets, threads = self.sockets - before.sockets, self.threads - before.threads
        children = self.children - before.children
        if sockets or threads or children:
            kept = [one for keeper in before.keepers for one in keeper.keeps()]
            sockets -= {_identity(one.fileno()) for one in kept if isinstance(one, socket)}
            threads -= {one for one in kept if isinstance(one, threading.Thread)}
            children -= {one.pid for one in kept if isinstance(one, Popen)}
        return [
            *([f"{len(sockets)} open sockets"] if sockets else []),
            *sorted(f"the thread {thread.name}" for thread in threads),
            *(f"the process {pid} ({_command(pid)})" for pid in sorted(children)),
        ]


def left_since(before: Held) -> list[str]:
    """What is left since then, in words, after a collection of garbage: what only a cycle keeps warns here and now."""
    if not Held.now().beyond(before):
        return []
    gc.collect()
    end = time.monotonic() + _GRACE_SECONDS
    while (left := Held.now().beyond(before)) and time.monotonic() < end:
        time.sleep(_POLL_SECONDS)
    return left


def bound(command: Sequence[str]) -> list[str]:
    """A command that ends when the thread that starts it does: where the tests are killed, it does not stay behind."""
    return ["setpriv", "--pdeathsig", "KILL", "--", *command] if shutil.which("setpriv") else list(command)


@contextmanager
def pending_tasks() -> Iterator[list[str]]:
    """The tasks that a loop still has when its runner closes it; the runner itself would cancel them without a word."""
    found: list[str] = []
    cancel = asyncio.runners._cancel_all_tasks  # type: ignore[attr-defined]

    def note(loop: asyncio.AbstractEventLoop) -> None:
        if tasks := asyncio.all_tasks(loop):
            _, pending = loop.run_until_complete(asyncio.wait(tasks, timeout=_GRACE_SECONDS))
            found.extend(f"the task {task.get_name()}: {task.get_coro()}" for task in pending)
        cancel(loop)

    asyncio.runners._cancel_all_tasks = note  # type: ignore[attr-defined]
    try:
        yield found
    finally:
        asyncio.runners._cancel_all_tasks = cancel  # type: ignore[attr-defined]


def _identity(descriptor: int) -> tuple[int, int] | None:
    with suppress(OSError):  # it is closed
        status = os.fstat(descriptor)
        if stat.S_ISSOCK(status.st_mode):
            return status.st_dev, status.st_ino
    return None


def _sockets() -> frozenset[tuple[int, int]]:
    with suppress(FileNotFoundError):
        names = os.listdir(_DESCRIPTORS)  # noqa: PTH208 (thrice as fast as paths, before and after each test)
        return frozenset(filter(None, map(_identity, map(int, names))))
    return frozenset()


def _children() -> frozenset[int]:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)  # waits for none, and says whether there is any
    except ChildProcessError:
        return frozenset()
    found: set[int] = set()
    with suppress(FileNotFoundError):
        for thread in os.listdir(_TASKS):  # noqa: PTH208 (as above)
            with suppress(OSError):  # a thread that has ended meanwhile
                found.update(map(int, Path(_TASKS, thread, "children").read_text().split()))
    return frozenset(found)


def _command(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return "ended"
    return b" ".join(words).decode(errors="replace").strip()[:200] or "ended, but nobody has waited for it"
