"""What is said of suspicions, and of how many: no namespace keeps the others waiting."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
import pytest

from patches import Certainty, Failure, ImageFacts, Lesson, Owner, PodState, Suspicion
from tests.gatherers.live_faults import beside, until
from webhook.cluster.api import ClusterClient
from webhook.errors import ClusterError
from webhook.observer import reports
from webhook.observer.book import ImageBook
from webhook.observer.fair_queue import FairQueue
from webhook.observer.reports import Reporter
from webhook.observer.writer import BookWriter

_CRASHES = Suspicion("app", "web:1", "readOnlyRootFilesystem", Failure.CRASH, Certainty.LIKELY, "")


class Cluster:
    """An API server where every pod has the field and no template does. `refuses` are the answers before that."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.refuses: list[int] = []
        self.running: set[str] = set()
        self.paths: list[str] = []
        self.deleted: list[str] = []

    def asked(self, name: str) -> int:
        """How often an object was asked for."""
        return sum(path.endswith(f"/{name}") for path in self.paths)

    async def get(self, path: str) -> bytes:
        """An object."""
        if self.refuses:
            raise ClusterError(self.refuses.pop(0), "no")
        self.paths.append(path)
        name = path.rpartition("/")[2]
        template = {"containers": [{"name": "app"}]}
        if "/pods/" not in path:
            return msgspec.json.encode({"metadata": {"uid": name}, "spec": {"template": {"spec": template}}})
        owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "rs", "uid": "rs", "controller": True}
        metadata = {"name": name, "uid": name, "resourceVersion": "1", "ownerReferences": [owner]}
        security = {"readOnlyRootFilesystem": True}
        containers = [{"name": "app", "securityContext": security}]
        state = {"running": {}} if name in self.running else {"waiting": {"reason": "CreateContainerError"}}
        status = {"containerStatuses": [{"name": "app", "state": state}]}
        return msgspec.json.encode({"metadata": metadata, "spec": {"containers": containers}, "status": status})

    async def send(self, method: str, path: str, body: Any) -> bytes:
        """A write."""
        if method == "DELETE":
            self.deleted.append(path.rpartition("/")[2])
        elif path.endswith("/events"):
            self.events.append(body)
        return msgspec.json.encode({"data": body.get("data")})


def reporter(cluster: Cluster, *, heals: bool = False) -> Reporter:
    """One that leads."""
    client = cast("ClusterClient", cluster)
    book = ImageBook()
    writer = BookWriter(client, "own", book, lambda: True)
    return Reporter(client, book, writer, leads=lambda: True, heals=lambda: heals)


def pod(namespace: str, name: str) -> PodState:
    """A pod of a ReplicaSet."""
    return PodState(namespace, name, name, 0, Owner("apps/v1", "ReplicaSet", "rs", "rs"), "rs", frozenset(), ())


def told(cluster: Cluster, namespace: str) -> int:
    """How many pods of a namespace have an Event."""
    rows = (row["involvedObject"] for row in cluster.events)
    return sum((row["kind"], row["namespace"]) == ("Pod", namespace) for row in rows)


async def test_one_namespace_does_not_keep_others_waiting() -> None:
    """Thousands of suspicions in one: the next one elsewhere is looked into after one of them."""
    cluster = Cluster()
    found = reporter(cluster)
    for number in range(2000):
        found.put(pod("many", f"many-{number}"), _CRASHES)
    found.put(pod("few", "few-1"), _CRASHES)
    async with beside(found.run()):
        await until(lambda: told(cluster, "few"))
    first = [row["metadata"]["namespace"] for row in cluster.events]
    assert Counter(first[: first.index("few")]) == {"many": 2}


async def test_what_found_no_place_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the pod has its next turn; and what was looked into is not looked into again."""
    monkeypatch.setattr(reports, "_MOST_WAITING", 3)
    cluster = Cluster()
    found = reporter(cluster)
    pods = [pod("many", f"many-{number}") for number in range(7)]
    async with beside(found.run()):
        for _ in range(4):
            for row in pods:
                found.put(row, _CRASHES)
            await until(lambda: not len(found._cases))
            await asyncio.sleep(0.01)
        await until(lambda: found.suspected.total() == 7)
    assert told(cluster, "many") == 7


async def test_events_are_bounded_by_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of an hour; what is counted is not bounded."""
    monkeypatch.setattr(reports, "_MOST_EVENTS", 5)
    cluster = Cluster()
    found = reporter(cluster)
    async with beside(found.run()):
        for number in range(20):
            found.put(pod("many", f"many-{number}"), _CRASHES)
        found.put(pod("few", "few-1"), _CRASHES)
        await until(lambda: found.suspected.total() == 21)
        assert Counter(row["metadata"]["namespace"] for row in cluster.events) == {"many": 5, "few": 2}
        monkeypatch.setattr(found, "_hour_ends", 0.0)
        found.put(pod("many", "many-later"), _CRASHES)
        await until(lambda: found.suspected.total() == 22)
    assert cluster.events[-1]["involvedObject"]["name"] == "many-later"


