"""A queue in which no namespace waits for the work that another one makes."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Items by namespace: the namespaces take turns, and of each a bounded number of items waits."""

    def __init__(self, most: int) -> None:
        """Start empty. `most` items of a namespace wait at a time."""
        self._most = most
        self._waiting: dict[str, deque[T]] = {}
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def put(self, namespace: str, item: T) -> bool:
        """Append an item. Returns False, and does nothing, if too many of its namespace wait already."""
        waiting = self._waiting.setdefault(namespace, deque())
        if len(waiting) >= self._most:
            return False
        waiting.append(item)
        self._filled.set()
        return True

    async def get(self) -> T:
        """Wait for an item, and take it: the first of the namespace whose turn it is."""
        while not self._waiting:
            self._filled.clear()
            await self._filled.wait()
        namespace = next(iter(self._waiting))
        waiting = self._waiting.pop(namespace)
        item = waiting.popleft()
        if waiting:
            self._waiting[namespace] = waiting  # the last now
        return item

    async def get_several(self, most: int) -> list[T]:
        """Wait for an item, and take it with those that wait as well, `most` together."""
        items = [await self.get()]
        while self._waiting and len(items) < most:
            items.append(await self.get())
        return items
