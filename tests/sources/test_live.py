"""The live source where the API server does not answer as it should. How it follows one is shown in tests/cluster."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from patches.policy.configuration import DefaulterConfiguration, Mode
from patches.policy.limits import NO_LIMITS
from tests.sources.live_faults import Played, Refusal, Silence, Watched, beside, event, page, playing, until
from webhook.cluster.api import ClusterClient
from webhook.errors import NamespaceUnknown
from webhook.sources.live import LiveSource
from webhook.sources.state import NamespaceState
from webhook.sources.version import read_minor

NAMESPACES, ACCOUNTS = "/api/v1/namespaces", "/api/v1/serviceaccounts"
LIMITS, QUOTAS = "/api/v1/limitranges", "/api/v1/resourcequotas"
CLASSES = "/apis/node.k8s.io/v1/runtimeclasses"
DEFAULT_ACCOUNT = "/api/v1/namespaces/shop/serviceaccounts/default"
ENFORCE = {"pod-security.kubernetes.io/enforce": "restricted"}


def named(name: str, namespace: str | None = None, **fields: Any) -> dict[str, Any]:
    """An object."""
    place = {} if namespace is None else {"namespace": namespace}
    return {"metadata": {"name": name, "resourceVersion": "1", **place, **fields.pop("metadata", {})}, **fields}


def configured(**fields: Any) -> DefaulterConfiguration:
    """A configuration with these fields."""
    return msgspec.convert(fields, DefaulterConfiguration)


@asynccontextmanager
async def server() -> AsyncIterator[tuple[Played, ClusterClient]]:
    """A cluster with nothing in it."""
    async with playing() as (played, cluster):
        played.lists = {path: [page()] for path in (NAMESPACES, LIMITS, QUOTAS, ACCOUNTS, CLASSES)}
        played.objects["/version"] = [{"major": "1", "minor": "36"}]
        yield played, cluster


@asynccontextmanager
async def followed(
    played: Played, cluster: ClusterClient, configuration: DefaulterConfiguration | None = None, *, unlisted: str = ""
) -> AsyncIterator[LiveSource]:
    """A source that has listed everything, but for the kind `unlisted`."""
    if unlisted:
        played.lists[unlisted] = [Silence()]
    source = LiveSource(cluster, configuration or DefaulterConfiguration())
    async with beside(source.run()):
        await until(
            lambda: all(row.synced for row in source.status() if not unlisted.endswith(row.kind) or not unlisted)
        )
        await until(lambda: source.minor)
        yield source


async def refused(source: LiveSource, namespace: str) -> str:
    """The message where a namespace cannot be learnt."""
    with pytest.raises(NamespaceUnknown) as caught:
        await source.state(namespace)
    return str(caught.value)


async def test_before_anything_is_known() -> None:
    """Not synced, in each kind; a namespace is asked for, and the facts around it are unknown."""
    async with server() as (played, cluster):
        played.objects[f"{NAMESPACES}/shop"] = [named("shop", metadata={"labels": ENFORCE})]
        source = LiveSource(cluster, configured(settings={"runtimeClassName": {"enabled": True, "name": "gvisor"}}))
        assert source.synced is False
        assert source.minor is None
        assert [tuple(row) for row in source.status()] == [
            (kind, False, None, 0)
            for kind in ("namespaces", "limitranges", "resourcequotas", "serviceaccounts", "runtimeclasses")
        ]
        found = await source.state("shop", "default")
    assert str(found.policy.enforce) == "restricted:latest"
    facts = found.facts
    assert (facts.limits, facts.quota_scopes, facts.automount, facts.has_quota) == (None, None, None, True)
    assert (facts.runtime_classes, facts.runtime_classes_complete) == ({}, False)
    assert [path for path, _ in played.asked] == [f"{NAMESPACES}/shop"]


@pytest.mark.parametrize("unlisted", [LIMITS, QUOTAS, ACCOUNTS, CLASSES])
async def test_a_kind_that_is_not_listed(unlisted: str) -> None:
    """Only its own facts are unknown, nothing is asked for instead, and the source is not synced."""
    async with server() as (played, cluster):
        played.lists[NAMESPACES] = [page(named("shop"))]
        played.lists[ACCOUNTS] = [page(named("default", "shop", automountServiceAccountToken=False))]
        async with followed(played, cluster, unlisted=unlisted) as source:
            facts = (await source.state("shop", "default")).facts
            assert source.synced is False
        assert not played.queries(DEFAULT_ACCOUNT)
    unknown = {
        LIMITS: facts.limits is None,
        QUOTAS: facts.quota_scopes is None,
        ACCOUNTS: facts.automount is None,
        CLASSES: not facts.runtime_classes_complete,
    }
    assert unknown == {path: path == unlisted for path in unknown}


async def test_no_version() -> None:
    """Not synced until the API server has said which it is; asked for again."""
    async with server() as (played, cluster):
        played.objects["/version"] = [Refusal(503), {"minor": "x"}, {}, {"major": "1", "minor": "35+"}]
        source = LiveSource(cluster, DefaulterConfiguration())
        async with beside(source.run()):
            await until(lambda: all(row.synced for row in source.status()))
            await until(lambda: source.synced)
        assert source.minor == 35


async def test_another_version() -> None:
    """After a new list it is asked for again, and what `latest` means changes everywhere."""
    async with server() as (played, cluster):
        played.lists[NAMESPACES] = [page(named("shop"))]
        async with followed(played, cluster) as source:
            assert (await source.state("shop")).policy.newest == 36
            played.objects["/version"] = [{"minor": "37"}]
            source._relisted.set()
            await until(lambda: source.minor == 37)
            found = await source.state("shop")
    assert found.policy.newest == 37
    assert found.facts.limits is NO_LIMITS


async def test_nobody_answers() -> None:
    """A namespace that is not in the cache is unknown within a second, to all who ask, by one GET."""
    async with server() as (played, cluster):
        played.lists[NAMESPACES] = [page(named("shop"))]
        played.objects[f"{NAMESPACES}/new"] = [Silence()]
        async with followed(played, cluster) as source:
            began = time.monotonic()
            said = await asyncio.gather(*(refused(source, "new") for _ in range(50)))
            assert 0.7 < time.monotonic() - began < 3
            assert len(played.queries(f"{NAMESPACES}/new")) == 1
            assert (await source.state("shop")).policy.mode is Mode.ENFORCE
    assert set(said) == {'namespace "new" could not be looked up: try again'}


async def test_who_stops_waiting_spoils_nothing() -> None:
    """The others get the answer."""
    async with server() as (played, cluster):
        played.objects[f"{NAMESPACES}/new"] = [named("new", metadata={"labels": ENFORCE})]
        async with followed(played, cluster) as source:
            one, other = (asyncio.create_task(source.state("new")) for _ in range(2))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            one.cancel()
            assert str((await other).policy.enforce) == "restricted:latest"
            assert len(played.queries(f"{NAMESPACES}/new")) == 1


async def test_many_different_questions() -> None:
    """So many at a time and no more; all of them end after a second."""
    async with server() as (played, cluster):
        for number in range(200):
            played.objects[f"{NAMESPACES}/n{number}"] = [Silence()]
        async with followed(played, cluster) as source:
            began = time.monotonic()
            asking = asyncio.gather(*(refused(source, f"n{number}") for number in range(200)))
            await asyncio.sleep(0.6)
            asked = sum(path.startswith(f"{NAMESPACES}/n") for path, _ in played.asked)
            await asking
            assert time.monotonic() - began < 4
    assert 0 < asked <= 32


@pytest.mark.parametrize("status", [403, 429, 500])
async def test_a_namespace_that_is_refused(status: int) -> None:
    """Unknown, and the next review asks again."""
    async with server() as (played, cluster):
        played.objects[f"{NAMESPACES}/new"] = [Refusal(status), named("new")]
        async with followed(played, cluster) as source:
            assert await refused(source, "new") == 'namespace "new" could not be looked up: try again'
            assert (await source.state("new")).policy.mode is Mode.ENFORCE


async def test_answers_are_not_kept() -> None:
    """A namespace that was found once and is gone by the next review is gone."""
    async with server() as (played, cluster):
        played.objects[f"{NAMESPACES}/new"] = [named("new"), Refusal(404)]
        async with followed(played, cluster) as source:
            await source.state("new")
            assert await refused(source, "new") == 'namespace "new" does not exist'


@pytest.mark.parametrize("name", ["", "..", "a/b", "A", "a?b", "a b", "a\n", "é", "x" * 254])
async def test_names_that_no_object_can_have(name: str) -> None:
    """They are not asked for: a template's account is whatever its author writes."""
    async with server() as (played, cluster):
        played.lists[NAMESPACES] = [page(named("shop"))]
        config = configured(settings={"automountServiceAccountToken": {"serviceAccounts": "all"}})
        async with followed(played, cluster, config) as source:
            before = len(played.asked)
            assert (await source.state("shop", name)).facts.automount == {}
            assert "does not exist" in await refused(source, name)
            assert [path for path, query in played.asked[before:] if "watch" not in query] == []


