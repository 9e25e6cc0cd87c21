"""What a reflector passes on, apart from the reflector: its client is large, and manifests are read without one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

T = TypeVar("T")


class Item(NamedTuple, Generic[T]):
    """An object of the collection. `namespace` is "" for cluster-scoped kinds; `value` is None if it is unreadable."""

    namespace: str
    name: str
    value: T | None


class Sink(Protocol[T]):
    """A store of what is in the collection. Its methods must neither raise nor block."""

    def replace(self, items: Sequence[Item[T]]) -> None:
        """Store these items, and forget all others."""

    def put(self, item: Item[T]) -> None:
        """Store an item that is new or has changed."""

    def delete(self, item: Item[T]) -> None:
        """Forget an item. Its value is that of its last state."""
