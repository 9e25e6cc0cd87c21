"""Follows the ConfigMaps of our namespace that hold what was learnt of images."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeAlias

import msgspec

from webhook.cluster.api import ClusterClient
from webhook.cluster.items import Item
from webhook.cluster.reflector import Reflector
from webhook.errors import ConfigurationError
from webhook.images.catalog import ImageCatalog
from webhook.images.facts import Entries, read_image_facts
from webhook.images.shards import KEY, NAMES

_LOG: Final = logging.getLogger("webhook.images")


class ConfigMapState(NamedTuple):
    """One of the ConfigMaps.

    Attributes:
        entries: what it says; None if it cannot be read.
        text: its content.
        version: its resourceVersion; "" if it does not exist.
    """

    entries: Entries | None
    text: str = ""
    version: str = ""


NO_CONFIG_MAP: Final = ConfigMapState({})

Put: TypeAlias = Callable[[str, ConfigMapState], None]
"""A function that gets the name of a ConfigMap and its state, as often as that changes."""


class _Metadata(msgspec.Struct, rename="camel"):
    resource_version: str = ""


class _ConfigMap(msgspec.Struct):
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)
    data: dict[str, str] | None = None


class ImageConfigMaps:
    """Follows the ConfigMaps, each by itself: a role can name them so.

    Attributes:
        synced: whether each of them has been looked at once.
    """

    def __init__(self, client: ClusterClient, namespace: str, put: Put) -> None:
        """Follow those of a namespace; `put` gets each as often as it changes."""
        path = f"/api/v1/namespaces/{namespace}/configmaps"
        self._reflectors = [
            Reflector(client, path, read_config_map, _Sink(name, put), field_selector=f"metadata.name={name}")
            for name in NAMES
        ]

    @property
    def synced(self) -> bool:
        """Whether each of them has been looked at once."""
        return all(reflector.synced for reflector in self._reflectors)

    async def run(self) -> None:
        """Follow them until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for reflector in self._reflectors:
                tasks.create_task(reflector.run())


def follow_config_maps(client: ClusterClient, namespace: str, catalog: ImageCatalog) -> ImageConfigMaps:
    """Keep a catalog equal to the ConfigMaps. Without them nothing is known; an unreadable one changes nothing."""

    def put(name: str, state: ConfigMapState) -> None:
        if state.entries is not None:
            catalog.put(name, state.entries)

    for name in NAMES:
        catalog.put(name, {})
    return ImageConfigMaps(client, namespace, put)


def read_config_map(raw: bytes | msgspec.Raw) -> ConfigMapState:
    """Read a ConfigMap, as it is or as the API server returns it after a change. Raises MsgspecError."""
    found = msgspec.json.decode(raw, type=_ConfigMap)
    text = (found.data or {}).get(KEY, "")
    try:
        entries = read_image_facts(text.encode(), f"key {KEY}") if text else {}
    except ConfigurationError as error:
        _LOG.error("cannot use the changed facts of images, keeping those before: %s", error)
        return ConfigMapState(None, text, found.metadata.resource_version)
    return ConfigMapState(entries, text, found.metadata.resource_version)


class _Sink:
    """Passes the state of one of the ConfigMaps on."""

    def __init__(self, name: str, put: Put) -> None:
        self._name = name
        self._put = put

    def replace(self, items: Sequence[Item[ConfigMapState]]) -> None:
        """Pass on the only object of the list, if there is one."""
        if items:
            self.put(items[0])
        else:
            self._put(self._name, NO_CONFIG_MAP)

    def put(self, item: Item[ConfigMapState]) -> None:
        """Pass on an object, unless it cannot be read at all: the reflector has logged that."""
        if item.value is not None:
            self._put(self._name, item.value)

    def delete(self, _: Item[ConfigMapState]) -> None:
        """Pass on that there is none any longer."""
        self._put(self._name, NO_CONFIG_MAP)
