"""How long to wait before trying again."""

from __future__ import annotations

import random
from typing import Final

_LEAST: Final = 0.1
_MOST: Final = 10.0


class Backoff:
    """Random waiting times below a bound that doubles each time.

    They are random so that replicas do not all come back at once.
    """

    def __init__(self, least: float = _LEAST, most: float = _MOST) -> None:
        """Start with a bound of `least` seconds, which never exceeds `most`."""
        self._least = least
        self._most = most
        self._bound = least

    def next(self) -> float:
        """The seconds to wait now. Doubles the bound of the next call."""
        bound, self._bound = self._bound, min(self._bound * 2, self._most)
        return random.uniform(0, bound)  # noqa: S311 (spreads load, hides nothing)

    def reset(self) -> None:
        """Return to the first bound, because something succeeded."""
        self._bound = self._least
