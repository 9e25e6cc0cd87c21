"""The parts of a server beside its handlers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from tests.gatherers.live_cluster import ENFORCE, NAMESPACES, Live, named, server
from tests.gatherers.live_faults import Refusal, beside, page, until
from webhook.cluster.api import ClusterClient
from webhook.configuration.file import ConfigurationFile
from webhook.gatherers.bindings import BINDINGS
from webhook.gatherers.live import LiveGatherer
from webhook.gatherers.nodes import NODES
from webhook.review.namespace_cache import NamespaceCache
from webhook.server.build import _follow_what_counts
from webhook.server.parts import Parts, add_configuration, add_live_gatherer

_ASKS = "settings: {runAsNonRoot: {rootImages: userNamespace}}\n"
_DECLARES = "settings: {runAsNonRoot: {rootImages: userNamespace, userNamespaces: true}}\n"


@asynccontextmanager
async def following(client: ClusterClient, path: Path) -> AsyncIterator[tuple[Parts, LiveGatherer, NamespaceCache]]:
    """The parts of a server under the configuration in a file, once it knows the cluster."""
    parts, live = Parts(), LiveGatherer(client)
    file = ConfigurationFile(path)
    add_live_gatherer(parts, live)
    cache = NamespaceCache(live, file.loaded.configuration)
    add_configuration(parts, file, cache, partial(_follow_what_counts, live))
    gather, follow = parts.background
    async with beside(gather()), beside(follow()):
        await until(lambda: live.synced)
        yield parts, live, cache


async def test_the_configuration_decides_whether_nodes_are_followed(tmp_path: Path) -> None:
    """From the start or by a changed file; a server that may not read them is ready all the same."""
    path = tmp_path / "configuration.yaml"
    async with server() as (played, client):
        played.lists[NODES] = [Refusal(403)]
        for first, then in ((_ASKS, _DECLARES), (_DECLARES, _ASKS)):
            path.write_text(first)
            async with following(client, path) as (parts, live, _):
                for text in (first, then):
                    path.write_text(text)
                    asks = text == _ASKS
                    await until(lambda live=live, asks=asks: ("nodes" in {row.kind for row in live.status()}) is asks)  # type: ignore[misc]
                    conditions = {row.name: row.ok for source in parts.conditions for row in source()}
                    assert ("cache nodes" in conditions) is asks
                    assert all(conditions.values())
        assert played.queries(NODES)


_UNBOUND = "settings: {automountServiceAccountToken: {serviceAccounts: unbound}}\n"


async def test_the_configuration_decides_whether_bindings_are_followed(tmp_path: Path) -> None:
    """From the start or by a changed file. Not asked for they are unknown again; asked for again, listed anew."""
    path = tmp_path / "configuration.yaml"
    path.write_text(_UNBOUND)
    async with server() as (played, client):
        for binding in BINDINGS:
            played.lists[binding] = [page()]
        played.lists[NAMESPACES] = [page(named("shop", metadata={"labels": ENFORCE}))]
        async with following(client, path) as (_, gatherer, cache):
            live = Live(gatherer, cache)
            for lists in (1, 2):
                await until(lambda: live.find_at_once("shop").bindings.complete)
                assert [len(played.queries(binding)) for binding in BINDINGS] == [lists, lists]
                path.write_text(_UNBOUND.replace("unbound", "default"))
                await until(lambda: not live.find_at_once("shop").bindings.complete)
                path.write_text(_UNBOUND)