async def test_what_could_not_be_looked_into_comes_again(caplog: pytest.LogCaptureFixture) -> None:
    """Unless the answer is final; the log says the first of failures in a row."""
    cluster = Cluster()
    cluster.refuses = [500, 0, 403]
    found = reporter(cluster)
    async with beside(found.run()):
        for name in ("a", "a", "b", "b", "a"):
            found.put(pod("shop", name), _CRASHES)
            await until(lambda: not len(found._cases))
            await asyncio.sleep(0.01)
    assert [row["involvedObject"]["name"] for row in cluster.events] == ["rs", "a"]
    assert caplog.text.count("cannot look into pod") == 1


async def test_pods_that_are_gone_are_forgotten() -> None:
    """What is kept is bounded by the pods that there are."""
    cluster = Cluster()
    found = reporter(cluster)
    async with beside(found.run()):
        for name in ("a", "b"):
            found.put(pod("shop", name), _CRASHES)
        await until(lambda: found.suspected.total() == 2)
        assert found.confirmed == {("shop", "a"): "a", ("shop", "b"): "b"}
        found.keep([("shop", "b")])
        assert found._looked_into.keys() == found.confirmed.keys() == {("shop", "b")}
        found.forget("shop", "b")
        assert (found._looked_into, found.confirmed) == ({}, {})
        found.put(pod("shop", "gone"), _CRASHES)
        found.forget("shop", "gone")  # before it was looked into
        await until(lambda: not len(found._cases))
        await asyncio.sleep(0.01)
        assert found.confirmed == {}


async def test_a_suspicion_is_kept_for_the_next_admission() -> None:
    """With the image, unless a fact about the image helps the next pod already."""
    cluster = Cluster()
    found = reporter(cluster)
    certain = _CRASHES._replace(failure=Failure.EXEC, image="exec:1")
    async with beside(found.run()):
        found.put(pod("shop", "a"), _CRASHES)
        found.put(pod("shop", "b"), certain)
        await until(lambda: found.suspected.total() == 2)
    assert {name: row.suspected for name, row in found._book.entries.items()} == {
        "web:1": {"shop": ("readOnlyRootFilesystem",)}
    }


async def test_a_pod_that_is_tried_again_keeps_no_other_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its container seems to run each time that it is looked at; the pod that hangs elsewhere is deleted meanwhile."""
    monkeypatch.setattr(reports, "_FOLLOW_SECONDS", 0.05)
    monkeypatch.setattr(reports, "_BATCH_SECONDS", 0.0)
    monkeypatch.setattr(reports, "_ATTEMPTS", 10**6)
    cluster = Cluster()
    found = reporter(cluster, heals=True)
    found._book.learn(Lesson("web:1", ImageFacts(file_capabilities=True), by_kubelet=True), "shop", datetime.now(UTC))
    exec_fails = _CRASHES._replace(failure=Failure.EXEC)
    cluster.running.add("seems-to-run")
    async with beside(found.run()), beside(found._writer.run()), beside(found.heal()):
        found.put(pod("many", "seems-to-run"), exec_fails)
        await until(lambda: cluster.asked("seems-to-run") > 2)
        found.put(pod("few", "hangs"), exec_fails)
        await until(lambda: cluster.deleted)
        asked = cluster.asked("seems-to-run")
        await until(lambda: cluster.asked("seems-to-run") > asked)
    assert (cluster.deleted, found.healed) == (["hangs"], 1)


async def test_namespaces_take_turns() -> None:
    """Each is bounded for itself."""
    queue: FairQueue[str] = FairQueue(2)
    assert [queue.put("a", item) for item in ("a1", "a2", "a3")] == [True, True, False]
    assert queue.put("b", "b1")
    assert await queue.get_several(2) == ["a1", "b1"]
    assert (await queue.get_several(9), len(queue)) == (["a2"], 0)
