"""Stores which ServiceAccounts have rights: the subjects of RoleBindings and ClusterRoleBindings, and nothing else."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from sys import intern
from typing import Final

from patches import UNKNOWN_BINDINGS, Bindings
from webhook.cluster.items import Item
from webhook.gatherers.objects import Subject
from webhook.gatherers.store import OnChange

ROLE_BINDINGS: Final = "/apis/rbac.authorization.k8s.io/v1/rolebindings"
CLUSTER_ROLE_BINDINGS: Final = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
BINDINGS: Final = (CLUSTER_ROLE_BINDINGS, ROLE_BINDINGS)
"""Paths of the two collections; a binding of the second is named where an account has both."""
_NO_BINDINGS: Final = Bindings()
_KINDS: Final = {ROLE_BINDINGS: "RoleBinding", CLUSTER_ROLE_BINDINGS: "ClusterRoleBinding"}


class BindingStore:
    """The subjects of one kind of binding, by the namespace of the ServiceAccounts.

    Attributes:
        synced: whether it has had a full list.
    """

    def __init__(self, path: str, on_change: OnChange) -> None:
        """Start empty.

        Args:
            path: one of BINDINGS.
            on_change: gets the names of the namespaces whose ServiceAccounts gained or lost a binding.
        """
        self._kind = _KINDS[path]
        self._on_change = on_change
        self._subjects: dict[str, frozenset[Subject]] = {}
        self._unreadable: set[str] = set()
        self._rows: dict[str, dict[str, set[str]]] = {}
        self.synced = False

    def __len__(self) -> int:
        return len(self._subjects) + len(self._unreadable)

    @property
    def complete(self) -> bool:
        """Whether every binding is known."""
        return self.synced and not self._unreadable

    def replace(self, items: Sequence[Item[frozenset[Subject]]]) -> None:
        """Replace all bindings by a full list."""
        self._clear()
        for item in items:
            self._add(item)
        self.synced = True
        self._on_change(None)

    def forget(self) -> None:
        """Forget all bindings: they are no longer followed."""
        self._clear()
        self.synced = False
        self._on_change(None)

    def put(self, item: Item[frozenset[Subject]]) -> None:
        """Add or replace a binding."""
        name, complete = self._name(item), self.complete
        if item.value is not None and self._subjects.get(name) == item.value:
            return
        changed = {*self._remove(name), *self._add(item)}
        self._on_change(changed if complete == self.complete else None)

    def delete(self, item: Item[frozenset[Subject]]) -> None:
        """Delete a binding."""
        complete = self.complete
        changed = self._remove(self._name(item))
        self._on_change(changed if complete == self.complete else None)

    def of(self, namespace: str) -> dict[str, str]:
        """The first binding by name of each ServiceAccount of a namespace that has one; that of all is under ""."""
        return {account: min(bindings) for account, bindings in self._rows.get(namespace, {}).items()}

    def _clear(self) -> None:
        self._subjects.clear()
        self._unreadable.clear()
        self._rows.clear()

    def _name(self, item: Item[frozenset[Subject]]) -> str:
        return f"{self._kind} {item.namespace}/{item.name}" if item.namespace else f"{self._kind} {item.name}"

    def _add(self, item: Item[frozenset[Subject]]) -> Iterable[str]:
        name = self._name(item)
        if item.value is None:
            self._unreadable.add(name)
            return ()
        self._subjects[name] = item.value
        for subject in item.value:
            accounts = self._rows.setdefault(intern(subject.namespace), {})
            accounts.setdefault(intern(subject.account), set()).add(name)
        return {subject.namespace for subject in item.value}

    def _remove(self, name: str) -> Iterable[str]:
        self._unreadable.discard(name)
        subjects = self._subjects.pop(name, frozenset())
        for subject in subjects:
            accounts = self._rows[subject.namespace]
            accounts[subject.account].discard(name)
            if not accounts[subject.account]:
                del accounts[subject.account]
            if not accounts:
                del self._rows[subject.namespace]
        return {subject.namespace for subject in subjects}


def compose_bindings(namespace: str, stores: Collection[BindingStore]) -> Bindings:
    """Return what the stores of both kinds say of a namespace; without stores, its bindings are unknown."""
    by_account: dict[str, str] = {}
    for store in stores:
        by_account.update(store.of(namespace))
    of_all = by_account.pop("", "")
    complete = bool(stores) and all(store.complete for store in stores)
    if not by_account and not of_all:
        return _NO_BINDINGS if complete else UNKNOWN_BINDINGS
    return Bindings(by_account, of_all, complete)
