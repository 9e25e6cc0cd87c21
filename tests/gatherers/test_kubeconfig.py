"""A cluster asked once, with whatever rights the caller has. tests/cluster/test_kubectl_psd.py asks a real one."""

from __future__ import annotations

import pytest

from patches.policy.limits import LimitItem
from patches.policy.snapshot import UNKNOWN, UNKNOWN_BINDINGS, Coverage, ResourceQuota, RuntimeClass, ServiceAccount
from patches.standards.levels import NEWEST_MINOR
from tests.gatherers.live_cluster import CLASSES, ENFORCE, NAMESPACES, named
from tests.gatherers.live_faults import Played, Refusal, page, playing
from webhook.errors import ClusterError
from webhook.gatherers.bindings import CLUSTER_ROLE_BINDINGS, ROLE_BINDINGS
from webhook.gatherers.kubeconfig import KubeconfigGatherer
from webhook.gatherers.nodes import NODES

SHOP = f"{NAMESPACES}/shop"
SKIPPED = "what depends on them is unknown, and skipped"


def identified(name: str) -> dict[str, object]:
    """A Namespace as a GET returns it."""
    return {"apiVersion": "v1", "kind": "Namespace", **named(name, metadata={"labels": ENFORCE})}


def fill(played: Played) -> None:
    """A namespace `shop` with one object of each kind, and a RuntimeClass."""
    item = {"type": "Container", "max": {"cpu": "2"}}
    played.objects[SHOP] = [identified("shop")]
    played.lists = {
        f"{SHOP}/limitranges": [page(named("l", spec={"limits": [item]}))],
        f"{SHOP}/resourcequotas": [page(named("q", spec={"scopes": ["BestEffort"]}))],
        f"{SHOP}/serviceaccounts": [page(named("default", automountServiceAccountToken=False))],
        CLASSES: [page(named("gvisor"))],
    }


async def test_everything_may_be_read() -> None:
    """It is complete: what was not seen does not exist."""
    async with playing() as (played, client):
        fill(played)
        gatherer = KubeconfigGatherer(client)
        snapshots, problems = await gatherer.gather_all(["shop"])
    shop = snapshots["shop"]
    assert (shop.name, shop.labels, shop.annotations) == ("shop", ENFORCE, {})
    assert shop.limit_ranges.all() == {"l": (LimitItem("Container", max={"cpu": "2"}),)}
    assert shop.resource_quotas.all() == {"q": ResourceQuota(frozenset({"BestEffort"}))}
    assert shop.service_accounts.find("default") == ServiceAccount(automount=False)
    assert shop.service_accounts.find("other") is None
    assert shop.runtime_classes.all() == {"gvisor": RuntimeClass({}, has_overhead=False)}
    assert (problems, gatherer.problems) == ({}, [])


async def test_bindings_are_asked_for_where_they_count() -> None:
    """Once for all namespaces. Without the right to list one kind, who has no rights is unknown."""
    subjects = [{"kind": "ServiceAccount", "name": "app", "namespace": "shop"}]
    async with playing() as (played, client):
        fill(played)
        played.lists[ROLE_BINDINGS] = [page(named("reader", metadata={"namespace": "bank"}, subjects=subjects))]
        played.lists[CLUSTER_ROLE_BINDINGS] = [page(named("odd", subjects="all"))]
        shop = (await KubeconfigGatherer(client).gather_all(["shop"])).snapshots["shop"]
        assert shop.bindings == UNKNOWN_BINDINGS
        assert not played.queries(ROLE_BINDINGS)
        shop = (await KubeconfigGatherer(client, bindings=True).gather_all(["shop"])).snapshots["shop"]
        assert (shop.bindings.find("app"), shop.bindings.find("other")) == ("RoleBinding bank/reader", UNKNOWN)
        played.lists[CLUSTER_ROLE_BINDINGS] = [page(named("empty"))]
        shop = (await KubeconfigGatherer(client, bindings=True).gather_all(["shop"])).snapshots["shop"]
        assert shop.bindings.find("other") == ""


async def test_the_classes_are_asked_for_once() -> None:
    """They are the same in each namespace."""
    async with playing() as (played, client):
        fill(played)
        for path in ("", "/limitranges", "/resourcequotas", "/serviceaccounts"):
            played.objects[f"{NAMESPACES}/other{path}"] = [identified("other") if path == "" else page()]
        snapshots, _ = await KubeconfigGatherer(client).gather_all(["shop", "other"])
    assert snapshots["shop"].runtime_classes is snapshots["other"].runtime_classes
    assert len(played.queries(CLASSES)) == 1


