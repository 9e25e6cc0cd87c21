"""How often somebody may ask: a token bucket for each, and only so many remembered."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

_MOST: Final = 1000
"""Callers that are remembered; of more, the one that was heard of longest ago is forgotten."""


class Pace:
    """`burst` requests at once, `rate` a second in the long run."""

    def __init__(self, rate: float, burst: int) -> None:
        """Start with full buckets."""
        self._rate = rate
        self._burst = burst
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, caller: str, now: float) -> float:
        """Take one request of `caller`: 0.0, or the seconds after which to come again, and then nothing is taken.

        `now` is in seconds, of a clock that never goes back.
        """
        left, since = self._buckets.pop(caller, (float(self._burst), now))
        left = min(self._burst, left + (now - since) * self._rate)
        taken = left >= 1
        self._buckets[caller] = (left - taken, now)
        while len(self._buckets) > _MOST:
            self._buckets.popitem(last=False)
        return 0.0 if taken else (1 - left) / self._rate
