"""Gathers namespaces from manifests: Namespaces, what limits their pods, their ServiceAccounts, and who has rights.

A namespace without a manifest counts as unlabelled, a ServiceAccount without one as leaving `automount` unset. A
RuntimeClass or binding without one is unknown, because a file cannot say that it does not exist. So is what the nodes
offer, if there is no manifest of a Node.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from patches import (
    NEWEST_MINOR,
    NO_IMAGES,
    Images,
    LimitItem,
    Missing,
    Node,
    ResourceQuota,
    RuntimeClass,
    ServiceAccount,
    Snapshot,
    empty_snapshot,
    user_namespaces_everywhere,
)
from webhook.cluster.items import Item
from webhook.gatherers import objects
from webhook.gatherers.bindings import BINDINGS, CLUSTER_ROLE_BINDINGS, ROLE_BINDINGS, BindingStore, compose_bindings
from webhook.gatherers.gatherer import GatheredNamespaces

KINDS: Final = frozenset(
    {
        ("v1", "Namespace"),
        ("v1", "LimitRange"),
        ("v1", "ResourceQuota"),
        ("v1", "ServiceAccount"),
        ("v1", "Node"),
        ("node.k8s.io/v1", "RuntimeClass"),
        ("rbac.authorization.k8s.io/v1", "RoleBinding"),
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
    },
)
"""The (apiVersion, kind) pairs that say something about a namespace."""

_MOST_SNAPSHOTS: Final = 4096
"""How many snapshots to keep: the senders of reviews choose the names of namespaces."""


class ManifestGatherer:
    """Keeps manifests and gathers any namespace from them.

    Attributes:
        server_minor: the API server's own minor version.
    """

    def __init__(
        self,
        *,
        server_minor: int = NEWEST_MINOR,
        default_namespace: str = "default",
        base: Mapping[str, Snapshot] | None = None,
    ) -> None:
        """Start without objects.

        Args:
            server_minor: the API server's own minor version.
            default_namespace: namespace of objects without one.
            base: what else is known of namespaces, by name; a manifest of the same object replaces it.
        """
        self.server_minor = server_minor
        self._default_namespace = default_namespace
        self._base = base or {}
        self._namespaces: dict[str, objects.Metadata] = {}
        self._limit_ranges: dict[str, dict[str, Sequence[LimitItem]]] = defaultdict(dict)
        self._quotas: dict[str, dict[str, ResourceQuota]] = defaultdict(dict)
        self._accounts: dict[str, dict[str, ServiceAccount]] = defaultdict(dict)
        self._runtime_classes: dict[str, RuntimeClass] = {}
        self._bindings = {path: BindingStore(path, lambda _: None) for path in BINDINGS}
        self._nodes: dict[str, Node] = {}
        self._images = NO_IMAGES
        self._snapshots: dict[str, Snapshot] = {}

    def add(self, value: Any) -> bool:
        """Add an object.

        Returns:
            False if objects of its kind say nothing about a namespace.

        Raises:
            InvalidObject: if it cannot be read.
        """
        kind = _kind(value)
        if kind not in KINDS:
            return False
        self._snapshots.clear()
        metadata = objects.identify(value).metadata
        namespace = metadata.namespace or self._default_namespace
        match kind[1]:
            case "Namespace":
                self._namespaces[metadata.name] = metadata
            case "LimitRange":
                self._limit_ranges[namespace][metadata.name] = objects.limit_items(value)
            case "ResourceQuota":
                self._quotas[namespace][metadata.name] = objects.resource_quota(value)
            case "ServiceAccount":
                self._accounts[namespace][metadata.name] = objects.service_account(value)
            case "RoleBinding":
                subjects = objects.bound_accounts({**value, "metadata": {"namespace": namespace}})
                self._bindings[ROLE_BINDINGS].put(Item(namespace, metadata.name, subjects))
            case "ClusterRoleBinding":
                self._bindings[CLUSTER_ROLE_BINDINGS].put(Item("", metadata.name, objects.bound_accounts(value)))
            case "Node":
                self._nodes[metadata.name] = objects.node(value)
            case _:
                self._runtime_classes[metadata.name] = objects.runtime_class(value)
        return True

    def use_images(self, images: Images) -> None:
        """Replace what is known of images."""
        self._images = images
        self._snapshots.clear()

    def snapshot(self, namespace: str) -> Snapshot:
        """Return what is known of a namespace: the same object until `add` is called or too many are kept."""
        snapshot = self._snapshots.get(namespace)
        if snapshot is None:
            if len(self._snapshots) >= _MOST_SNAPSHOTS:
                self._snapshots.clear()
            snapshot = self._snapshots[namespace] = self._compose(namespace)
        return snapshot

    async def gather(self, namespace: str, deadline: float) -> Snapshot:  # noqa: ARG002 (nothing to wait for)
        """Return what is known of a namespace, as `snapshot`."""
        return self.snapshot(namespace)

    async def look_up(self, snapshot: Snapshot, missing: Missing, deadline: float) -> Snapshot:  # noqa: ARG002 (nothing to ask)
        """Return the same snapshot: manifests are all there is."""
        return snapshot

    async def gather_all(self, namespaces: Collection[str]) -> GatheredNamespaces:
        """Return what is known of these namespaces. Never raises."""
        return GatheredNamespaces({name: self.snapshot(name) for name in namespaces}, {})

    def _compose(self, namespace: str) -> Snapshot:
        base = self._base.get(namespace) or empty_snapshot(namespace)
        if self._images:
            base = replace(base, images=self._images)
        if self._nodes:
            base = replace(base, user_namespaces=user_namespaces_everywhere(self._nodes.values()))
        snapshot = replace(
            base,
            limit_ranges=base.limit_ranges.updated(self._limit_ranges.get(namespace, {})),
            resource_quotas=base.resource_quotas.updated(self._quotas.get(namespace, {})),
            service_accounts=base.service_accounts.updated(self._accounts.get(namespace, {})),
            runtime_classes=base.runtime_classes.updated(self._runtime_classes),
            bindings=base.bindings.updated(compose_bindings(namespace, self._bindings.values())),
        )
        metadata = self._namespaces.get(namespace)
        if metadata is None:
            return snapshot
        return replace(snapshot, labels=metadata.labels or {}, annotations=metadata.annotations or {})


def _kind(value: Any) -> tuple[str, str]:
    """The apiVersion and kind of a document; "" for each that is not text."""
    found = (value.get("apiVersion"), value.get("kind")) if isinstance(value, dict) else ("", "")
    api_version, kind = (part if isinstance(part, str) else "" for part in found)
    return api_version, kind