@pytest.mark.parametrize(
    ("answer", "automount"),
    [
        (Refusal(404), {}),
        (Refusal(500), None),
        (Silence(), None),
        (named("default"), {}),
        (named("default", automountServiceAccountToken=True), {"default": True}),
        (named("default", automountServiceAccountToken="yes"), None),
    ],
)
async def test_an_account_that_is_not_in_the_cache(answer: Any, automount: Any) -> None:
    """It is asked for: without an answer what it says is unknown; one that does not exist says nothing."""
    async with server() as (played, cluster):
        played.lists[NAMESPACES] = [page(named("shop"))]
        played.objects[DEFAULT_ACCOUNT] = [answer]
        async with followed(played, cluster) as source:
            facts = (await source.state("shop", "default")).facts
            assert facts.automount == automount
            assert facts.limits is NO_LIMITS
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
    async with server() as (played, cluster):
        played.lists[NAMESPACES] = [page(named("shop", metadata={"labels": labels}))]
        config = configured(settings={"automountServiceAccountToken": settings})
        async with followed(played, cluster, config) as source:
            await source.state("shop", account)
        path = f"{NAMESPACES}/shop/serviceaccounts/{account}"
        assert bool(played.queries(path)) is asked


@pytest.mark.parametrize(
    ("answer", "known", "complete"),
    [
        (Refusal(404), False, True),
        (Refusal(500), False, False),
        (Silence(), False, False),
        (named("gvisor"), True, True),
        (named("gvisor", scheduling=[]), False, False),
    ],
)
async def test_a_runtime_class_that_is_not_in_the_cache(answer: Any, known: object, complete: object) -> None:
    """It is asked for: without an answer it is unknown whether it exists."""
    async with server() as (played, cluster):
        annotations = {"pod-security-defaulter.io/runtime-class": "gvisor"}
        played.lists[NAMESPACES] = [page(named("shop", metadata={"annotations": annotations}))]
        played.objects[f"{CLASSES}/gvisor"] = [answer]
        async with followed(played, cluster) as source:
            facts = (await source.state("shop")).facts
            assert ("gvisor" in facts.runtime_classes, facts.runtime_classes_complete) == (known, complete)
            assert len(played.queries(f"{CLASSES}/gvisor")) == 1


