"""What a scan makes of an API server that refuses on the way; tests/cluster shows what the real one says."""

from __future__ import annotations

from typing import Any

import pytest

from patches import parse_level_version
from tests.gatherers.live_faults import Played, Refusal, playing
from webhook.errors import ClusterError
from webhook.scan.cluster import (
    BINDINGS,
    LIMITS,
    NAMESPACES,
    NODES,
    PODS,
    RUNTIME_CLASSES,
    WORKLOADS,
    ClusterScan,
    scan_cluster,
)
from webhook.scan.progress import Progress


def _play_an_empty_cluster(played: Played) -> None:
    for kind in (*LIMITS, *BINDINGS, NODES, RUNTIME_CLASSES, *WORKLOADS, PODS):
        played.lists[kind.path("")] = [{"metadata": {}, "items": []}]
    played.lists[NAMESPACES.path("")] = [{"metadata": {}, "items": [{"metadata": {"name": "shop"}}]}]
    played.objects["/apis"] = [{"groups": []}]
    played.objects["/version"] = [{"major": "1", "minor": "37"}]


def _pod(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "shop"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}


async def test_pages_that_expire_again_and_again_end_the_scan() -> None:
    """It does not ask for ever."""
    async with playing() as (played, client):
        _play_an_empty_cluster(played)
        played.lists[PODS.path("")] = [
            {"metadata": {"continue": "first"}, "items": [_pod("a")]},
            Refusal(410, "expired", "next"),
        ]
        with pytest.raises(ClusterError, match="410"):
            await scan_cluster(client, ClusterScan(parse_level_version("restricted")), lambda _: None)
        assert 5 < len(played.queries(PODS.path(""))) < 20


async def test_what_is_being_read_is_told() -> None:
    """Kind by kind, with how many so far and of how many, and at the end that there is no more."""
    told: list[Progress | None] = []
    async with playing() as (played, client):
        _play_an_empty_cluster(played)
        pages = [
            {"metadata": {"continue": "more", "remainingItemCount": 7}, "items": [_pod("a")]},
            Refusal(410, "expired", "later"),
            {"metadata": {}},
        ]
        played.lists[PODS.path("")] = pages
        scan = await scan_cluster(client, ClusterScan(parse_level_version("restricted")), told.append)
        assert [query.get("continue") for query in played.queries(PODS.path(""))] == [None, "more", "later"]
    assert scan.kinds == {"Pod": 1}
    assert told[0] == Progress("namespaces", 0, 0)
    assert told[-4:] == [Progress("pods", 0, 0), Progress("pods", 1, 8), Progress("pods", 1, 8), None]
