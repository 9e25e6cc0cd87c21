"""What the tests of this folder count, and the seed of those that try something new each time: told after the run."""

from __future__ import annotations

import os
import secrets
from functools import cache
from typing import Final

FIXED: Final = 20261123
"""The seed of what is the same in each run."""

SEED_VARIABLE: Final = "PSD_SEED"
LINES: Final[list[str]] = []


@cache
def fresh() -> int:
    """Another seed in each run, or the one of an earlier run that PSD_SEED names."""
    named = os.environ.get(SEED_VARIABLE)
    seed = int(named) if named else secrets.randbelow(2**32)
    LINES.append(f"fresh seed {seed}: {SEED_VARIABLE}={seed} repeats this run")
    return seed


def tell(text: object) -> None:
    """Have a line printed at the end of the run, with the name of the test."""
    test = os.environ.get("PYTEST_CURRENT_TEST", "").partition(" ")[0].rpartition("/")[2]
    LINES.append(f"{test}: {text}")