async def test_a_runtime_class_that_does_not_count() -> None:
    """Skipped, exempt, or in a namespace that is off: not asked for."""
    named_class = {"pod-security-defaulter.io/runtime-class": "gvisor"}
    async with server() as (played, cluster):
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
        async with followed(played, cluster, configured(exemptions={"runtimeClasses": ["kata"]})) as source:
            for namespace in ("off", "skip", "exempt"):
                await source.state(namespace)
        assert not [path for path, _ in played.asked if path.startswith(f"{CLASSES}/")]


async def test_objects_that_cannot_be_read() -> None:
    """A LimitRange or quota makes the facts of its own namespace unknown; of an account and a class, a GET is tried."""
    async with server() as (played, cluster):
        bad_range = named("l", "shop", spec={"limits": [{"type": "Container", "max": {"cpu": "much"}}]})
        played.lists[NAMESPACES] = [page(named("shop"), named("other"), named("broken", metadata={"labels": []}))]
        played.lists[LIMITS] = [page(bad_range, named("l", "other", spec={}))]
        played.lists[QUOTAS] = [page(named("q", "shop", spec={"scopes": "all"}), named("q", "other"))]
        played.lists[ACCOUNTS] = [page(named("default", "shop", automountServiceAccountToken=1))]
        played.objects[DEFAULT_ACCOUNT] = [named("default", automountServiceAccountToken=1)]
        played.objects[f"{NAMESPACES}/broken"] = [named("broken", metadata={"labels": []})]
        async with followed(played, cluster) as source:
            shop = (await source.state("shop", "default")).facts
            other = (await source.state("other")).facts
            assert await refused(source, "broken") == 'namespace "broken" could not be looked up: try again'
    assert (shop.limits, shop.quota_scopes, shop.has_quota, shop.automount) == (None, None, True, None)
    assert (other.limits, other.quota_scopes, other.has_quota, other.automount) == (NO_LIMITS, frozenset(), True, {})


