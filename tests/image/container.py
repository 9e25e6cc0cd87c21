"""An image's files and how it says to run them; runs them so, on a read-only tree."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.image.buildah import ALONE

_ENTER: Final = Path(__file__).with_name("enter.py")
_START_SECONDS: Final = 120
_STOP_SECONDS: Final = 30


class Running(NamedTuple):
    """The image's command, while it runs: its first line of output, and its process as this machine numbers it."""

    line: str
    pid: int
    process: subprocess.Popen[str]


class Container(NamedTuple):
    """An image, unpacked."""

    tree: Path
    configuration: dict[str, Any]

    def put(self, path: str, files: Sequence[Path]) -> None:
        """Copy files to where a pod would mount them, for the image's user only."""
        directory = self.tree / path.strip("/")
        directory.mkdir(parents=True)
        user, group = map(int, self.configuration["User"].split(":"))
        for file in files:
            copy = directory / file.name
            copy.touch(mode=0o400)
            copy.write_bytes(file.read_bytes())
            os.chown(copy, user, group)

    def python(self, code: str) -> subprocess.CompletedProcess[str]:
        """Run a piece of Python in place of the image's command."""
        command = self._command(["/app/bin/python", "-c", code])
        environment = self._environment()
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_START_SECONDS, check=False
        )

    @contextmanager
    def started(self, *arguments: str) -> Iterator[Running]:
        """The image's own command with these arguments, from its first line of output on; stopped at the end."""
        command = self._command([*self.configuration["Entrypoint"], *arguments])
        process = subprocess.Popen(
            command, env=self._environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        bound = threading.Timer(_START_SECONDS, process.kill)
        bound.start()
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            bound.cancel()
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
            assert line, process.communicate(timeout=_STOP_SECONDS)
            assert len(children) == 1
            yield Running(line.strip(), int(children[0]), process)
        finally:
            bound.cancel()
            process.kill()  # and with it, by --kill-child, the first process of the namespace and so all
            process.communicate(timeout=_STOP_SECONDS)

    def _command(self, command: Sequence[str]) -> list[str]:
        return [*ALONE, sys.executable, "-I", str(_ENTER), str(self.tree), self.configuration["User"], *command]

    def _environment(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.configuration["Env"])
