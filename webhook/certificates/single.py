"""One object of a cluster, followed by its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import msgspec

from webhook.cluster.api import Cluster
from webhook.cluster.reflector import Item, Reflector

JsonObject: TypeAlias = dict[str, Any]


class SingleObject:
    """`value` is the object as last heard of; None where it does not exist, or nothing has been heard yet."""

    def __init__(self, cluster: Cluster, collection: str, name: str, changed: Callable[[], None]) -> None:
        """Follow `collection`/`name`; `changed` is called whenever something is heard."""
        self.value: JsonObject | None = None
        self._changed = changed
        self._reflector = Reflector(cluster, collection, _decode, self, field_selector=f"metadata.name={name}")
        self._replaced = False

    @property
    def heard(self) -> bool:
        """Whether it is known if the object exists."""
        return self._replaced

    async def run(self) -> None:
        """Follow it until cancelled."""
        await self._reflector.run()

    def replace(self, items: Sequence[Item[JsonObject]]) -> None:
        """Take a list of one, or none."""
        self._replaced = True
        self._set(items[0].value if items else None)

    def put(self, item: Item[JsonObject]) -> None:
        """Take what it is now."""
        self._set(item.value)

    def delete(self, _item: Item[JsonObject]) -> None:
        """Take that it no longer exists."""
        self._set(None)

    def _set(self, value: JsonObject | None) -> None:
        self.value = value
        self._changed()


def _decode(raw: msgspec.Raw) -> JsonObject:
    return msgspec.json.decode(raw, type=JsonObject)
