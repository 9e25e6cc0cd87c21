"""Nodes, followed while a configuration asks what they offer, with or without the right to."""

from __future__ import annotations

from typing import Any

import pytest

from patches.policy.snapshot import UNKNOWN
from tests.gatherers.live_cluster import NAMESPACES, followed, named, server
from tests.gatherers.live_faults import Refusal, Watched, beside, event, page, until
from webhook.gatherers.nodes import NODES, NodeFollower

DEFAULT = frozenset({""})
NOTHING: frozenset[str] = frozenset()


def node(name: str, version: int = 1, *, offers: Any = True, **status: Any) -> dict[str, Any]:
    """A ready node."""
    handlers = [{"name": "", "features": {"userNamespaces": offers}}]
    status = {"conditions": [{"type": "Ready", "status": "True"}], "runtimeHandlers": handlers, **status}
    return named(name, status=status, metadata={"resourceVersion": str(version)})


async def test_what_happens_to_nodes() -> None:
    """One is listed, sends a heartbeat, another is added and deleted; one that cannot be read offers nothing."""
    async with server() as (played, client):
        played.lists[NODES] = [page(node("a"), version=1)]
        events = [
            event("MODIFIED", node("a", 2, allocatable={"cpu": "2"})),
            event("ADDED", node("b", 3, offers=False)),
            event("DELETED", node("b", 4, offers=False)),
            event("DELETED", node("never-listed", 5)),
            event("ADDED", node("unreadable", 6, offers="yes")),
        ]
        played.watches[NODES] = [Watched(events, ends=True), Watched()]
        follower = NodeFollower(client, lambda: seen.append(follower.user_namespaces))
        seen: list[Any] = [follower.user_namespaces]
        async with beside(follower.run()):
            follower.follow(needed=True)
            await until(lambda: len(played.queries(NODES, watch=True)) == 2)
    assert seen == [UNKNOWN, DEFAULT, NOTHING, DEFAULT, NOTHING]
    assert len(follower) == 2


async def test_nodes_are_followed_while_they_are_needed() -> None:
    """Not before; afterwards what they offer is unknown again; and needed again, they are listed anew."""
    async with server() as (played, client):
        played.lists[NAMESPACES] = [page(named("shop"))]
        played.lists[NODES] = [page(node("a"))]
        async with followed(played, client) as listed:
            kinds = listed.gatherer.status()
            for lists in (1, 2):
                assert (await listed.find("shop")).user_namespaces is UNKNOWN
                listed.gatherer.follow_nodes(needed=True)
                listed.gatherer.follow_nodes(needed=True)
                await until(lambda: listed.gatherer.status()[-1].synced)
                assert (await listed.find("shop")).user_namespaces == DEFAULT
                (snapshot,) = (await listed.gatherer.gather_all(["shop"])).snapshots.values()
                assert snapshot.user_namespaces == DEFAULT
                assert len(played.queries(NODES)) == lists
                listed.gatherer.follow_nodes(needed=False)
                assert len(listed.gatherer.status()) == len(kinds)
                await until(lambda: listed.find_at_once("shop").user_namespaces is UNKNOWN)


async def test_without_the_right_what_they_offer_is_unknown(caplog: pytest.LogCaptureFixture) -> None:
    """The log says so, and the server is ready: no pod waits for it. Granted, it counts."""
    async with server() as (played, client):
        played.lists[NAMESPACES] = [page(named("shop"))]
        played.lists[NODES] = [Refusal(403, "nodes is forbidden"), Refusal(403), page(node("a"))]
        async with followed(played, client) as listed:
            listed.gatherer.follow_nodes(needed=True)
            await until(lambda: caplog.messages)
            assert listed.gatherer.synced
            row = listed.gatherer.status()[-1]
            assert (row.kind, row.synced, row.age_seconds, row.objects, row.optional) == ("nodes", False, None, 0, True)
            assert (await listed.find("shop")).user_namespaces is UNKNOWN
            await until(lambda: listed.find_at_once("shop").user_namespaces == DEFAULT)
    assert "/api/v1/nodes: watch failed" in caplog.text
