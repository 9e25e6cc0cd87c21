"""The base image of the test: a small Debian with Python 3.11, made once by debootstrap, kept in the cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final

import pytest

from tests.cluster.assets.build import cache_directory
from tests.image.buildah import ALONE
from tests.image.telling import tell

SUITE: Final = "bookworm"
_INCLUDE: Final = "python3,python3-venv,ca-certificates"
_EMPTY: Final = ("var/cache/apt", "var/lib/apt/lists", "var/log")
_SECONDS: Final = 900


def base_archive() -> Path:
    """A tar of the tree. Skips the test where the packages cannot be had."""
    archive = cache_directory().parent / "image" / f"{SUITE}-{os.uname().machine}.tar"
    if not archive.exists():
        archive.parent.mkdir(parents=True, exist_ok=True)
        started = time.monotonic()
        with tempfile.TemporaryDirectory(dir=archive.parent, prefix=".making-") as name:
            _make(Path(name), archive)
        tell(f"base image made by debootstrap in {time.monotonic() - started:.0f} s")
    return archive


def _make(directory: Path, archive: Path) -> None:
    tree = directory / "tree"
    command = ["debootstrap", "--variant=minbase", f"--include={_INCLUDE}", SUITE, str(tree), *_mirror()]
    try:
        done = subprocess.run([*ALONE, *command], capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"needs a Debian base image: debootstrap took more than {_SECONDS} s")
    if done.returncode:
        pytest.skip(f"needs a Debian base image, and debootstrap fails: {done.stdout[-500:]}{done.stderr[-500:]}")
    for path in _EMPTY:
        shutil.rmtree(tree / path)
        (tree / path).mkdir()
    subprocess.run(["tar", "--create", "--file", directory / "tar", "--directory", tree, "."], check=True)
    (directory / "tar").replace(archive)


def _mirror() -> list[str]:
    """The mirror that this machine's own package manager uses, if it has this suite; else debootstrap's default."""
    command = ["apt-get", "indextargets", "--format", "$(CODENAME) $(COMPONENT) $(REPO_URI)", "Created-By: Packages"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    rows = [line.split() for line in done.stdout.splitlines()]
    return [row[2] for row in rows if row[:2] == [SUITE, "main"]][:1]
