"""The real command, serving over HTTPS on loopback, for tests that want all of it."""

from __future__ import annotations

import ssl
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.leftovers import bound

_READY = "serving admission on "
_STOP_SECONDS = 20


class Served(NamedTuple):
    """A server that runs: its address, how to verify it, its process."""

    address: str
    context: ssl.SSLContext
    process: subprocess.Popen[str]


@contextmanager
def served(directory: Path, *arguments: str | Path) -> Iterator[Served]:
    """Run `pod-security-defaulter serve` with a certificate of its own below `directory`; stop it by its process id."""
    command = [sys.executable, "-m", "webhook", "serve", "--port", "0", "--self-signed", str(directory / "certs")]
    log = directory / "serve.log"
    directory.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as errors:  # a pipe that nobody reads would be full one day
        words = bound([*command, *map(str, arguments)])
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line.startswith(_READY):
            process.kill()
            raise AssertionError(f"the server did not start: {line}{log.read_text()}")
        context = ssl.create_default_context(cafile=directory / "certs" / "ca.crt")
        yield Served(line.removeprefix(_READY).strip(), context, process)
    finally:
        process.terminate()
        try:
            process.communicate(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def run_command(*arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    command: Sequence[str] = [sys.executable, "-m", "webhook", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)
