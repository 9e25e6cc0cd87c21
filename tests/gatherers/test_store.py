"""What caches keep, and whom they tell of what: only what changed for us counts as a change."""

from __future__ import annotations

from collections.abc import Iterable

from patches.policy.snapshot import UNKNOWN
from webhook.cluster.items import Item
from webhook.gatherers.store import ClusterScopedStore, NamespacedStore


class Changes:
    """Keeps what a store says of changes."""

    def __init__(self) -> None:
        self.told: list[list[str] | None] = []

    def __call__(self, names: Iterable[str] | None) -> None:
        """Take a change."""
        self.told.append(None if names is None else sorted(names))

    def take(self) -> list[list[str] | None]:
        """What has been said since the last time."""
        told, self.told = self.told, []
        return told


def test_objects_without_namespaces() -> None:
    """The first list changes everything, a later one what differs; the dictionary is always the same."""
    changes = Changes()
    store: ClusterScopedStore[int] = ClusterScopedStore(changes)
    rows = store.rows
    assert (store.synced, len(store)) == (False, 0)
    store.replace([Item("", "a", 1), Item("", "b", 2)])
    assert (store.synced, len(store), changes.take()) == (True, 2, [None])
    store.replace([Item("", "b", 2), Item("", "c", 3)])
    assert (rows, changes.take()) == ({"b": 2, "c": 3}, [["a", "c"]])
    store.put(Item("", "b", 2))
    store.put(Item("", "b", 4))
    store.delete(Item("", "c", 3))
    store.delete(Item("", "c", 3))
    assert (rows, changes.take()) == ({"b": 4}, [["b"], ["c"]])
    assert store.rows is rows


def test_an_object_without_a_namespace_that_cannot_be_read() -> None:
    """It is left out, so that it is looked up."""
    changes = Changes()
    store: ClusterScopedStore[int] = ClusterScopedStore(changes)
    store.replace([Item("", "a", None), Item("", "b", 2)])
    store.put(Item("", "b", None))
    assert (store.rows, changes.take()) == ({}, [None, ["b"]])


def test_objects_with_namespaces() -> None:
    """By namespace; one without objects takes no room."""
    changes = Changes()
    store: NamespacedStore[int] = NamespacedStore(changes)
    assert (store.synced, len(store)) == (False, 0)
    store.replace([Item("shop", "a", 1), Item("shop", "b", 2), Item("other", "a", 1), Item("same", "a", 1)])
    assert (store.synced, len(store), changes.take()) == (True, 4, [None])
    store.replace([Item("shop", "a", 5), Item("new", "a", 1), Item("same", "a", 1)])
    assert store.rows == {"shop": {"a": 5}, "new": {"a": 1}, "same": {"a": 1}}
    assert changes.take() == [["new", "other", "shop"]]
    store.put(Item("shop", "a", 5))
    store.put(Item("shop", "a", 6))
    store.put(Item("late", "a", 1))
    store.delete(Item("new", "a", 1))
    store.delete(Item("new", "a", 1))
    assert store.rows == {"shop": {"a": 6}, "late": {"a": 1}, "same": {"a": 1}}
    assert changes.take() == [["shop"], ["late"], ["new"]]


def test_an_object_with_a_namespace_that_cannot_be_read() -> None:
    """It is unknown, until it can be read again; it does not count as missing."""
    changes = Changes()
    store: NamespacedStore[int] = NamespacedStore(changes)
    store.replace([Item("shop", "a", None)])
    store.put(Item("shop", "a", None))
    assert (store.rows, changes.take()) == ({"shop": {"a": UNKNOWN}}, [None])
    store.put(Item("shop", "a", 1))
    store.put(Item("shop", "a", None))
    store.put(Item("shop", "b", None))
    assert (store.rows, changes.take()) == ({"shop": {"a": UNKNOWN, "b": UNKNOWN}}, [["shop"]] * 3)
