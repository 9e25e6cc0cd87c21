"""Debian's buildah, which builds without a daemon, with a storage of its own that goes when the test ends."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from tests.shared_data import ROOT

PACKAGES: Final = ("buildah", "debootstrap")
ALONE: Final = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
"""Before a command: namespaces of its own, so that what it mounts and starts ends with it."""

_COMMAND_SECONDS: Final = 600


def require_tools() -> None:
    """Skip the test where something is missing, with the command that brings it."""
    if os.geteuid() != 0:
        pytest.skip("building an image for the test needs root")
    absent = [name for name in PACKAGES if shutil.which(name) is None]
    if absent:
        pytest.skip(f"no {' and no '.join(absent)}: `apt-get install {' '.join(absent)}`")


class Buildah:
    """buildah with its storage below one directory."""

    def __init__(self, directory: Path) -> None:
        configuration = directory / "storage.conf"
        lines = ("[storage]", 'driver = "vfs"', f'graphroot = "{directory}/images"', f'runroot = "{directory}/run"')
        configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self._environment = {
            **os.environ,
            "BUILDAH_ISOLATION": "chroot",
            "CONTAINERS_STORAGE_CONF": str(configuration),
            "TMPDIR": str(directory),
        }

    def run(self, *arguments: str | Path) -> str:
        """Run buildah; what it printed."""
        return self._must(["buildah", *map(str, arguments)])

    def make(self, *arguments: str) -> str:
        """Run make in the checkout, for a target that calls buildah; what it printed."""
        return self._must(["make", "--no-print-directory", "-C", str(ROOT), "BUILDER=buildah", *arguments])

    def import_tree(self, archive: Path, name: str) -> None:
        """Make an image of one layer, a tar."""
        container = self.run("from", "scratch")
        self.run("add", "--quiet", container, archive, "/")
        self.run("commit", "--quiet", "--rm", container, name)

    def configuration(self, name: str) -> dict[str, Any]:
        """The part of an image's configuration that says how it is run."""
        described = json.loads(self.run("inspect", "--type", "image", name))
        configuration: dict[str, Any] = described["OCIv1"]["config"]
        return configuration

    @contextmanager
    def tree(self, name: str) -> Iterator[Path]:
        """A copy of an image's files."""
        container = self.run("from", name)
        try:
            yield Path(self.run("mount", container))
        finally:
            self.run("umount", container)
            self.run("rm", container)

    def _must(self, command: list[str]) -> str:
        done = _run(command, self._environment, _COMMAND_SECONDS)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout.strip()


def _run(command: list[str], environment: dict[str, str], seconds: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*ALONE, *command], env=environment, capture_output=True, text=True, timeout=seconds, check=False
    )
