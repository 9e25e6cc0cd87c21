"""Choices drawn from bytes: documents of hundreds of fields in one draw, which Hypothesis can shrink.

Zero, and whatever lies behind the end of the bytes, means the simplest choice: a field is missing, a list is short, the
first of several values. So a failing example shrinks towards a bare pod.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st

T = TypeVar("T")

Maker = Callable[["Choices"], Any]


class Choices:
    """Reads choices from bytes."""

    def __init__(self, data: bytes) -> None:
        """Start at the beginning; the first byte says how many of the possible fields are set: few, some or most."""
        self._data = iter(data)
        self._missing = (245, 225, 180, 100)[self._next() % 4]

    def _next(self) -> int:
        return next(self._data, 0)

    def flag(self, chance: int = 128) -> bool:
        """True in `chance` of 256 cases."""
        return self._next() > 255 - chance

    def one(self, values: Sequence[T]) -> T:
        """One of these."""
        return values[self._next() % len(values)]

    def fields(self, **makers: Maker | Sequence[Any]) -> dict[str, Any]:
        """A map with some of these fields: missing, sometimes null, or made, or one of the values."""
        found: dict[str, Any] = {}
        for name, maker in makers.items():
            choice = self._next()
            if choice > self._missing:
                found[name] = None if choice > 248 else maker(self) if callable(maker) else self.one(maker)
        return found

    def some(self, maker: Maker, most: int, least: int = 0) -> list[Any]:
        """A list of these."""
        return [maker(self) for _ in range(least + self._next() % (most - least + 1))]


def choosing(make: Callable[[Choices], T], size: int = 600) -> st.SearchStrategy[T]:
    """Whatever `make` makes of choices."""
    return st.binary(min_size=size, max_size=size).map(lambda data: make(Choices(data)))
