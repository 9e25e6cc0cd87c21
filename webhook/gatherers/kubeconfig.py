"""Gathers namespaces from the cluster of a kubeconfig: once, read-only, and with the user's own rights.

What the user may not read is unknown, and the defaults that need it are skipped. `problems` lists it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final, TypeVar

import msgspec

from patches import (
    NEWEST_MINOR,
    UNKNOWN,
    Coverage,
    Objects,
    Snapshot,
    UnknownType,
    user_namespaces_everywhere,
)
from webhook.cluster.api import ClusterClient
from webhook.cluster.items import Item
from webhook.errors import ClusterError, InvalidObject
from webhook.gatherers import objects
from webhook.gatherers.bindings import BINDINGS, BindingStore, compose_bindings
from webhook.gatherers.gatherer import GatheredNamespaces
from webhook.gatherers.lookups import NAMESPACES, RUNTIME_CLASSES
from webhook.gatherers.nodes import NODES
from webhook.gatherers.version import read_minor

_SKIPPED: Final = "what depends on them is unknown, and skipped"

T = TypeVar("T")


class _List(msgspec.Struct):
    """A list of objects of any kind."""

    items: list[dict[str, Any]] | None = None


class KubeconfigGatherer:
    """Asks a cluster about namespaces.

    Attributes:
        problems: a line for each thing that could not be read.
        server_minor: the API server's own minor version; the newest known version before `learn_version`.
    """

    def __init__(self, client: ClusterClient, *, bindings: bool = False, nodes: bool = False) -> None:
        """Ask this cluster.

        Args:
            client: the cluster.
            bindings: whether the rights of ServiceAccounts count, which all namespaces give.
            nodes: whether it counts what the nodes offer.
        """
        self._client = client
        self._bindings = bindings
        self._nodes = nodes
        self.problems: list[str] = []
        self.server_minor = NEWEST_MINOR

    async def learn_version(self) -> None:
        """Ask for the API server's own minor version. A missing right becomes a problem.

        Raises:
            ClusterError: if the cluster does not answer.
            ValueError: if the answer is not a version.
        """
        try:
            self.server_minor = read_minor(await self._client.get("/version"))
        except ClusterError as error:
            self._note_forbidden(
                error, "you may not get /version: `latest` is the newest version that this command knows"
            )

    async def gather_all(self, namespaces: Collection[str]) -> GatheredNamespaces:
        """Return what is known of these namespaces. Raises ClusterError if the cluster does not answer."""
        classes, offered, bindings, snapshots = await asyncio.gather(
            self._list(RUNTIME_CLASSES, "", objects.runtime_class),
            self._user_namespaces(),
            asyncio.gather(*map(self._store_bindings, BINDINGS if self._bindings else ())),
            asyncio.gather(*map(self._snapshot, namespaces)),
        )
        known = (
            replace(
                snapshot,
                runtime_classes=classes,
                bindings=compose_bindings(snapshot.name, bindings),
                user_namespaces=offered,
            )
            for snapshot in snapshots
        )
        return GatheredNamespaces({snapshot.name: snapshot for snapshot in known}, {})

    async def _store_bindings(self, path: str) -> BindingStore:
        """Return a store of the bindings of one kind. It is not synced if the user may not list them."""
        store = BindingStore(path, lambda _: None)
        try:
            items = msgspec.json.decode(await self._client.get(path), type=_List).items or ()
            store.replace([_binding(item) for item in items])
        except ClusterError as error:
            self._note_forbidden(error, f"you may not list {path.rpartition('/')[2]}: {_SKIPPED}")
        return store

    async def _user_namespaces(self) -> frozenset[str] | UnknownType:
        """Return what every node offers; UNKNOWN if it does not count, or the user may not list them."""
        nodes = (await self._list(NODES, "", objects.node)).all() if self._nodes else UNKNOWN
        return UNKNOWN if nodes is UNKNOWN else user_namespaces_everywhere(nodes.values())

    async def _snapshot(self, namespace: str) -> Snapshot:
        """Return what is known of a namespace, without the RuntimeClasses."""
        path, where = f"{NAMESPACES}/{namespace}", f' in namespace "{namespace}"'
        metadata, limit_ranges, quotas, accounts = await asyncio.gather(
            self._metadata(namespace),
            self._list(f"{path}/limitranges", where, objects.limit_items),
            self._list(f"{path}/resourcequotas", where, objects.resource_quota),
            self._list(f"{path}/serviceaccounts", where, objects.service_account),
        )
        labels, annotations = metadata.labels or {}, metadata.annotations or {}
        return Snapshot(namespace, labels, annotations, limit_ranges, quotas, accounts, Objects({}))

    async def _metadata(self, namespace: str) -> objects.Metadata:
        try:
            return objects.identify(msgspec.json.decode(await self._client.get(f"{NAMESPACES}/{namespace}"))).metadata
        except ClusterError as error:
            if error.not_found:
                self.problems.append(f'namespace "{namespace}" does not exist: it counts as unlabelled')
            else:
                self._note_forbidden(error, f'you may not get namespace "{namespace}": it counts as unlabelled')
            return objects.Metadata(namespace)

    async def _list(self, path: str, where: str, read: Callable[[Any], T]) -> Objects[T]:
        """List the objects of a collection. They are PARTIAL if the user may not list them or one is unreadable."""
        what = path.rpartition("/")[2] + where
        try:
            items = msgspec.json.decode(await self._client.get(path), type=_List).items or ()
            return Objects({item["metadata"]["name"]: read(item) for item in items})
        except ClusterError as error:
            self._note_forbidden(error, f"you may not list {what}: {_SKIPPED}")
        except InvalidObject as error:
            self.problems.append(f"{what}: {error}: {_SKIPPED}")
        return Objects({}, Coverage.PARTIAL)

    def _note_forbidden(self, error: ClusterError, problem: str) -> None:
        """Note the problem if a right is missing, else raise the error."""
        if error.status != HTTPStatus.FORBIDDEN:
            raise error
        self.problems.append(problem)


def _binding(item: dict[str, Any]) -> Item[frozenset[objects.Subject]]:
    metadata = item["metadata"]
    try:
        subjects = objects.bound_accounts(item)
    except InvalidObject:
        subjects = None
    return Item(metadata.get("namespace") or "", metadata["name"], subjects)
