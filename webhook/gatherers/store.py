"""Stores the objects of a live cluster, kind by kind. Reflectors fill a store, snapshots read it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from sys import intern
from typing import Generic, TypeAlias, TypeVar

from patches import UNKNOWN, UnknownType
from webhook.cluster.items import Item

T = TypeVar("T")

OnChange: TypeAlias = Callable[[Iterable[str] | None], None]
"""A function that gets the names of what changed; None means everything, after the first list."""


class ClusterScopedStore(Generic[T]):
    """The objects of a cluster-scoped kind. An unreadable object is left out, so that it is looked up.

    Attributes:
        rows: the objects by name; always the same dictionary.
        synced: whether it has had a full list.
    """

    def __init__(self, on_change: OnChange) -> None:
        """Start empty. `on_change` gets the names of objects."""
        self._on_change = on_change
        self.rows: dict[str, T | UnknownType] = {}
        self.synced = False

    def __len__(self) -> int:
        return len(self.rows)

    def replace(self, items: Sequence[Item[T]]) -> None:
        """Replace all objects by a full list."""
        rows: dict[str, T | UnknownType] = {item.name: item.value for item in items if item.value is not None}
        changed = [name for name in {*self.rows, *rows} if self.rows.get(name) != rows.get(name)]
        self.rows.clear()
        self.rows.update(rows)
        first, self.synced = not self.synced, True
        self._on_change(None if first else changed)

    def put(self, item: Item[T]) -> None:
        """Add or replace an object."""
        if item.value is None:
            self.delete(item)
        elif self.rows.get(item.name) != item.value:
            self.rows[item.name] = item.value
            self._on_change((item.name,))

    def delete(self, item: Item[T]) -> None:
        """Delete an object."""
        if self.rows.pop(item.name, None) is not None:
            self._on_change((item.name,))


class NamespacedStore(Generic[T]):
    """The objects of a namespaced kind, by namespace and name. An unreadable object is UNKNOWN.

    Attributes:
        rows: the objects, for each namespace that has any.
        synced: whether it has had a full list.
    """

    def __init__(self, on_change: OnChange) -> None:
        """Start empty. `on_change` gets the names of namespaces."""
        self._on_change = on_change
        self.rows: dict[str, dict[str, T | UnknownType]] = {}
        self.synced = False

    def __len__(self) -> int:
        return sum(map(len, self.rows.values()))

    def replace(self, items: Sequence[Item[T]]) -> None:
        """Replace all objects by a full list."""
        rows: dict[str, dict[str, T | UnknownType]] = {}
        for item in items:
            value = UNKNOWN if item.value is None else item.value
            rows.setdefault(intern(item.namespace), {})[intern(item.name)] = value
        before, self.rows = self.rows, rows
        first, self.synced = not self.synced, True
        self._on_change(None if first else [name for name in {*before, *rows} if before.get(name) != rows.get(name)])

    def put(self, item: Item[T]) -> None:
        """Add or replace an object."""
        rows = self.rows.setdefault(intern(item.namespace), {})
        value = UNKNOWN if item.value is None else item.value
        if item.name not in rows or rows[item.name] != value:
            rows[intern(item.name)] = value
            self._on_change((item.namespace,))

    def delete(self, item: Item[T]) -> None:
        """Delete an object."""
        rows = self.rows.get(item.namespace, {})
        if item.name in rows:
            del rows[item.name]
            if not rows:
                del self.rows[item.namespace]
            self._on_change((item.namespace,))
