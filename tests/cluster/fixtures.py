"""The fixtures that every folder with a real cluster has, and how it prints what its tests told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.cluster.control_plane import PLANES


@pytest.fixture(autouse=True)
def connections_are_closed() -> Iterator[None]:
    """Close the connections that a test has made the clients of wider fixtures keep alive."""
    yield
    for running in tuple(PLANES):
        running.close()


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A directory for what a server of the test reads."""
    return tmp_path / "served"


def print_lines(reporter: pytest.TerminalReporter, title: str, lines: Sequence[str]) -> None:
    """Print lines below a title, if there are any."""
    if lines:
        reporter.section(title)
        for line in lines:
            reporter.line(line)
