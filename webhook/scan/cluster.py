"""Scans a cluster: read-only, each kind once and page by page, with the user's own rights.

A page is read, judged and forgotten. What stays is a line for each workload, and who owns which ReplicaSet and Job.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, field, replace
from functools import partial
from http import HTTPStatus
from typing import Any, Final

import msgspec

from patches import (
    NO_IMAGES,
    Coverage,
    CustomTemplates,
    DefaulterConfiguration,
    Images,
    InvalidObject,
    LevelVersion,
    NamespaceCompiler,
    Objects,
    Origin,
    Snapshot,
    custom_templates,
    empty_snapshot,
    kind_of,
)
from webhook.cluster.api import ClusterClient
from webhook.errors import ClusterError
from webhook.gatherers.kubeconfig import KubeconfigGatherer
from webhook.gatherers.manifests import ManifestGatherer
from webhook.preview.manifests import metadata_of, text_of
from webhook.scan.progress import Progress
from webhook.scan.results import Scan
from webhook.scan.scanner import Key, Scanner, owner_of
from webhook.scan.templates import UnjudgedKinds

PAGE: Final = 500
"""Objects in a page: as kubectl asks for."""

_MOST_EXPIRED: Final = 10
"""So often the pages of one kind may expire."""
_CORE: Final = "/api/v1"
_APPS: Final = "/apis/apps/v1"
_BATCH: Final = "/apis/batch/v1"


@dataclass(frozen=True, slots=True)
class Kind:
    """A collection that is read: where its API group is served, its name there, and the apiVersion and kind in it."""

    root: str
    plural: str
    api_version: str
    kind: str
    namespaced: bool = True

    def path(self, namespace: str) -> str:
        """The path of the collection, in one namespace or in all: ""."""
        within = f"/namespaces/{namespace}" if namespace and self.namespaced else ""
        return f"{self.root}{within}/{self.plural}"


LIMITS: Final = (
    Kind(_CORE, "limitranges", "v1", "LimitRange"),
    Kind(_CORE, "resourcequotas", "v1", "ResourceQuota"),
    Kind(_CORE, "serviceaccounts", "v1", "ServiceAccount"),
)
_RBAC: Final = "rbac.authorization.k8s.io/v1"
BINDINGS: Final = (
    Kind(f"/apis/{_RBAC}", "rolebindings", _RBAC, "RoleBinding"),
    Kind(f"/apis/{_RBAC}", "clusterrolebindings", _RBAC, "ClusterRoleBinding", namespaced=False),
)
NODES: Final = Kind(_CORE, "nodes", "v1", "Node", namespaced=False)
RUNTIME_CLASSES: Final = Kind(
    "/apis/node.k8s.io/v1", "runtimeclasses", "node.k8s.io/v1", "RuntimeClass", namespaced=False
)
WORKLOADS: Final = (
    Kind(_APPS, "daemonsets", "apps/v1", "DaemonSet"),
    Kind(_APPS, "deployments", "apps/v1", "Deployment"),
    Kind(_APPS, "replicasets", "apps/v1", "ReplicaSet"),
    Kind(_APPS, "statefulsets", "apps/v1", "StatefulSet"),
    Kind(_BATCH, "cronjobs", "batch/v1", "CronJob"),
    Kind(_BATCH, "jobs", "batch/v1", "Job"),
    Kind(_CORE, "podtemplates", "v1", "PodTemplate"),
    Kind(_CORE, "replicationcontrollers", "v1", "ReplicationController"),
)
PODS: Final = Kind(_CORE, "pods", "v1", "Pod")
NAMESPACES: Final = Kind(_CORE, "namespaces", "v1", "Namespace", namespaced=False)


@dataclass(frozen=True, slots=True)
class ClusterScan:
    """What to scan.

    Attributes:
        profile: the profile to judge by.
        namespace: the namespace; "" for all.
        selector: labels of the namespaces, as kubectl writes them; "" for any.
        configuration: the configuration that counts.
        images: what is known of images.
        differences: whether to say what would change in each workload.
    """

    profile: LevelVersion
    namespace: str = ""
    selector: str = ""
    configuration: DefaulterConfiguration = field(default_factory=DefaulterConfiguration)
    images: Images = NO_IMAGES
    differences: bool = False


class _Metadata(msgspec.Struct, rename="camel"):
    continue_: str = msgspec.field(name="continue", default="")
    remaining_item_count: int | None = None


class _Page(msgspec.Struct):
    metadata: _Metadata
    items: list[dict[str, Any]] | None = None


class _Resource(msgspec.Struct):
    name: str
    kind: str
    namespaced: bool = True


class _Resources(msgspec.Struct):
    resources: list[_Resource]


class _Version(msgspec.Struct, rename="camel"):
    group_version: str


class _Group(msgspec.Struct, rename="camel"):
    name: str
    preferred_version: _Version


class _Groups(msgspec.Struct):
    groups: list[_Group]


async def scan_cluster(client: ClusterClient, what: ClusterScan, progress: Callable[[Progress | None], None]) -> Scan:
    """Scan a cluster.

    Args:
        client: the cluster.
        what: what to scan.
        progress: told what is being read; None at the end.

    Raises:
        ClusterError: if the cluster does not answer, or pods may not be listed.
    """
    reader = _Reader(client, what, progress)
    try:
        return await reader.scan()
    finally:
        progress(None)


class _Reader:
    def __init__(self, client: ClusterClient, what: ClusterScan, progress: Callable[[Progress | None], None]) -> None:
        self._client = client
        self._what = what
        self._progress = progress
        self._problems: list[str] = []
        self._unjudged = UnjudgedKinds()
        self._templates: CustomTemplates = custom_templates(what.configuration)

    async def scan(self) -> Scan:
        about = KubeconfigGatherer(self._client)
        await about.learn_version()
        self._problems += about.problems
        names, gatherer = await self._gather()
        compiler = NamespaceCompiler(self._what.configuration, about.server_minor)
        scanner = Scanner(compiler, gatherer.snapshot, self._what.profile, differences=self._what.differences)
        for kind in (*WORKLOADS, *await self._custom_kinds()):
            async for item in self._items(kind, names):
                self._read(partial(self._add_template, scanner, item), item)
        async for item in self._items(PODS, names):
            if not _ends(item):
                self._read(partial(scanner.add_pod, item, _namespace(item)), item)
        return Scan(
            str(self._what.profile),
            scanner.namespaces(names),
            dict(sorted(scanner.kinds.items())),
            self._unjudged.rows(),
            [],
            self._problems,
        )

    async def _gather(self) -> tuple[set[str], ManifestGatherer]:
        """Read the namespaces, and what counts in them. What may not be read is unknown there."""
        settings = self._what.configuration.settings
        bindings = BINDINGS if settings.automount_service_account_token.asks_for_bindings else ()
        nodes = (NODES,) if settings.run_as_non_root.asks_nodes else ()
        base: dict[str, Snapshot] = {}
        gatherer = ManifestGatherer(base=base)
        async for item in self._namespaces():
            base[text_of(metadata_of(item).get("name"))] = empty_snapshot("")
            gatherer.add(item)
        unknown: set[str] = set()
        for kind in (*LIMITS, RUNTIME_CLASSES, *bindings, *nodes):
            try:
                async for item in self._pages(kind, self._what.namespace):
                    if not kind.namespaced or _namespace(item) in base or kind in BINDINGS:
                        gatherer.add(item)
            except (ClusterError, InvalidObject) as error:
                if isinstance(error, ClusterError) and error.status != HTTPStatus.FORBIDDEN:
                    raise
                unknown.add(kind.kind)
                self._problems.append(f"{kind.plural}: {error}: what depends on them is unknown, and skipped")
        base.update({name: _with_unknown(empty_snapshot(name), unknown, bindings=bool(bindings)) for name in base})
        gatherer.use_images(self._what.images)
        return set(base), gatherer

    async def _namespaces(self) -> AsyncIterator[dict[str, Any]]:
        if self._what.namespace:
            body = await self._client.get(f"{NAMESPACES.path('')}/{self._what.namespace}")
            yield msgspec.json.decode(body)
            return
        async for item in self._pages(NAMESPACES, "", self._what.selector):
            if not _ends(item):  # nothing new may come into it: no pod, and no report
                yield item

    async def _custom_kinds(self) -> list[Kind]:
        """The custom kinds with pod templates that this cluster serves."""
        wanted: dict[str, set[str]] = {}
        for name, kind in self._templates.paths:
            wanted.setdefault(name, set()).add(kind)
        groups = msgspec.json.decode(await self._client.get("/apis"), type=_Groups).groups
        found = []
        for group in groups:
            if group.name in wanted:
                version = group.preferred_version.group_version
                root = f"/apis/{version}"
                served = msgspec.json.decode(await self._client.get(root), type=_Resources).resources
                found += [
                    Kind(root, row.name, version, row.kind, row.namespaced)
                    for row in served
                    if row.kind in wanted[group.name] and "/" not in row.name and row.namespaced
                ]
        return found

    async def _items(self, kind: Kind, names: set[str]) -> AsyncIterator[dict[str, Any]]:
        """The objects of a kind in these namespaces. A kind that may not be listed becomes a problem, but for pods."""
        try:
            async for item in self._pages(kind, self._what.namespace):
                if _namespace(item) in names:
                    yield item
        except ClusterError as error:
            if error.status not in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND) or kind is PODS:
                raise
            self._problems.append(f"{kind.plural}: {error}: they are not judged")

    async def _pages(self, kind: Kind, namespace: str, selector: str = "") -> AsyncIterator[dict[str, Any]]:
        """The objects of a kind. Pages that expire on the way go on behind the last one, as the collection is then.

        So no object is judged twice. Source: "Retrieving large results sets in chunks" of the Kubernetes API concepts.
        """
        query = {"limit": str(PAGE)} | ({"labelSelector": selector} if selector else {})
        count = remaining = expired = 0
        while True:
            self._progress(Progress(kind.plural, count, count + remaining))
            try:
                body = await self._client.get(kind.path(namespace), query)
            except ClusterError as error:
                expired += 1
                if not error.gone or not error.continuation or expired > _MOST_EXPIRED:
                    raise
                query["continue"] = error.continuation
                continue
            page = msgspec.json.decode(body, type=_Page)
            for number, item in enumerate(page.items or ()):
                if number % 100 == 0:
                    await asyncio.sleep(0)
                yield {"apiVersion": kind.api_version, "kind": kind.kind, **item}
            count += len(page.items or ())
            remaining = page.metadata.remaining_item_count or 0
            if not page.metadata.continue_:
                return
            query["continue"] = page.metadata.continue_

    def _add_template(self, scanner: Scanner, value: dict[str, Any]) -> None:
        namespace = _namespace(value)
        key = Key(namespace, *kind_of(value), text_of(metadata_of(value).get("name")))
        owner = owner_of(value, namespace)
        if owner is not None and self._is_judged(owner):
            scanner.add_owner(key, owner)
            return
        pods = self._templates.locate(value, Origin.MANIFEST)
        if pods:
            scanner.add_templates(key, pods)
        else:
            self._unjudged.add(value, ())

    def _is_judged(self, owner: Key) -> bool:
        """Whether objects of the owner's kind are judged themselves."""
        example = {"apiVersion": f"{owner.group}/v1" if owner.group else "v1", "kind": owner.kind}
        return self._templates.knows(example)

    def _read(self, judge: Callable[[], None], value: dict[str, Any]) -> None:
        try:
            judge()
        except InvalidObject as error:
            name = text_of(metadata_of(value).get("name"))
            self._problems.append(f"{value['kind']} {_namespace(value)}/{name}: {error}: it is not judged")


def _ends(value: dict[str, Any]) -> bool:
    """Whether an object is being deleted."""
    return "deletionTimestamp" in metadata_of(value)


def _with_unknown(snapshot: Snapshot, unknown: Collection[str], *, bindings: bool) -> Snapshot:
    """What a namespace has where everything could be listed but these kinds."""
    complete = bindings and not {"RoleBinding", "ClusterRoleBinding"} & set(unknown)
    kinds = [kind.kind for kind in (*LIMITS, RUNTIME_CLASSES)]
    coverage = {kind: Coverage.PARTIAL if kind in unknown else Coverage.COMPLETE for kind in kinds}
    return replace(
        snapshot,
        limit_ranges=Objects({}, coverage["LimitRange"]),
        resource_quotas=Objects({}, coverage["ResourceQuota"]),
        service_accounts=Objects({}, coverage["ServiceAccount"]),
        runtime_classes=Objects({}, coverage["RuntimeClass"]),
        bindings=replace(snapshot.bindings, complete=complete),
    )


def _namespace(value: dict[str, Any]) -> str:
    return text_of(metadata_of(value).get("namespace"))
