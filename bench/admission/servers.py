"""Servers that a benchmark starts, and what it asks of them: CPU time and memory."""

from __future__ import annotations

import os
import platform
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Final

from patches import FORM

HERE: Final = Path(__file__).parent
_PATIENCE: Final = 20.0
"""Seconds within which a server has to listen."""


def build(directory: Path) -> Path:
    """Build main.go; the program."""
    program = directory / "admission"
    subprocess.run(["go", "build", "-o", str(program), "."], cwd=HERE, check=True)  # noqa: S603, S607 (of the PATH)
    return program


@contextmanager
def server(command: Sequence[str], log: Path, *, pinned: bool = True) -> Iterator[int]:
    """Run a server, on the first core if it is `pinned`; its process id. Its log goes to a file."""
    with log.open("wb") as errors:
        process = subprocess.Popen(command, stdout=errors, stderr=errors)  # noqa: S603
        try:
            if pinned:
                os.sched_setaffinity(process.pid, {min(os.sched_getaffinity(0))})
            yield process.pid
        finally:
            process.terminate()
            process.wait(timeout=30)


def ours(certs: Path, port: str, *more: str) -> list[str]:
    """The command of our server, with the log in JSON and metrics; it makes its certificate in `certs`."""
    command = [sys.executable, "-m", "webhook", "serve", "--self-signed", str(certs), "--log-format", "json"]
    return [*command, "--health-port", "0", "--port", port, *more]


def free_port() -> int:
    """A port of this machine that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def wait(port: int) -> None:
    """Wait until a server listens."""
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return


def cpu_seconds(pid: int) -> float:
    """The CPU time of a process so far, by the number of its clock (clock_getcpuclockid)."""
    return time.clock_gettime((~pid << 3) | 2)


def resident(pid: int) -> float:
    """The resident memory of a process, in MiB."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def machine() -> str:
    """The processor and the number of its cores."""
    match = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    return f"{match[1] if match else platform.machine()}, {os.cpu_count()} cores"


def versions() -> dict[str, str]:
    """What the servers are made of, and in which form the engine runs."""
    go = subprocess.run(["go", "version"], capture_output=True, text=True, check=True).stdout.split()[2]  # noqa: S607
    names = ("aiohttp", "uvloop", "msgspec")
    libraries = {name: version(name) for name in names}
    return {"Python": platform.python_version(), "Go": go, **libraries, "engine": FORM}
