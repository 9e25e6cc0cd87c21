"""Gathers namespaces from a live cluster, with caches that follow the API server.

Objects that the caches lack are looked up, in less than a second per review. The caches stay as they are while the API
server is away. Before the first list of a kind, its objects are unknown, and namespaces are looked up one by one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

import msgspec

from patches import (
    NEWEST_MINOR,
    NO_IMAGES,
    UNKNOWN,
    Coverage,
    Images,
    LimitItem,
    Missing,
    Objects,
    ResourceQuota,
    RuntimeClass,
    ServiceAccount,
    Snapshot,
)
from webhook.cluster.api import ClusterClient
from webhook.cluster.reflector import Reflector
from webhook.errors import NamespaceUnknown
from webhook.gatherers import objects
from webhook.gatherers.bindings import BINDINGS, BindingStore, compose_bindings
from webhook.gatherers.gatherer import LOOKUP_SECONDS, GatheredNamespaces
from webhook.gatherers.lookups import NAMESPACES, RUNTIME_CLASSES, Lookups
from webhook.gatherers.nodes import NODES, NodeFollower
from webhook.gatherers.on_demand import OnDemand
from webhook.gatherers.rights import may_follow_bindings
from webhook.gatherers.store import ClusterScopedStore, NamespacedStore
from webhook.gatherers.version import follow_version

_LOG: Final = logging.getLogger("webhook.gatherers")
_NO_MARKS: Final = objects.Marks({}, {})
_NO_OBJECTS: Final[dict[Coverage, Objects[Any]]] = {coverage: Objects({}, coverage) for coverage in Coverage}
"""Of a kind of which a namespace has none: most have no quota, and share these."""

T = TypeVar("T")

_Store: TypeAlias = ClusterScopedStore[T] | NamespacedStore[T]


class _CachedKind(NamedTuple):
    """A kind whose objects are cached. `name` is its plural."""

    name: str
    reflector: Reflector[Any]
    store: _Store[Any]


class CacheStatus(NamedTuple):
    """The state of the cache of one kind.

    Attributes:
        kind: plural of the kind.
        synced: whether the kind has been listed once.
        age_seconds: time since the API server last sent something about the kind; None if it never has.
        objects: number of objects in the cache.
    """

    kind: str
    synced: bool
    age_seconds: float | None
    objects: int

    @property
    def optional(self) -> bool:
        """Whether a server is ready without it: not every installation has the right to read the kind."""
        return self.kind == _plural(NODES)


class LiveGatherer:
    """Follows a cluster while `run` runs, and gathers its namespaces.

    Attributes:
        known_minor: the API server's own minor version; None until the API server has reported it.
    """

    def __init__(self, client: ClusterClient) -> None:
        """Start with empty caches."""
        self.known_minor: int | None = None
        self._images = NO_IMAGES
        self._client = client
        self._lookups = Lookups(client)
        self._relisted = asyncio.Event()
        self._snapshots: dict[str, Snapshot] = {}
        self._namespaces: ClusterScopedStore[objects.Marks] = ClusterScopedStore(self._forget)
        self._limit_ranges: NamespacedStore[Sequence[LimitItem]] = NamespacedStore(self._forget)
        self._quotas: NamespacedStore[ResourceQuota] = NamespacedStore(self._forget)
        self._accounts: NamespacedStore[ServiceAccount] = NamespacedStore(self._forget)
        self._runtime_classes: ClusterScopedStore[RuntimeClass] = ClusterScopedStore(self._forget_after_first_list)
        self._classes = {coverage: Objects(self._runtime_classes.rows, coverage) for coverage in Coverage}
        self._bindings = tuple(BindingStore(path, self._forget) for path in BINDINGS)
        reflectors = [
            Reflector(client, path, objects.bound_accounts, store)
            for path, store in zip(BINDINGS, self._bindings, strict=True)
        ]
        self._binding_follower = OnDemand(reflectors, self._forget_bindings, partial(may_follow_bindings, client))
        self._nodes = NodeFollower(client, self._snapshots.clear)
        self._kinds = (
            self._follow(NAMESPACES, objects.marks, self._namespaces),
            self._follow("/api/v1/limitranges", objects.limit_items, self._limit_ranges),
            self._follow("/api/v1/resourcequotas", objects.resource_quota, self._quotas),
            self._follow("/api/v1/serviceaccounts", objects.service_account, self._accounts),
            self._follow(RUNTIME_CLASSES, objects.runtime_class, self._runtime_classes),
        )

    def _follow(self, path: str, read: Callable[[msgspec.Raw], T], store: _Store[T]) -> _CachedKind:
        reflector = Reflector(self._client, path, read, store, on_list=self._relisted.set)
        return _CachedKind(_plural(path), reflector, store)

    async def run(self) -> None:
        """Follow the cluster until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for kind in self._kinds:
                tasks.create_task(kind.reflector.run())
            tasks.create_task(self._nodes.run())
            tasks.create_task(follow_version(self._client, self._set_minor, self._relisted))
            tasks.create_task(self._binding_follower.run())

    @property
    def server_minor(self) -> int:
        """The API server's own minor version; the newest known version until the API server has reported it."""
        return NEWEST_MINOR if self.known_minor is None else self.known_minor

    @property
    def synced(self) -> bool:
        """Whether every kind has been listed, and the API server's version is known."""
        return self.known_minor is not None and all(kind.store.synced for kind in self._kinds)

    def status(self) -> tuple[CacheStatus, ...]:
        """The state of each cache; of Nodes only if they are followed."""
        kinds = tuple(
            CacheStatus(kind.name, kind.store.synced, _age(kind.reflector.last_contact), len(kind.store))
            for kind in self._kinds
        )
        nodes = self._nodes
        if not nodes.needed:
            return kinds
        known = nodes.user_namespaces is not UNKNOWN
        return (*kinds, CacheStatus(_plural(NODES), known, _age(nodes.last_contact), len(nodes)))

    def follow_nodes(self, *, needed: bool) -> None:
        """Follow what the nodes offer from now on, or no longer. Without the right to, it stays unknown."""
        self._nodes.follow(needed=needed)

    def follow_bindings(self, *, needed: bool) -> None:
        """Follow who has rights from now on, or no longer. Without the right to, it stays unknown."""
        self._binding_follower.follow(needed=needed)

    def use_images(self, images: Images) -> None:
        """Replace what is known of images."""
        self._images = images
        self._snapshots.clear()

    def snapshot(self, namespace: str) -> Snapshot | None:
        """Return what is known of a namespace, as `Gatherer.snapshot`."""
        snapshot = self._snapshots.get(namespace)
        if snapshot is None:
            marks = self._namespaces.rows.get(namespace)
            if marks is None or marks is UNKNOWN:  # look it up each time: without a watch, nobody knows when it changes
                return None
            snapshot = self._snapshots[namespace] = self._compose(namespace, marks)
        return snapshot

    async def gather(self, namespace: str, deadline: float) -> Snapshot:
        """Return what is known of a namespace, as `Gatherer.gather`. Raises NamespaceUnknown."""
        snapshot = self.snapshot(namespace)
        if snapshot is None:
            snapshot = self._compose(namespace, await self._lookups.marks(namespace, deadline))
        return snapshot

    async def look_up(self, snapshot: Snapshot, missing: Missing, deadline: float) -> Snapshot:
        """Look up objects that a snapshot lacks, as `Gatherer.look_up`. Never raises."""
        if missing.service_account:
            name = missing.service_account
            account = await self._lookups.service_account(snapshot.name, name, deadline)
            found = {} if account is None else {name: account}
            snapshot = replace(snapshot, service_accounts=Objects(found))  # the pod needs no other account
        if missing.runtime_class:
            name = missing.runtime_class
            runtime_class = await self._lookups.runtime_class(name, deadline)
            if runtime_class is not None:
                classes = snapshot.runtime_classes.updated({name: runtime_class})
                snapshot = replace(snapshot, runtime_classes=classes)
        return snapshot

    async def gather_all(self, namespaces: Collection[str]) -> GatheredNamespaces:
        """Return what is known of these namespaces. One that does not exist counts as unlabelled, with a problem.

        Raises:
            NamespaceUnknown: if a namespace cannot be looked up.
        """
        snapshots, problems = {}, {}
        deadline = asyncio.get_running_loop().time() + LOOKUP_SECONDS
        for name in namespaces:
            marks = self._namespaces.rows.get(name)
            if marks is None or marks is UNKNOWN:
                try:
                    marks = await self._lookups.marks(name, deadline)
                except NamespaceUnknown as error:
                    if not error.absent:
                        raise
                    marks, problems[name] = _NO_MARKS, f"{error}: it counts as unlabelled"
            snapshots[name] = _detach(self._compose(name, marks))
        return GatheredNamespaces(snapshots, problems)

    def _compose(self, namespace: str, marks: objects.Marks) -> Snapshot:
        return Snapshot(
            namespace,
            marks.labels,
            marks.annotations,
            _objects(self._limit_ranges, namespace),
            _objects(self._quotas, namespace),
            _objects(self._accounts, namespace),
            self._classes[_coverage(self._runtime_classes)],
            self._images,
            compose_bindings(namespace, self._bindings),
            self._nodes.user_namespaces,
        )

    def _forget(self, namespaces: Iterable[str] | None) -> None:
        """Forget the snapshots of these namespaces, which have changed; None forgets all."""
        if namespaces is None:
            self._snapshots.clear()
        else:
            for namespace in namespaces:
                self._snapshots.pop(namespace, None)

    def _forget_after_first_list(self, names: Iterable[str] | None) -> None:
        """Forget all snapshots after the first list of RuntimeClasses. Later changes show in their shared rows."""
        if names is None:
            self._snapshots.clear()

    def _forget_bindings(self) -> None:
        for store in self._bindings:
            store.forget()

    def _set_minor(self, minor: int) -> None:
        if minor != self.known_minor:
            _LOG.info("the API server is v1.%d", minor)
            self.known_minor = minor


def _plural(path: str) -> str:
    """The plural of the kind whose objects are at a path."""
    return path.rpartition("/")[2]


def _age(moment: float | None) -> float | None:
    """The time since a moment of the monotonic clock, if there was one."""
    return None if moment is None else time.monotonic() - moment


def _detach(snapshot: Snapshot) -> Snapshot:
    """Copy the caches' dictionaries in a snapshot: they may change while the thread of a preview reads them."""
    return replace(
        snapshot,
        limit_ranges=_copy(snapshot.limit_ranges),
        resource_quotas=_copy(snapshot.resource_quotas),
        service_accounts=_copy(snapshot.service_accounts),
        runtime_classes=_copy(snapshot.runtime_classes),
    )


def _copy(found: Objects[T]) -> Objects[T]:
    return replace(found, by_name=dict(found.by_name))


def _objects(store: NamespacedStore[T], namespace: str) -> Objects[T]:
    rows = store.rows.get(namespace)
    return _NO_OBJECTS[_coverage(store)] if rows is None else Objects(rows, _coverage(store))


def _coverage(store: _Store[Any]) -> Coverage:
    return Coverage.CACHED if store.synced else Coverage.PARTIAL
