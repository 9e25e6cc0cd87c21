"""The image that the tests of this folder share: really built, from this checkout. Skipped where it cannot be."""

from __future__ import annotations

import shlex
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.image import package_index
from tests.image.buildah import Buildah, require_tools
from tests.image.container import Container
from tests.image.debian import import_bases
from tests.image.telling import LINES, tell

_IMAGE: Final = "localhost/pod-security-defaulter:0.0.1"


@pytest.fixture(scope="session")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """The image, built by `make image` on bases with Python 3.11, and unpacked."""
    require_tools()
    directory = tmp_path_factory.mktemp("buildah")
    try:
        buildah = Buildah(directory)
        bases = import_bases(buildah)
        started = time.monotonic()
        flags = package_index.flags(directory)
        buildah.make("image", *bases, f"IMAGE={_IMAGE}", f"IMAGE_FLAGS={shlex.join(flags)}")
        seconds = time.monotonic() - started
        with buildah.tree(_IMAGE) as tree:
            whole = _megabytes(tree)
            tell(f"image built in {seconds:.0f} s: {whole:.0f} MB, /app {_megabytes(tree / 'app'):.0f} MB of them")
            yield Container(tree, buildah.configuration(_IMAGE))
    finally:
        shutil.rmtree(directory)  # hundreds of megabytes, of which pytest would keep three


def _megabytes(tree: Path) -> float:
    return sum(path.lstat().st_size for path in tree.rglob("*") if path.is_file()) / 1e6


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was measured."""
    if LINES:
        terminalreporter.section("the container image")
        for line in LINES:
            terminalreporter.line(line)
