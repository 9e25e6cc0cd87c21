"""What a gatherer of a live cluster hands to previews, which read it in threads."""

from __future__ import annotations

from patches.policy.limits import LimitItem
from patches.policy.snapshot import ResourceQuota, RuntimeClass, ServiceAccount
from tests.gatherers.live_faults import playing
from webhook.cluster.items import Item
from webhook.gatherers.live import LiveGatherer
from webhook.gatherers.objects import Marks


async def test_snapshots_for_previews_do_not_change() -> None:
    """The caches go on changing while a thread reads: a dictionary of theirs would break off under it."""
    async with playing() as (_, client):
        gatherer = LiveGatherer(client)
        gatherer._namespaces.put(Item("", "shop", Marks({}, {})))
        _fill(gatherer, "first")
        snapshot = (await gatherer.gather_all(["shop"])).snapshots["shop"]
        _fill(gatherer, "second")
    kinds = (snapshot.limit_ranges, snapshot.resource_quotas, snapshot.service_accounts, snapshot.runtime_classes)
    assert [list(kind.by_name) for kind in kinds] == [["first"]] * 4


def _fill(gatherer: LiveGatherer, name: str) -> None:
    gatherer._limit_ranges.put(Item("shop", name, [LimitItem("Container")]))
    gatherer._quotas.put(Item("shop", name, ResourceQuota()))
    gatherer._accounts.put(Item("shop", name, ServiceAccount()))
    gatherer._runtime_classes.put(Item("", name, RuntimeClass({}, has_overhead=False)))