async def test_what_the_nodes_offer() -> None:
    """Asked for if the configuration depends on it; unknown, with a line about it, if the user may not list them."""
    async with playing() as (played, client):
        fill(played)
        handlers = [{"name": "", "features": {"userNamespaces": True}}]
        status = {"conditions": [{"type": "Ready", "status": "True"}], "runtimeHandlers": handlers}
        played.lists[NODES] = [page(named("a", status=status)), Refusal(403)]
        unasked, _ = await KubeconfigGatherer(client).gather_all(["shop"])
        assert not played.queries(NODES)
        allowed, _ = await KubeconfigGatherer(client, nodes=True).gather_all(["shop"])
        gatherer = KubeconfigGatherer(client, nodes=True)
        forbidden, _ = await gatherer.gather_all(["shop"])
    assert unasked["shop"].user_namespaces is UNKNOWN
    assert allowed["shop"].user_namespaces == frozenset({""})
    assert forbidden["shop"].user_namespaces is UNKNOWN
    assert gatherer.problems == [f"you may not list nodes: {SKIPPED}"]


async def test_nothing_may_be_read() -> None:
    """It is unknown, and each of it is named; the namespace counts as unlabelled."""
    async with playing() as (played, client):
        paths = (f"{SHOP}/limitranges", f"{SHOP}/resourcequotas", f"{SHOP}/serviceaccounts", CLASSES, "/version", SHOP)
        played.objects = {path: [Refusal(403)] for path in paths}
        gatherer = KubeconfigGatherer(client)
        await gatherer.learn_version()
        shop = (await gatherer.gather_all(["shop"])).snapshots["shop"]
    assert gatherer.server_minor == NEWEST_MINOR
    assert shop.labels == {}
    assert shop.limit_ranges.all() is shop.resource_quotas.all() is shop.runtime_classes.all() is UNKNOWN
    assert shop.service_accounts.find("default") is UNKNOWN
    assert sorted(gatherer.problems) == [
        "you may not get /version: `latest` is the newest version that this command knows",
        'you may not get namespace "shop": it counts as unlabelled',
        f'you may not list limitranges in namespace "shop": {SKIPPED}',
        f'you may not list resourcequotas in namespace "shop": {SKIPPED}',
        f"you may not list runtimeclasses: {SKIPPED}",
        f'you may not list serviceaccounts in namespace "shop": {SKIPPED}',
    ]


async def test_a_namespace_that_does_not_exist() -> None:
    """It counts as unlabelled, and that is said."""
    async with playing() as (played, client):
        fill(played)
        del played.objects[SHOP]
        gatherer = KubeconfigGatherer(client)
        snapshots, _ = await gatherer.gather_all(["shop"])
    assert snapshots["shop"].labels == {}
    assert gatherer.problems == ['namespace "shop" does not exist: it counts as unlabelled']


async def test_an_object_that_cannot_be_read() -> None:
    """Its kind is unknown, and the field is named; the others are known."""
    async with playing() as (played, client):
        fill(played)
        played.lists[f"{SHOP}/resourcequotas"] = [page(named("q", spec={"scopes": "all"}))]
        gatherer = KubeconfigGatherer(client)
        shop = (await gatherer.gather_all(["shop"])).snapshots["shop"]
    assert shop.resource_quotas.coverage is Coverage.PARTIAL
    assert shop.limit_ranges.coverage is Coverage.COMPLETE
    (problem,) = gatherer.problems
    assert problem.startswith('resourcequotas in namespace "shop": spec.scopes: ')
    assert problem.endswith(SKIPPED)


@pytest.mark.parametrize("status", [401, 500])
async def test_a_cluster_that_does_not_answer(status: int) -> None:
    """Guessing would say too little: the error is that of the cluster."""
    async with playing() as (played, client):
        fill(played)
        played.objects["/version"] = [Refusal(status)]
        played.lists[f"{SHOP}/limitranges"] = [Refusal(status)]
        gatherer = KubeconfigGatherer(client)
        with pytest.raises(ClusterError) as version:
            await gatherer.learn_version()
        with pytest.raises(ClusterError) as caught:
            await gatherer.gather_all(["shop"])
    assert (version.value.status, caught.value.status) == (status, status)


async def test_the_version() -> None:
    """As the API server says it."""
    async with playing() as (played, client):
        played.objects["/version"] = [{"major": "1", "minor": "34+"}]
        gatherer = KubeconfigGatherer(client)
        await gatherer.learn_version()
    assert gatherer.server_minor == 34
