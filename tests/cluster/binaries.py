"""Finds the programs of a control plane: by KUBEBUILDER_ASSETS, as is usual, else where `make assets` puts them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cluster.assets.build import HOW, cache_directory


def find(*names: str) -> Path:
    """The directory that has all these programs. Skips the test where there is none."""
    named = os.environ.get("KUBEBUILDER_ASSETS")
    directory = Path(named) if named else cache_directory()
    absent = [name for name in names if not os.access(directory / name, os.X_OK)]
    if absent:
        pytest.skip(f"{', '.join(absent)} not found in {directory}: {HOW}, or set KUBEBUILDER_ASSETS")
    return directory