async def test_what_is_known_takes_no_waiting_and_no_compiling() -> None:
    """The same state each time until something changes; equal labels share one policy."""
    async with server() as (played, cluster):
        labelled = {"labels": {**ENFORCE, "team": "a"}, "annotations": {"note": "x"}}
        other = {"labels": {"team": "b", **ENFORCE}}
        played.lists[NAMESPACES] = [page(named("a", metadata=labelled), named("b", metadata=other), named("c"))]
        played.lists[ACCOUNTS] = [page(named("default", "a"))]
        async with followed(played, cluster) as source:
            first = at_once(source, "a", "default")
            assert at_once(source, "a", "default") is first
            assert at_once(source, "b", "").policy is first.policy
            assert at_once(source, "c", "").policy is not first.policy


def at_once(source: LiveSource, namespace: str, account: str) -> NamespaceState:
    """The state, where it is known without waiting."""
    with pytest.raises(StopIteration) as stop:
        source.state(namespace, account).__await__().send(None)
    found = stop.value.value
    assert isinstance(found, NamespaceState)
    return found


async def test_another_configuration() -> None:
    """Every namespace is under it from the next review on, quickly for many; the facts stay."""
    async with server() as (played, cluster):
        played.lists[NAMESPACES] = [page(*(named(f"n{number}") for number in range(10_000)))]
        async with followed(played, cluster) as source:
            before = await source.state("n7")
            began = time.perf_counter()
            source.configure(configured(mode="warn"))
            taken = time.perf_counter() - began
            after = await source.state("n7")
            assert (before.policy.mode, after.policy.mode) == (Mode.ENFORCE, Mode.WARN)
            assert after.facts is before.facts
            assert (await source.state("n9999")).policy is after.policy
    print(f"10,000 namespaces under another configuration: {taken * 1000:.0f} ms")
    assert taken < 0.5


async def test_events_that_change_nothing_for_us() -> None:
    """Nothing is compiled for them: a namespace's other labels, an account's secrets."""
    async with server() as (played, cluster):
        played.lists[NAMESPACES] = [page(named("shop"))]
        played.lists[ACCOUNTS] = [page(named("default", "shop"))]
        played.watches[NAMESPACES] = [Watched([event("MODIFIED", named("shop", metadata={"labels": {"team": "a"}}))])]
        last = named("late", "other")
        played.watches[ACCOUNTS] = [
            Watched([event("MODIFIED", named("default", "shop", secrets=[])), event("ADDED", last)])
        ]
        async with followed(played, cluster) as source:
            before = await source.state("shop")
            await until(lambda: source.status()[3].objects == 2)
            assert await source.state("shop") is before


@pytest.mark.parametrize(("minor", "number"), [("37", 37), ("33+", 33), ("7", 7)])
def test_the_minor_version(minor: str, number: int) -> None:
    """As `/version` writes it."""
    assert read_minor(f'{{"major":"1","minor":"{minor}"}}'.encode()) == number


@pytest.mark.parametrize("answer", [b"", b"{}", b'{"minor":37}', b'{"minor":""}', b'{"minor":"x7"}'])
def test_no_minor_version(answer: bytes) -> None:
    """It is said."""
    with pytest.raises(ValueError, match=r"minor|JSON|truncated|number"):
        read_minor(answer)
