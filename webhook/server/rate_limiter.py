"""Limits how often each caller may send a request: one token bucket per caller."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

_MOST: Final = 1000
"""How many callers to remember. Beyond that, the least recent one is forgotten."""


class RateLimiter:
    """Allows `burst` requests at once and `rate` requests a second in the long run."""

    def __init__(self, rate: float, burst: int) -> None:
        """Start with full buckets."""
        self._rate = rate
        self._burst = burst
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str, now: float) -> float:
        """Count a request of a caller, unless it comes too early.

        Args:
            caller: name or address of the caller.
            now: seconds, from a clock that never goes back.

        Returns:
            0.0 if the request is allowed, else the seconds to wait before the next one.
        """
        left, since = self._buckets.pop(caller, (float(self._burst), now))
        left = min(self._burst, left + (now - since) * self._rate)
        taken = left >= 1
        self._buckets[caller] = (left - taken, now)
        while len(self._buckets) > _MOST:
            self._buckets.popitem(last=False)
        return 0.0 if taken else (1 - left) / self._rate
