"""Programs that run beside the tests: started with a log file, waited for, stopped by their process id."""

from __future__ import annotations

import http.client
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tests.leftovers import bound

_STOP_SECONDS: Final = 15
_POLL_SECONDS: Final = 0.1
_TAIL: Final = 2000


@contextmanager
def running(
    command: Sequence[str | Path], log: Path, is_ready: Callable[[], bool], *, seconds: float
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program from when `is_ready` says so until the end of the block. Its output goes to `log`.

    Raises AssertionError, with the end of the log, where it is not ready within `seconds`.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(bound(list(map(str, command))), stdout=output, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + seconds
        while not is_ready():
            said = f"{log.name}: {log.read_text(errors='replace')[-_TAIL:]}"
            assert process.poll() is None, f"ended with status {process.returncode}; {said}"
            assert time.monotonic() < end, f"not ready after {seconds} s; {said}"
            time.sleep(_POLL_SECONDS)
        yield process
    finally:
        stop(process, _STOP_SECONDS)


def stop(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Tell a program to stop, and end it where it has not within `seconds`."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that were free a moment ago, all different."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


def answers(url: str, context: ssl.SSLContext) -> Callable[[], bool]:
    """Asks a URL; true once it answers 200."""
    parts = urlsplit(url)

    def ask() -> bool:
        connection = http.client.HTTPSConnection(parts.hostname or "", parts.port, context=context, timeout=2)
        try:
            connection.request("GET", parts.path)
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    return ask
