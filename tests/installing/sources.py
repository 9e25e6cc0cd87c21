"""A copy of what this project is installed from: building writes beside the sources."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from tests.shared_data import ROOT

_FILES: Final = (
    "Makefile", "pyproject.toml", "setup.py", "README.md", "LICENSE", *(path.name for path in ROOT.glob("*.lock"))
)  # fmt: skip


def copy_sources(directory: Path) -> Path:
    """Copy them into `directory`, which is made; returns it."""
    directory.mkdir()
    for name in _FILES:
        shutil.copy(ROOT / name, directory)
    for package in ("patches", "webhook"):
        shutil.copytree(ROOT / package, directory / package, ignore=shutil.ignore_patterns("__pycache__"))
    return directory
