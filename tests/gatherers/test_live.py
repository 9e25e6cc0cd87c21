"""The caches where the API server does not answer as it should. How they follow one is shown in tests/cluster."""

from __future__ import annotations

import time

import pytest

from patches.model.images import NO_IMAGES, ImageFacts, Images
from patches.policy.configuration import Mode
from patches.policy.limits import NO_LIMITS
from patches.policy.snapshot import UNKNOWN, Coverage
from tests.gatherers.live_cluster import (
    ACCOUNTS,
    CLASSES,
    DEFAULT_ACCOUNT,
    ENFORCE,
    LIMITS,
    NAMESPACES,
    QUOTAS,
    configured,
    followed,
    live,
    named,
    server,
)
from tests.gatherers.live_faults import Refusal, Watched, beside, event, page, until


async def test_before_anything_is_known() -> None:
    """Not synced, in each kind; a namespace is asked for, and the facts around it are unknown."""
    async with server() as (played, client):
        played.objects[f"{NAMESPACES}/shop"] = [named("shop", metadata={"labels": ENFORCE})]
        unsynced = live(client, configured(settings={"runtimeClassName": {"enabled": True, "name": "gvisor"}}))
        assert unsynced.gatherer.synced is False
        assert unsynced.gatherer.known_minor is None
        assert [tuple(row) for row in unsynced.gatherer.status()] == [
            (kind, False, None, 0)
            for kind in ("namespaces", "limitranges", "resourcequotas", "serviceaccounts", "runtimeclasses")
        ]
        found = await unsynced.find("shop", "default")
    assert str(found.policy.enforce) == "restricted:latest"
    assert (found.limits, found.quota_scopes, found.has_quota) == (UNKNOWN, UNKNOWN, True)
    assert (found.service_accounts.find("default"), found.runtime_classes.find("gvisor")) == (UNKNOWN, UNKNOWN)
    assert (found.runtime_classes.by_name, found.runtime_classes.coverage) == ({}, Coverage.PARTIAL)
    assert [path for path, _ in played.asked] == [f"{NAMESPACES}/shop"]


@pytest.mark.parametrize("unlisted", [LIMITS, QUOTAS, ACCOUNTS, CLASSES])
async def test_a_kind_that_is_not_listed(unlisted: str) -> None:
    """Only its own facts are unknown, nothing is asked for instead, and the gatherer is not synced."""
    async with server() as (played, client):
        played.lists[NAMESPACES] = [page(named("shop"))]
        played.lists[ACCOUNTS] = [page(named("default", "shop", automountServiceAccountToken=False))]
        async with followed(played, client, unlisted=unlisted) as listed:
            found = await listed.find("shop", "default")
            assert listed.gatherer.synced is False
        assert not played.queries(DEFAULT_ACCOUNT)
    unknown = {
        LIMITS: found.limits is UNKNOWN,
        QUOTAS: found.quota_scopes is UNKNOWN,
        ACCOUNTS: found.service_accounts.find("default") is UNKNOWN,
        CLASSES: found.runtime_classes.coverage is Coverage.PARTIAL,
    }
    assert unknown == {path: path == unlisted for path in unknown}


async def test_no_version() -> None:
    """Not synced until the API server has said which it is; asked for again."""
    async with server() as (played, client):
        played.objects["/version"] = [Refusal(503), {"minor": "x"}, {}, {"major": "1", "minor": "35+"}]
        gatherer = live(client).gatherer
        async with beside(gatherer.run()):
            await until(lambda: all(row.synced for row in gatherer.status()))
            await until(lambda: gatherer.synced)
        assert gatherer.known_minor == gatherer.server_minor == 35


async def test_another_version() -> None:
    """After a new list it is asked for again, and what `latest` means changes everywhere."""
    async with server() as (played, client):
        played.lists[NAMESPACES] = [page(named("shop"))]
        async with followed(played, client) as listed:
            assert (await listed.find("shop")).policy.server_minor == 36
            played.objects["/version"] = [{"minor": "37"}]
            listed.gatherer._relisted.set()
            await until(lambda: listed.gatherer.known_minor == 37)
            found = await listed.find("shop")
    assert found.policy.server_minor == 37
    assert found.limits is NO_LIMITS


