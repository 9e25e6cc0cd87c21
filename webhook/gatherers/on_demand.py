"""Follows what only some configurations ask for, while they do.

It takes a right that not every installation has. Without it what is asked for is unknown, and nothing waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, NoReturn

from webhook.cluster.reflector import Reflector

_ASK_AGAIN_SECONDS: Final = 60.0


class OnDemand:
    """Runs reflectors while `run` runs and they are needed.

    Attributes:
        needed: whether the reflectors are to run.
    """

    def __init__(
        self,
        reflectors: Sequence[Reflector[Any]],
        forget: Callable[[], None],
        allowed: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        """Start without following.

        Args:
            reflectors: what to run.
            forget: empties their sinks, once they have stopped.
            allowed: returns whether the right is there, so that nothing is asked for that would be refused; it is
                called every minute until it is. None to try without.
        """
        self.needed = False
        self._allowed = allowed
        self._reflectors = reflectors
        self._forget = forget
        self._changed = asyncio.Event()

    def follow(self, *, needed: bool) -> None:
        """Follow from now on, or no longer."""
        if needed != self.needed:
            self.needed = needed
            self._changed.set()

    async def run(self) -> NoReturn:
        """Follow while it is needed, until cancelled."""
        while True:
            self._changed.clear()
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(self._follow()) if self.needed else None
                await self._changed.wait()
                if running is not None:
                    running.cancel()
            for each in self._reflectors:
                each.version = ""  # list again
            self._forget()

    async def _follow(self) -> None:
        while self._allowed is not None and not await self._allowed():  # noqa: ASYNC110 (nothing tells of new rights)
            await asyncio.sleep(_ASK_AGAIN_SECONDS)
        async with asyncio.TaskGroup() as tasks:
            for each in self._reflectors:
                tasks.create_task(each.run())
