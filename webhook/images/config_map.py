"""Follows the ConfigMap of our namespace that holds what was learnt of images."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import Final

import msgspec

from webhook.cluster.api import ClusterClient
from webhook.cluster.reflector import Item, Reflector
from webhook.errors import ConfigurationError
from webhook.images.catalog import ImageCatalog
from webhook.images.facts import read_image_facts

NAME: Final = "pod-security-defaulter-images"
KEY: Final = "images.yaml"
_ORIGIN: Final = "cluster"
_LOG: Final = logging.getLogger("webhook.images")


class _ConfigMap(msgspec.Struct):
    data: dict[str, str] | None = None


def follow_config_map(client: ClusterClient, namespace: str, catalog: ImageCatalog) -> Reflector[str]:
    """Return a reflector that keeps a catalog equal to the ConfigMap. Without the ConfigMap nothing is known."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    return Reflector(client, path, _text, _Sink(catalog), field_selector=f"metadata.name={NAME}")


def _text(raw: msgspec.Raw) -> str:
    return (msgspec.json.decode(raw, type=_ConfigMap).data or {}).get(KEY, "")


class _Sink:
    """Puts the content of the ConfigMap into the catalog. Content that cannot be read changes nothing."""

    def __init__(self, catalog: ImageCatalog) -> None:
        self._put = partial(catalog.put, _ORIGIN)
        self._put({})

    def replace(self, items: Sequence[Item[str]]) -> None:
        """Use the only object of the list, if there is one."""
        if items:
            self.put(items[0])
        else:
            self._put({})

    def put(self, item: Item[str]) -> None:
        """Use the content of the ConfigMap."""
        if item.value is None:  # the reflector has logged it
            return
        if not item.value:
            self._put({})
            return
        try:
            self._put(read_image_facts(item.value.encode(), f"ConfigMap {NAME}"))
        except ConfigurationError as error:
            _LOG.error("cannot use the changed facts of images, keeping those before: %s", error)

    def delete(self, _: Item[str]) -> None:
        """Forget everything that was learnt."""
        self._put({})
