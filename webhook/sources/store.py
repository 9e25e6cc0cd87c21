"""What is kept of a live cluster's objects, kind by kind: what reflectors fill and the state is compiled from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from sys import intern
from typing import Generic, TypeAlias, TypeVar

from webhook.cluster.reflector import Item

T = TypeVar("T")

Changed: TypeAlias = Callable[[Iterable[str] | None], None]
"""Told the names of what has changed; None, once the first list is complete: everything, since it was unknown."""


class ByName(Generic[T]):
    """The objects of a kind without namespaces. Those that cannot be read are left out, so that they are asked for.

    `rows` stays the same dictionary. `synced`: whether it has been filled once.
    """

    def __init__(self, changed: Changed) -> None:
        """Start empty. `changed` is told the names of objects."""
        self._changed = changed
        self.rows: dict[str, T] = {}
        self.synced = False

    def __len__(self) -> int:
        return len(self.rows)

    def replace(self, items: Sequence[Item[T]]) -> None:
        """Take a full list."""
        rows = {item.name: item.value for item in items if item.value is not None}
        changed = [name for name in {*self.rows, *rows} if self.rows.get(name) != rows.get(name)]
        self.rows.clear()
        self.rows.update(rows)
        first, self.synced = not self.synced, True
        self._changed(None if first else changed)

    def put(self, item: Item[T]) -> None:
        """Take a new or changed object."""
        if item.value is None:
            self.delete(item)
        elif self.rows.get(item.name) != item.value:
            self.rows[item.name] = item.value
            self._changed((item.name,))

    def delete(self, item: Item[T]) -> None:
        """Forget an object."""
        if self.rows.pop(item.name, None) is not None:
            self._changed((item.name,))


class ByNamespace(Generic[T]):
    """The objects of a kind with namespaces, by namespace and name. Those that cannot be read are None.

    `rows` has only namespaces with objects. `synced`: whether it has been filled once.
    """

    def __init__(self, changed: Changed) -> None:
        """Start empty. `changed` is told the namespaces."""
        self._changed = changed
        self.rows: dict[str, dict[str, T | None]] = {}
        self.synced = False

    def __len__(self) -> int:
        return sum(map(len, self.rows.values()))

    def replace(self, items: Sequence[Item[T]]) -> None:
        """Take a full list."""
        rows: dict[str, dict[str, T | None]] = {}
        for item in items:
            rows.setdefault(intern(item.namespace), {})[intern(item.name)] = item.value
        before, self.rows = self.rows, rows
        first, self.synced = not self.synced, True
        self._changed(None if first else [name for name in {*before, *rows} if before.get(name) != rows.get(name)])

    def put(self, item: Item[T]) -> None:
        """Take a new or changed object."""
        rows = self.rows.setdefault(intern(item.namespace), {})
        if item.name not in rows or rows[item.name] != item.value:
            rows[intern(item.name)] = item.value
            self._changed((item.namespace,))

    def delete(self, item: Item[T]) -> None:
        """Forget an object."""
        rows = self.rows.get(item.namespace, {})
        if item.name in rows:
            del rows[item.name]
            if not rows:
                del self.rows[item.namespace]
            self._changed((item.namespace,))
