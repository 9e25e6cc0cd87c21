"""What a cache lacks is looked up: by one GET for all who ask, within a second, only where something depends on it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from patches.policy.configuration import Mode
from patches.policy.limits import NO_LIMITS
from patches.policy.snapshot import UNKNOWN, RuntimeClass, ServiceAccount
from tests.gatherers.live_cluster import (
    ACCOUNTS,
    CLASSES,
    DEFAULT_ACCOUNT,
    ENFORCE,
    NAMESPACES,
    configured,
    followed,
    named,
    server,
)
from tests.gatherers.live_faults import Refusal, Silence, page
from webhook.errors import NamespaceUnknown


async def test_nobody_answers(caplog: pytest.LogCaptureFixture) -> None:
    """A namespace that is not in the cache is unknown within a second, to all who ask, by one GET."""
    async with server() as (played, client):
        played.lists[NAMESPACES] = [page(named("shop"))]
        played.objects[f"{NAMESPACES}/new"] = [Silence()]
        async with followed(played, client) as listed:
            began = time.monotonic()
            said = await asyncio.gather(*(listed.refused("new") for _ in range(50)))
            assert 0.7 < time.monotonic() - began < 3
            assert len(played.queries(f"{NAMESPACES}/new")) == 1
            assert (await listed.find("shop")).policy.mode is Mode.ENFORCE
    assert set(said) == {'namespace "new" could not be looked up: try again'}
    logged = f"cannot look up namespace 'new': GET {NAMESPACES}/new: no answer within 0.75 s"
    assert logged in caplog.messages


async def test_who_stops_waiting_spoils_nothing() -> None:
    """The others get the answer."""
    async with server() as (played, client):
        played.objects[f"{NAMESPACES}/new"] = [named("new", metadata={"labels": ENFORCE})]
        async with followed(played, client) as listed:
            one, other = (asyncio.create_task(listed.find("new")) for _ in range(2))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            one.cancel()
            assert str((await other).policy.enforce) == "restricted:latest"
            assert len(played.queries(f"{NAMESPACES}/new")) == 1


async def test_many_different_questions() -> None:
    """So many at a time and no more; all of them end after a second."""
    async with server() as (played, client):
        for number in range(200):
            played.objects[f"{NAMESPACES}/n{number}"] = [Silence()]
        async with followed(played, client) as listed:
            began = time.monotonic()
            asking = asyncio.gather(*(listed.refused(f"n{number}") for number in range(200)))
            await asyncio.sleep(0.6)
            asked = sum(path.startswith(f"{NAMESPACES}/n") for path, _ in played.asked)
            await asking
            assert time.monotonic() - began < 4
    assert 0 < asked <= 32


@pytest.mark.parametrize("status", [403, 429, 500])
async def test_a_namespace_that_is_refused(status: int) -> None:
    """Unknown, and the next review asks again."""
    async with server() as (played, client):
        played.objects[f"{NAMESPACES}/new"] = [Refusal(status), named("new")]
        async with followed(played, client) as listed:
            assert await listed.refused("new") == 'namespace "new" could not be looked up: try again'
            assert (await listed.find("new")).policy.mode is Mode.ENFORCE


async def test_answers_are_not_kept() -> None:
    """A namespace that was found once and is gone by the next review is gone."""
    async with server() as (played, client):
        played.objects[f"{NAMESPACES}/new"] = [named("new"), Refusal(404)]
        async with followed(played, client) as listed:
            await listed.find("new")
            assert await listed.refused("new") == 'namespace "new" does not exist'


@pytest.mark.parametrize("name", ["", "..", "a/b", "A", "a?b", "a b", "a\n", "é", "x" * 254])
async def test_names_that_no_object_can_have(name: str) -> None:
    """They are not asked for: a template's account is whatever its author writes."""
    async with server() as (played, client):
        played.lists[NAMESPACES] = [page(named("shop"))]
        config = configured(settings={"automountServiceAccountToken": {"serviceAccounts": "all"}})
        async with followed(played, client, config) as listed:
            before = len(played.asked)
            assert (await listed.find("shop", name)).service_accounts.find(name) is None
            assert "does not exist" in await listed.refused(name)
            assert [path for path, query in played.asked[before:] if "watch" not in query] == []


@pytest.mark.parametrize(
    ("answer", "account"),
    [
        (Refusal(404), None),
        (Refusal(500), UNKNOWN),
        (Silence(), UNKNOWN),
        (named("default"), ServiceAccount()),
        (named("default", automountServiceAccountToken=True), ServiceAccount(automount=True)),
        (named("default", automountServiceAccountToken="yes"), UNKNOWN),
    ],
)
async def test_an_account_that_is_not_in_the_cache(answer: Any, account: Any) -> None:
    """It is asked for: without an answer what it says is unknown; one that does not exist says nothing."""
    async with server() as (played, client):
        played.lists[NAMESPACES] = [page(named("shop"))]
        played.objects[DEFAULT_ACCOUNT] = [answer]
        async with followed(played, client) as listed:
            found = await listed.find("shop", "default")
            assert found.service_accounts.find("default") == account
            assert found.limits is NO_LIMITS
            assert len(played.queries(DEFAULT_ACCOUNT)) == 1


