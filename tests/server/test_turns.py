"""Turns: one at a time, the smallest first, and none lost by who gives up."""

from __future__ import annotations

import asyncio
from typing import Final

import pytest

from webhook.server.turns import Turns

STEPS: Final = 5
"""Rounds of the loop in which everything has happened that can."""


async def _settle() -> None:
    for _ in range(STEPS):
        await asyncio.sleep(0)


class Workers:
    """Tasks that take turns; `had` is who had one, in order, `at_once` how many had one together."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.had: list[int] = []
        self.at_once = 0
        self.most_at_once = 0

    async def work(self, size: int) -> None:
        """Take a turn, and hold it for a moment."""
        async with self.turns.take(size):
            self.had.append(size)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            await asyncio.sleep(0)
            self.at_once -= 1


async def test_the_smallest_comes_first() -> None:
    """Who holds the turn ends first; then they come by size, whoever came first."""
    workers = Workers()
    await asyncio.gather(*map(workers.work, (500, 300, 900, 100, 300)))
    assert workers.had == [500, 100, 300, 300, 900]
    assert workers.most_at_once == 1
    await workers.work(7)
    assert workers.had[-1] == 7


async def test_who_gives_up_is_passed_over() -> None:
    """A task that is cancelled while it waits has no turn."""
    workers = Workers()
    async with workers.turns.take(0):
        tasks = [asyncio.create_task(workers.work(size)) for size in (1, 2, 3)]
        await _settle()
        tasks[0].cancel()
        await _settle()
    await asyncio.wait(tasks)
    assert workers.had == [2, 3]


async def test_a_turn_that_came_too_late_is_passed_on() -> None:
    """A task that is cancelled at the moment at which its turn comes does not keep it."""
    workers = Workers()
    async with workers.turns.take(0):
        tasks = [asyncio.create_task(workers.work(size)) for size in (1, 2)]
        await _settle()
    tasks[0].cancel()
    await asyncio.wait(tasks)
    assert tasks[0].cancelled()
    assert workers.had == [2]
    await workers.work(3)


async def test_a_turn_ends_with_a_failure() -> None:
    """The next one comes whatever became of the last."""
    workers = Workers()
    with pytest.raises(ZeroDivisionError):
        async with workers.turns.take(1):
            _ = 1 / 0
    await workers.work(2)
    assert workers.had == [2]
