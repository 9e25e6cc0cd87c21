"""Commands of the machine that a test runs. Where one is missing the test is skipped, with what brings it."""

from __future__ import annotations

import shutil

import pytest


def need(command: str) -> None:
    """Skip the test where there is no such command; Debian's package has its name."""
    if shutil.which(command) is None:
        pytest.skip(f"no {command}: `apt-get install {command}`")
