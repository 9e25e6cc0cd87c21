"""The parts of a server beside its handlers."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tests.gatherers.live_cluster import server
from tests.gatherers.live_faults import Refusal, beside, until
from webhook.configuration.file import ConfigurationFile
from webhook.gatherers.live import LiveGatherer
from webhook.gatherers.nodes import NODES
from webhook.review.namespace_cache import NamespaceCache
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
