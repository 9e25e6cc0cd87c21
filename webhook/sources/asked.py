"""Namespace state asked of a cluster once, by somebody with rights of their own: `preview -n`, read-only.

What they may not read is unknown, and the defaults that would need it are skipped; which that is, is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec

from patches.standards.levels import NEWEST_MINOR
from webhook.cluster.api import ClusterClient
from webhook.errors import ClusterError, InvalidObject
from webhook.sources import objects
from webhook.sources.manifests import Described, ManifestSource
from webhook.sources.questions import NAMESPACES, RUNTIME_CLASSES
from webhook.sources.version import read_minor

T = TypeVar("T")


class _List(msgspec.Struct):
    """A list of any kind."""

    items: list[dict[str, Any]] | None = None


class Asked:
    """Asks, and notes what could not be learnt in `problems`."""

    def __init__(self, cluster: ClusterClient) -> None:
        """Ask this cluster."""
        self._cluster = cluster
        self.problems: list[str] = []

    async def minor(self) -> int:
        """The API server's own minor version, or the newest known. Raises ClusterError and ValueError."""
        try:
            return read_minor(await self._cluster.get("/version"))
        except ClusterError as error:
            self._forgive(error, "you may not get /version: `latest` is the newest version that this command knows")
            return NEWEST_MINOR

    async def describe(self, source: ManifestSource, namespaces: Collection[str]) -> None:
        """Tell the source of these namespaces. Raises ClusterError where the cluster does not answer at all."""
        described, classes = await asyncio.gather(
            asyncio.gather(*map(self._described, namespaces)),
            self._rows(RUNTIME_CLASSES, "", objects.runtime_class),
        )
        for one in described:
            source.describe(one)
        if classes is not None:
            source.describe_runtime_classes(classes)

    async def _described(self, namespace: str) -> Described:
        path, where = f"{NAMESPACES}/{namespace}", f' in namespace "{namespace}"'
        metadata, limits, scopes, accounts = await asyncio.gather(
            self._metadata(namespace),
            self._rows(f"{path}/limitranges", where, objects.limit_items),
            self._rows(f"{path}/resourcequotas", where, objects.quota_scopes),
            self._rows(f"{path}/serviceaccounts", where, objects.automount),
        )
        said = None if accounts is None else {name: row for name, row in accounts.items() if row is not None}
        return Described(metadata, limits, scopes, said)

    async def _metadata(self, namespace: str) -> objects.Metadata:
        try:
            return objects.identify(msgspec.json.decode(await self._cluster.get(f"{NAMESPACES}/{namespace}"))).metadata
        except ClusterError as error:
            if error.not_found:
                self.problems.append(f'namespace "{namespace}" does not exist: it counts as unlabelled')
            else:
                self._forgive(error, f'you may not get namespace "{namespace}": it counts as unlabelled')
            return objects.Metadata(namespace)

    async def _rows(self, path: str, where: str, read: Callable[[Any], T]) -> dict[str, T] | None:
        """The objects of a collection by name; None where they may not be read."""
        what = path.rpartition("/")[2] + where
        try:
            items = msgspec.json.decode(await self._cluster.get(path), type=_List).items or ()
            return {item["metadata"]["name"]: read(item) for item in items}
        except ClusterError as error:
            self._forgive(error, f"you may not list {what}: what depends on them is unknown, and skipped")
        except InvalidObject as error:
            self.problems.append(f"{what}: {error}: what depends on them is unknown, and skipped")
        return None

    def _forgive(self, error: ClusterError, problem: str) -> None:
        """Note the problem, where a right is missing. Raises the error where something else is."""
        if error.status != HTTPStatus.FORBIDDEN:
            raise error
        self.problems.append(problem)
