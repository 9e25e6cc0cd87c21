"""Which ServiceAccounts have rights."""

from __future__ import annotations

from typing import Any

import pytest

from patches.policy.snapshot import UNKNOWN, Bindings
from webhook.cluster.items import Item
from webhook.gatherers.bindings import CLUSTER_ROLE_BINDINGS, ROLE_BINDINGS, BindingStore, compose_bindings
from webhook.gatherers.objects import Subject, bound_accounts

APP = frozenset({Subject("shop", "app")})
BOTH = frozenset({Subject("shop", "app"), Subject("bank", "")})


class Changes(list[Any]):
    """What a store says has changed."""

    def note(self, namespaces: Any) -> None:
        """Note it."""
        self.append(namespaces if namespaces is None else set(namespaces))


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ({"kind": "ServiceAccount", "name": "app", "namespace": "bank"}, [Subject("bank", "app")]),
        ({"kind": "ServiceAccount", "name": "app"}, [Subject("shop", "app")]),
        ({"kind": "Group", "name": "system:serviceaccounts:bank"}, [Subject("bank", "")]),
        ({"kind": "Group", "name": "system:serviceaccounts"}, []),
        ({"kind": "Group", "name": "system:authenticated"}, []),
        ({"kind": "User", "name": "system:serviceaccount:bank:app"}, [Subject("bank", "app")]),
        ({"kind": "User", "name": "bank:app"}, []),
        ({"kind": "User", "name": "system:serviceaccount:bank"}, []),
    ],
)
def test_subjects(subject: dict[str, Any], expected: list[Subject]) -> None:
    """As the API server reads them; the groups that every account is in do not count."""
    assert bound_accounts({"metadata": {"namespace": "shop"}, "subjects": [subject]}) == frozenset(expected)


def test_a_binding_without_subjects() -> None:
    """It gives rights to nobody."""
    assert bound_accounts({}) == bound_accounts({"subjects": None}) == frozenset()


def test_a_store_follows_its_bindings() -> None:
    """Each change is told with the namespaces of the accounts before and after; an equal binding is none."""
    changes = Changes()
    store = BindingStore(ROLE_BINDINGS, changes.note)
    assert not store.complete
    store.replace([Item("shop", "b", APP)])
    store.put(Item("bank", "a", BOTH))
    store.put(Item("bank", "a", BOTH))
    assert store.of("shop") == {"app": "RoleBinding bank/a"}
    assert store.of("bank") == {"": "RoleBinding bank/a"}
    store.put(Item("bank", "a", APP))
    store.delete(Item("bank", "a", APP))
    assert store.of("shop") == {"app": "RoleBinding shop/b"}
    store.delete(Item("shop", "b", APP))
    assert (store.of("shop"), store.of("bank"), len(store)) == ({}, {}, 0)
    assert changes == [None, {"shop", "bank"}, {"shop", "bank"}, {"shop"}, {"shop"}]


def test_an_unreadable_binding_leaves_the_others_incomplete() -> None:
    """Until it can be read or is gone, nobody knows whom it gives rights."""
    changes = Changes()
    store = BindingStore(CLUSTER_ROLE_BINDINGS, changes.note)
    store.replace([Item("", "broken", None), Item("", "sound", APP)])
    found = compose_bindings("shop", [store])
    assert (found.find("app"), found.find("other")) == ("ClusterRoleBinding sound", UNKNOWN)
    store.put(Item("", "broken", APP))
    assert compose_bindings("shop", [store]).find("other") == ""
    store.put(Item("", "broken", None))
    assert (len(store), store.complete) == (2, False)
    store.delete(Item("", "broken", None))
    assert store.complete
    assert changes == [None] * 4


def test_both_kinds_together() -> None:
    """A RoleBinding is named before a ClusterRoleBinding, and all must be known."""
    stores = [BindingStore(path, lambda _: None) for path in (CLUSTER_ROLE_BINDINGS, ROLE_BINDINGS)]
    stores[0].replace([Item("", "all", BOTH)])
    assert compose_bindings("shop", stores).find("other") is UNKNOWN
    stores[1].replace([Item("shop", "one", APP)])
    assert compose_bindings("shop", stores) == Bindings({"app": "RoleBinding shop/one"})
    assert compose_bindings("bank", stores).find("anyone") == "ClusterRoleBinding all"
    assert compose_bindings("shop", []).find("app") is UNKNOWN


def test_a_store_that_is_no_longer_followed() -> None:
    """It knows nothing, as before its first list."""
    changes = Changes()
    store = BindingStore(ROLE_BINDINGS, changes.note)
    store.replace([Item("shop", "b", APP), Item("shop", "broken", None)])
    store.forget()
    assert (store.of("shop"), len(store), store.complete) == ({}, 0, False)
    store.replace([])
    assert store.complete
    assert changes == [None] * 3