async def test_objects_that_cannot_be_read() -> None:
    """A LimitRange or quota makes the facts of its own namespace unknown; of an account and a class, a GET is tried."""
    async with server() as (played, client):
        bad_range = named("l", "shop", spec={"limits": [{"type": "Container", "max": {"cpu": "much"}}]})
        played.lists[NAMESPACES] = [page(named("shop"), named("other"), named("broken", metadata={"labels": []}))]
        played.lists[LIMITS] = [page(bad_range, named("l", "other", spec={}))]
        played.lists[QUOTAS] = [page(named("q", "shop", spec={"scopes": "all"}), named("q", "other"))]
        played.lists[ACCOUNTS] = [page(named("default", "shop", automountServiceAccountToken=1))]
        played.objects[DEFAULT_ACCOUNT] = [named("default", automountServiceAccountToken=1)]
        played.objects[f"{NAMESPACES}/broken"] = [named("broken", metadata={"labels": []})]
        async with followed(played, client) as listed:
            shop = await listed.find("shop", "default")
            other = await listed.find("other")
            assert await listed.refused("broken") == 'namespace "broken" could not be looked up: try again'
        assert len(played.queries(DEFAULT_ACCOUNT)) == 1
    assert (shop.limits, shop.quota_scopes, shop.has_quota) == (UNKNOWN, UNKNOWN, True)
    assert shop.service_accounts.find("default") is UNKNOWN
    assert (other.limits, other.quota_scopes, other.has_quota) == (NO_LIMITS, frozenset(), True)
    assert other.service_accounts.by_name == {}


async def test_what_is_known_takes_no_waiting_and_no_compiling() -> None:
    """The same namespace each time until something changes; equal labels share one policy."""
    async with server() as (played, client):
        labelled = {"labels": {**ENFORCE, "team": "a"}, "annotations": {"note": "x"}}
        other = {"labels": {"team": "b", **ENFORCE}}
        played.lists[NAMESPACES] = [page(named("a", metadata=labelled), named("b", metadata=other), named("c"))]
        played.lists[ACCOUNTS] = [page(named("default", "a"))]
        async with followed(played, client) as listed:
            first = listed.find_at_once("a", "default")
            assert listed.find_at_once("a", "default") is first
            assert listed.find_at_once("b").policy is first.policy
            assert listed.find_at_once("c").policy is not first.policy


async def test_other_facts_of_images() -> None:
    """Every namespace has them from the next review on, and so have previews."""
    async with server() as (played, client):
        played.lists[NAMESPACES] = [page(named("a"))]
        async with followed(played, client) as listed:
            assert (await listed.find("a")).images is NO_IMAGES
            listed.gatherer.use_images(Images({"nginx": ImageFacts(user="")}))
            assert (await listed.find("a")).images.find("nginx").user == ""
            (snapshot,) = (await listed.gatherer.gather_all(["a"])).snapshots.values()
            assert snapshot.images.find("nginx").user == ""


async def test_another_configuration() -> None:
    """Every namespace is under it from the next review on, quickly for many; the facts stay."""
    async with server() as (played, client):
        played.lists[NAMESPACES] = [page(*(named(f"n{number}") for number in range(10_000)))]
        async with followed(played, client) as listed:
            before = await listed.find("n7")
            snapshot = await listed.gatherer.gather("n7", 0)
            began = time.perf_counter()
            listed.namespaces.configure(configured(mode="warn"))
            taken = time.perf_counter() - began
            after = await listed.find("n7")
            assert (before.policy.mode, after.policy.mode) == (Mode.ENFORCE, Mode.WARN)
            assert await listed.gatherer.gather("n7", 0) is snapshot
            assert (await listed.find("n9999")).policy is after.policy
    print(f"10,000 namespaces under another configuration: {taken * 1000:.0f} ms")
    assert taken < 0.5


async def test_events_that_change_nothing_for_us() -> None:
    """Nothing is compiled for them: a namespace's other labels, an account's secrets."""
    async with server() as (played, client):
        played.lists[NAMESPACES] = [page(named("shop"))]
        played.lists[ACCOUNTS] = [page(named("default", "shop"))]
        played.watches[NAMESPACES] = [Watched([event("MODIFIED", named("shop", metadata={"labels": {"team": "a"}}))])]
        last = named("late", "other")
        played.watches[ACCOUNTS] = [
            Watched([event("MODIFIED", named("default", "shop", secrets=[])), event("ADDED", last)])
        ]
        async with followed(played, client) as listed:
            before = await listed.find("shop")
            await until(lambda: listed.gatherer.status()[3].objects == 2)
            assert await listed.find("shop") is before