@pytest.mark.parametrize(
    ("labels", "settings", "account", "asked"),
    [
        (ENFORCE, {}, "default", True),
        (ENFORCE, {}, "builder", False),
        (ENFORCE, {"serviceAccounts": "all"}, "builder", True),
        (ENFORCE, {"serviceAccounts": "all"}, "default", True),
        (ENFORCE, {"enabled": False}, "default", False),
        (ENFORCE, {}, "", False),
        ({"pod-security.kubernetes.io/enforce": "privileged"}, {}, "default", False),
        ({"pod-security-defaulter.io/mode": "off"}, {}, "default", False),
        ({"pod-security-defaulter.io/mode": "warn"}, {}, "default", True),
    ],
)
async def test_an_account_that_does_not_count(labels: Any, settings: Any, account: str, asked: object) -> None:
    """Nobody is asked for what no default depends on."""
    async with server() as (played, client):
        played.lists[NAMESPACES] = [page(named("shop", metadata={"labels": labels}))]
        config = configured(settings={"automountServiceAccountToken": settings})
        async with followed(played, client, config) as listed:
            await listed.find("shop", account)
        path = f"{NAMESPACES}/shop/serviceaccounts/{account}"
        assert bool(played.queries(path)) is asked


async def test_what_is_looked_up_for_one_pod_is_for_that_pod_only() -> None:
    """An account that could not be learnt is unknown for its pod; those that the cache has are known for theirs."""
    async with server() as (played, client):
        played.lists[NAMESPACES] = [page(named("shop"))]
        played.lists[ACCOUNTS] = [page(named("builder", "shop", automountServiceAccountToken=True))]
        played.objects[f"{NAMESPACES}/shop/serviceaccounts/new"] = [Refusal(500)]
        config = configured(settings={"automountServiceAccountToken": {"serviceAccounts": "all"}})
        async with followed(played, client, config) as listed:
            assert (await listed.find("shop", "new")).service_accounts.find("new") is UNKNOWN
            found = listed.find_at_once("shop", "builder")
            assert found.service_accounts.find("builder") == ServiceAccount(automount=True)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Refusal(404), None),
        (Refusal(500), UNKNOWN),
        (Silence(), UNKNOWN),
        (named("gvisor"), RuntimeClass({}, has_overhead=False)),
        (named("gvisor", scheduling=[]), UNKNOWN),
    ],
)
async def test_a_runtime_class_that_is_not_in_the_cache(answer: Any, expected: Any) -> None:
    """It is asked for: without an answer it is unknown whether it exists."""
    async with server() as (played, client):
        annotations = {"pod-security-defaulter.io/runtime-class": "gvisor"}
        played.lists[NAMESPACES] = [page(named("shop", metadata={"annotations": annotations}))]
        played.objects[f"{CLASSES}/gvisor"] = [answer]
        async with followed(played, client) as listed:
            assert (await listed.find("shop")).runtime_classes.find("gvisor") == expected
            assert len(played.queries(f"{CLASSES}/gvisor")) == 1


async def test_a_runtime_class_that_cannot_be_read() -> None:
    """The cache has none of this name, so that a GET is tried, as for one that it has not seen."""
    async with server() as (played, client):
        annotations = {"pod-security-defaulter.io/runtime-class": "gvisor"}
        played.lists[NAMESPACES] = [page(named("shop", metadata={"annotations": annotations}))]
        played.lists[CLASSES] = [page(named("gvisor", scheduling=[]))]
        played.objects[f"{CLASSES}/gvisor"] = [named("gvisor", scheduling=[])]
        async with followed(played, client) as listed:
            assert (await listed.find("shop")).runtime_classes.find("gvisor") is UNKNOWN
            assert len(played.queries(f"{CLASSES}/gvisor")) == 1


async def test_a_runtime_class_that_does_not_count() -> None:
    """Skipped, exempt, or in a namespace that is off: not asked for."""
    named_class = {"pod-security-defaulter.io/runtime-class": "gvisor"}
    async with server() as (played, client):
        played.lists[NAMESPACES] = [
            page(
                named(
                    "off", metadata={"annotations": named_class, "labels": {"pod-security-defaulter.io/mode": "off"}}
                ),
                named(
                    "skip",
                    metadata={"annotations": {**named_class, "pod-security-defaulter.io/skip": "runtimeClassName"}},
                ),
                named("exempt", metadata={"annotations": {"pod-security-defaulter.io/runtime-class": "kata"}}),
            )
        ]
        async with followed(played, client, configured(exemptions={"runtimeClasses": ["kata"]})) as listed:
            for namespace in ("off", "skip", "exempt"):
                await listed.find(namespace)
        assert not [path for path, _ in played.asked if path.startswith(f"{CLASSES}/")]


async def test_a_preview_of_what_the_cache_lacks() -> None:
    """A namespace is looked up; one that does not exist counts as unlabelled, and that is said."""
    async with server() as (played, client):
        played.objects[f"{NAMESPACES}/new"] = [named("new", metadata={"labels": ENFORCE})]
        async with followed(played, client) as listed:
            found = await listed.gatherer.gather_all(["new", "gone"])
    assert {name: dict(snapshot.labels) for name, snapshot in found.snapshots.items()} == {"new": ENFORCE, "gone": {}}
    assert found.problems == {"gone": 'namespace "gone" does not exist: it counts as unlabelled'}


async def test_a_preview_of_what_cannot_be_learnt() -> None:
    """It is refused as a whole: half of it would say too little."""
    async with server() as (played, client):
        played.lists[NAMESPACES] = [page(named("shop"))]
        played.objects[f"{NAMESPACES}/new"] = [Refusal(500)]
        async with followed(played, client) as listed:
            with pytest.raises(NamespaceUnknown, match='namespace "new" could not be looked up: try again'):
                await listed.gatherer.gather_all(["shop", "new"])
