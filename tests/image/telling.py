"""What the tests of this folder measure: told after the run."""

from __future__ import annotations

from typing import Final

LINES: Final[list[str]] = []


def tell(text: str) -> None:
    """Have a line printed at the end of the run."""
    LINES.append(text)
