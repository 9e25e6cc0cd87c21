"""Follows what only some configurations ask for, while they do.

It takes a right that not every installation has. Without it what is asked for is unknown, and nothing waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from webhook.cluster.reflector import Reflector


class OnDemand:
    """Runs reflectors while `run` runs and they are needed.

    Attributes:
        needed: whether the reflectors are to run.
    """

    def __init__(self, reflectors: Sequence[Reflector[Any]], forget: Callable[[], None]) -> None:
        """Start without following. `forget` empties the sinks of the reflectors, once they have stopped."""
        self.needed = False
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
                running = [tasks.create_task(each.run()) for each in self._reflectors if self.needed]
                await self._changed.wait()
                for task in running:
                    task.cancel()
            for each in self._reflectors:
                each.version = ""  # list again
            self._forget()
