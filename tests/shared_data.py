"""Data too large for this repository: Kubernetes' own verdicts on thousands of pods, and real workloads.

It lies in the folder that the environment variable PSD_SHARED names, by default `../shared` beside the repository.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[1]
"""The root of the repository."""


def shared(path: str) -> Path:
    """The file or folder `path` of the shared data. Skips the test where it is missing (REQUIRE_ALL=1: fails it)."""
    found = Path(os.environ.get("PSD_SHARED") or ROOT.parent / "shared") / path
    if not found.exists():
        pytest.skip(f"{found} not found: set PSD_SHARED to the folder of the shared data")
    return found


def read_jsonl_gz(path: Path) -> Iterator[Any]:
    """The JSON values in `path`, one from each line."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
