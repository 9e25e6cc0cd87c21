"""Small Debians, each made once by debootstrap and kept in the cache: two have Python 3.11, one a compiler too."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from tests.cluster.assets.build import cache_directory
from tests.image.buildah import ALONE, Buildah
from tests.image.telling import tell

SUITE: Final = "bookworm"
_BASE: Final = ("python3", "ca-certificates")
_COMPILER: Final = ("python3", "python3-venv", "python3-dev", "gcc", "libc6-dev", "ca-certificates")
_EMPTY: Final = ("var/cache/apt", "var/lib/apt/lists")
_LOGS: Final = "var/log"
_SECONDS: Final = 900


def base_archives() -> dict[str, Path]:
    """A tar of each base image, by the variable of `make image` that names it. Skips where there are no packages."""
    return {"BASE": _archive("base", _BASE), "COMPILER": _archive("compiler", _COMPILER)}


def import_bases(buildah: Buildah) -> list[str]:
    """Import the base images; the variables of `make image` that name them."""
    archives = base_archives()
    for archive in archives.values():
        buildah.import_tree(archive, _name(archive))
    return [f"{variable}={_name(archive)}" for variable, archive in archives.items()]


def _name(archive: Path) -> str:
    return f"localhost/{archive.stem}:test"


def _archive(name: str, packages: Sequence[str]) -> Path:
    archive = cache_directory().parent / "image" / f"{name}-{SUITE}-{os.uname().machine}.tar"
    if not archive.exists():
        seconds = make_archive(archive, partial(_make, packages=packages))
        tell(f"{name} image made by debootstrap in {seconds:.0f} s")
    return archive


def make_archive(archive: Path, make: Callable[[Path], None]) -> float:
    """Write a tar of the tree that `make` makes, file capabilities included; the seconds that it took."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=archive.parent, prefix=".making-") as name:
        directory = Path(name)
        make(directory / "tree")
        attributes = ("--format=posix", "--xattrs", "--xattrs-include=security.capability", "--numeric-owner")
        places = ("--file", str(directory / "tar"), "--directory", str(directory / "tree"))
        subprocess.run(["tar", "--create", *attributes, *places, "."], check=True)
        (directory / "tar").replace(archive)
    return time.monotonic() - started


def debootstrap(tree: Path, include: Sequence[str]) -> None:
    """Make a small Debian with these packages. Skips the test where they cannot be had."""
    command = ["debootstrap", "--variant=minbase", f"--include={','.join(include)}", SUITE, str(tree), *_mirror()]
    try:
        done = subprocess.run([*ALONE, *command], capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"needs a Debian image: debootstrap took more than {_SECONDS} s")
    if done.returncode:
        pytest.skip(f"needs a Debian image, and debootstrap fails: {done.stdout[-500:]}{done.stderr[-500:]}")
    for path in _EMPTY:
        empty(tree / path)


def empty(directory: Path) -> None:
    """Remove what is in a directory."""
    shutil.rmtree(directory)
    directory.mkdir()


def _make(tree: Path, packages: Sequence[str]) -> None:
    debootstrap(tree, packages)
    empty(tree / _LOGS)


def _mirror() -> list[str]:
    """The mirror that this machine's own package manager uses, if it has this suite; else debootstrap's default."""
    command = ["apt-get", "indextargets", "--format", "$(CODENAME) $(COMPONENT) $(REPO_URI)", "Created-By: Packages"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    rows = [line.split() for line in done.stdout.splitlines()]
    return [row[2] for row in rows if row[:2] == [SUITE, "main"]][:1]
