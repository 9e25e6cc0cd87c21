"""Turns: one at a time, the smallest first."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count


class Turns:
    """Gives turns, one at a time. Of those that wait, the smallest comes first; of equal ones, the first that came."""

    def __init__(self) -> None:
        """Start with nobody's turn."""
        self._taken = False
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = count()

    @asynccontextmanager
    async def take(self, size: int) -> AsyncIterator[None]:
        """Wait for a turn, and hold it."""
        if self._taken:
            mine = asyncio.get_running_loop().create_future()
            heapq.heappush(self._waiting, (size, next(self._order), mine))
            try:
                await mine
            except asyncio.CancelledError:
                if not mine.cancelled():  # the turn had come already
                    self._pass_on()
                raise
        self._taken = True
        try:
            yield
        finally:
            self._pass_on()

    def _pass_on(self) -> None:
        while self._waiting:
            _, _, waiting = heapq.heappop(self._waiting)
            if not waiting.done():  # else it has given up
                waiting.set_result(None)
                return
        self._taken = False
