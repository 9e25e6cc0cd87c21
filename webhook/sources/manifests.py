"""Namespace state from ordinary manifests: Namespaces, LimitRanges, ResourceQuotas, ServiceAccounts, RuntimeClasses.

A namespace that nobody described counts as unlabelled, an account that nobody described as saying nothing. A
RuntimeClass that nobody described is unknown: a file cannot say that it does not exist.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from patches.configuration import DefaulterConfiguration
from patches.facts import Facts, RuntimeClass
from patches.levels import NEWEST_MINOR
from patches.limits import LimitItem, compile_limits
from patches.policy import resolve
from webhook.sources import objects
from webhook.sources.state import NamespaceState

KINDS = frozenset(
    {
        ("v1", "Namespace"),
        ("v1", "LimitRange"),
        ("v1", "ResourceQuota"),
        ("v1", "ServiceAccount"),
        ("node.k8s.io/v1", "RuntimeClass"),
    },
)
"""The (apiVersion, kind) pairs that say something about a namespace."""


class ManifestSource:
    """Holds manifests, and answers for any namespace from them."""

    def __init__(
        self,
        configuration: DefaulterConfiguration,
        *,
        newest: int = NEWEST_MINOR,
        default_namespace: str = "default",
    ) -> None:
        """Start without objects. `default_namespace` is that of objects which name none."""
        self._configuration = configuration
        self._newest = newest
        self._default_namespace = default_namespace
        self._namespaces: dict[str, objects.Metadata] = {}
        self._limits: dict[str, dict[str, list[LimitItem]]] = defaultdict(dict)
        self._scopes: dict[str, set[str]] = defaultdict(set)
        self._automount: dict[str, dict[str, bool]] = defaultdict(dict)
        self._runtime_classes: dict[str, RuntimeClass] = {}
        self._states: dict[str, NamespaceState] = {}

    def add(self, value: Any) -> bool:
        """Take an object into account; False where its kind says nothing. Raises InvalidObject."""
        if not isinstance(value, dict) or (value.get("apiVersion"), value.get("kind")) not in KINDS:
            return False
        self._states.clear()
        metadata = objects.identify(value).metadata
        namespace = metadata.namespace or self._default_namespace
        match value["kind"]:
            case "Namespace":
                self._namespaces[metadata.name] = metadata
            case "LimitRange":
                self._limits[namespace][metadata.name] = list(objects.limit_items(value))
            case "ResourceQuota":
                self._scopes[namespace] |= objects.quota_scopes(value)
            case "ServiceAccount":
                said = objects.automount(value)
                if said is not None:
                    self._automount[namespace][metadata.name] = said
            case _:
                self._runtime_classes[metadata.name] = objects.runtime_class(value)
        return True

    async def state(self, namespace: str) -> NamespaceState:
        """The state of `namespace`. Never raises."""
        return self.state_now(namespace)

    def state_now(self, namespace: str) -> NamespaceState:
        """The state of `namespace`, compiled at the first question. Namespaces without any object share one."""
        if not any(namespace in known for known in (self._namespaces, self._limits, self._scopes, self._automount)):
            namespace = ""
        state = self._states.get(namespace)
        if state is None:
            state = self._states[namespace] = self._compile(namespace)
        return state

    def _compile(self, namespace: str) -> NamespaceState:
        metadata = self._namespaces.get(namespace) or objects.Metadata(namespace)
        facts = Facts(
            limits=compile_limits(self._limits.get(namespace, {})),
            quota_scopes=frozenset(self._scopes.get(namespace, ())),
            has_quota=namespace in self._scopes,
            automount=self._automount.get(namespace, {}),
            runtime_classes=self._runtime_classes,
        )
        policy = resolve(self._configuration, metadata.labels or {}, metadata.annotations or {}, self._newest)
        return NamespaceState(policy, facts)
