"""The parts of a server beside its handlers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.gatherers.live_cluster import ENFORCE, NAMESPACES, Live, named, server
from tests.gatherers.live_faults import Played, Refusal, beside, page, until
from tests.review.builders import pod, request, sent
from webhook.cluster.api import ClusterClient
from webhook.configuration.file import ConfigurationFile
from webhook.gatherers.bindings import BINDINGS
from webhook.gatherers.live import LiveGatherer
from webhook.gatherers.nodes import NODES
from webhook.review.namespace_cache import NamespaceCache
from webhook.review.reviewer import Reviewer
from webhook.server.build import _follow_what_counts
from webhook.server.parts import Parts, add_configuration, add_live_gatherer

_ASKS = "settings: {runAsNonRoot: {rootImages: userNamespace}}\n"
_DECLARES = "settings: {runAsNonRoot: {rootImages: userNamespace, userNamespaces: true}}\n"


async def test_the_configuration_decides_whether_nodes_are_followed(tmp_path: Path) -> None:
    """From the start or by a changed file; a server that may not read them is ready all the same."""
    path = tmp_path / "configuration.yaml"
    async with server() as (played, client):
        played.lists[NODES] = [Refusal(403)]
        for first, then in ((_ASKS, _DECLARES), (_DECLARES, _ASKS)):
            path.write_text(first)
            parts, live = Parts(), LiveGatherer(client)
            file = ConfigurationFile(path)
            add_live_gatherer(parts, live)
            cache = NamespaceCache(live, file.loaded.configuration)
            add_configuration(parts, file, cache, partial(_follow_what_counts, live))
            gather, follow = parts.background
            async with beside(gather()), beside(follow()):
                await until(lambda live=live: live.synced)  # type: ignore[misc]
                for text in (first, then):
                    path.write_text(text)
                    asks = text == _ASKS
                    await until(lambda live=live, asks=asks: ("nodes" in {row.kind for row in live.status()}) is asks)  # type: ignore[misc]
                    conditions = {row.name: row.ok for source in parts.conditions for row in source()}
                    assert ("cache nodes" in conditions) is asks
                    assert all(conditions.values())
        assert played.queries(NODES)


_ALL = "settings: {automountServiceAccountToken: {serviceAccounts: all}}\n"


@asynccontextmanager
async def following(played: Played, client: ClusterClient, path: Path) -> AsyncIterator[Live]:
    """A ready server's gatherer and cache of a namespace `shop`, under the configuration in a file."""
    played.lists[NAMESPACES] = [page(named("shop", metadata={"labels": ENFORCE}))]
    parts, gatherer = Parts(), LiveGatherer(client)
    file = ConfigurationFile(path)
    add_live_gatherer(parts, gatherer)
    cache = NamespaceCache(gatherer, file.loaded.configuration)
    add_configuration(parts, file, cache, partial(_follow_what_counts, gatherer))
    gather, follow = parts.background
    async with beside(gather()), beside(follow()):
        await until(lambda: all(row.ok for source in parts.conditions for row in source()))
        yield Live(gatherer, cache)


async def _warnings(live: Live) -> str:
    """The warnings to who creates a pod of the account `app`."""
    response = await Reviewer(live.namespaces).mutate(request(pod(serviceAccountName="app")))
    return " ".join(sent(response).get("warnings", ()))


async def test_a_bound_account_that_loses_its_token(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A warning names its binding. Without the right to read bindings, the log says so once, and nothing waits."""
    path = tmp_path / "configuration.yaml"
    path.write_text(_ALL)
    account = {"kind": "ServiceAccount", "namespace": "shop", "name": "app"}
    async with server() as (played, client):
        for binding in BINDINGS:
            played.lists[binding] = [Refusal(403, "forbidden")]
        async with following(played, client, path) as live:
            await until(lambda: all(len(played.queries(binding)) > 1 for binding in BINDINGS))
            assert "reader" not in await _warnings(live)
            played.lists[BINDINGS[0]] = [page(named("reader", subjects=[account]))]
            played.lists[BINDINGS[1]] = [page()]
            await until(lambda: live.find_at_once("shop").bindings.complete)
            assert "ClusterRoleBinding reader" in await _warnings(live)
    for binding in BINDINGS:
        assert caplog.text.count(f"{binding}: watch failed") == 1


async def test_the_configuration_decides_whether_bindings_are_followed(tmp_path: Path) -> None:
    """From the start or by a changed file. Not asked for they are unknown again; asked for again, listed anew."""
    path = tmp_path / "configuration.yaml"
    path.write_text(_ALL)
    async with server() as (played, client):
        for binding in BINDINGS:
            played.lists[binding] = [page()]
        async with following(played, client, path) as live:
            for lists, scope in ((1, "unbound"), (2, "all")):
                await until(lambda: live.find_at_once("shop").bindings.complete)
                assert [len(played.queries(binding)) for binding in BINDINGS] == [lists, lists]
                path.write_text(_ALL.replace("all", "default"))
                await until(lambda: not live.find_at_once("shop").bindings.complete)
                path.write_text(_ALL.replace("all", scope))
