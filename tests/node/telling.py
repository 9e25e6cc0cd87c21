"""What the tests of this folder find out on a real node: told after the run."""

from __future__ import annotations

from typing import Final

LINES: Final[list[str]] = []


def tell(text: str) -> None:
    """Have lines printed at the end of the run."""
    LINES.extend(text.splitlines())
