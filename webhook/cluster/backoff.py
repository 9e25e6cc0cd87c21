"""How long to wait before trying again."""

from __future__ import annotations

import random
from typing import Final

_LEAST: Final = 0.1
_MOST: Final = 10.0


class Backoff:
    """Seconds to wait, at most twice as many each time, and anything up to that: replicas do not come all at once."""

    def __init__(self, least: float = _LEAST, most: float = _MOST) -> None:
        """Start with up to `least` seconds, and never exceed `most`."""
        self._least = least
        self._most = most
        self._bound = least

    def next(self) -> float:
        """The seconds to wait now."""
        bound, self._bound = self._bound, min(self._bound * 2, self._most)
        return random.uniform(0, bound)  # noqa: S311 (spreads load, hides nothing)

    def reset(self) -> None:
        """Start again: something went well."""
        self._bound = self._least
