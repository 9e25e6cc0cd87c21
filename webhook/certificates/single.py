"""Follow one object of a cluster by its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import msgspec

from webhook.cluster.api import ClusterClient
from webhook.cluster.items import Item
from webhook.cluster.reflector import Reflector

JsonObject: TypeAlias = dict[str, Any]


class SingleObject:
    """An object that is followed; the sink of its own reflector.

    Attributes:
        value: the object as the API server last sent it; None if it does not exist, or before `is_known`.
        is_known: whether the API server has said if the object exists.
    """

    def __init__(self, cluster: ClusterClient, collection: str, name: str, on_change: Callable[[], None]) -> None:
        """Follow `collection`/`name`. `on_change` is called whenever the API server says something about it."""
        self.value: JsonObject | None = None
        self.is_known = False
        self._on_change = on_change
        self._reflector = Reflector(cluster, collection, _decode, self, field_selector=f"metadata.name={name}")

    async def run(self) -> None:
        """Follow the object until cancelled."""
        await self._reflector.run()

    def replace(self, items: Sequence[Item[JsonObject]]) -> None:
        """Take the object from a list of at most one."""
        self.is_known = True
        self._set(items[0].value if items else None)

    def put(self, item: Item[JsonObject]) -> None:
        """Take the new or changed object."""
        self._set(item.value)

    def delete(self, _item: Item[JsonObject]) -> None:
        """Forget the object, which has been deleted."""
        self._set(None)

    def _set(self, value: JsonObject | None) -> None:
        self.value = value
        self._on_change()


def _decode(raw: msgspec.Raw) -> JsonObject:
    return msgspec.json.decode(raw, type=JsonObject)
