"""Namespace state from ordinary manifests: Namespaces, LimitRanges, ResourceQuotas, ServiceAccounts, RuntimeClasses.

A namespace that nobody described counts as unlabelled, an account that nobody described as saying nothing. A
RuntimeClass that nobody described is unknown: a file cannot say that it does not exist.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, Self

from patches.policy.configuration import DefaulterConfiguration
from patches.policy.limits import LimitItem, compile_limits
from patches.policy.policy import resolve
from patches.policy.snapshot import Facts, RuntimeClass
from patches.standards.levels import NEWEST_MINOR
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


@dataclass(frozen=True, slots=True)
class Described:
    """What a cluster says of one namespace: its objects by name. None: it could not be learnt.

    `problem` says what who asks about the namespace should know.
    """

    metadata: objects.Metadata
    limits: Mapping[str, Sequence[LimitItem]] | None
    scopes: Mapping[str, frozenset[str]] | None
    automount: Mapping[str, bool] | None
    problem: str = ""


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
        self.default_namespace = default_namespace
        self._namespaces: dict[str, objects.Metadata] = {}
        self._limits: dict[str, dict[str, Sequence[LimitItem]]] = defaultdict(dict)
        self._scopes: dict[str, dict[str, frozenset[str]]] = defaultdict(dict)
        self._automount: dict[str, dict[str, bool]] = defaultdict(dict)
        self._runtime_classes: dict[str, RuntimeClass] = {}
        self._runtime_classes_complete = False
        self._described: dict[str, Described] = {}
        self._states: dict[str, NamespaceState] = {}

    def copy(self) -> Self:
        """Another source that knows the same, and is not told what this one learns later."""
        return deepcopy(self)

    def describe(self, described: Described) -> None:
        """Take what a cluster says of a namespace. What manifests say of the same objects counts more."""
        self._states.clear()
        name = described.metadata.name
        self._described[name] = described
        self._namespaces.setdefault(name, described.metadata)
        self._limits[name] = {**(described.limits or {}), **self._limits[name]}
        self._scopes[name] = {**(described.scopes or {}), **self._scopes[name]}
        self._automount[name] = {**(described.automount or {}), **self._automount[name]}

    def describe_runtime_classes(self, classes: Mapping[str, RuntimeClass]) -> None:
        """Take all RuntimeClasses of a cluster: another one does not exist there."""
        self._states.clear()
        self._runtime_classes = {**classes, **self._runtime_classes}
        self._runtime_classes_complete = True

    def add(self, value: Any) -> bool:
        """Take an object into account; False where its kind says nothing. Raises InvalidObject."""
        kind = _kind(value)
        if kind not in KINDS:
            return False
        self._states.clear()
        metadata = objects.identify(value).metadata
        namespace = metadata.namespace or self.default_namespace
        match kind[1]:
            case "Namespace":
                self._namespaces[metadata.name] = metadata
            case "LimitRange":
                self._limits[namespace][metadata.name] = objects.limit_items(value)
            case "ResourceQuota":
                self._scopes[namespace][metadata.name] = objects.quota_scopes(value)
            case "ServiceAccount":
                said = objects.automount(value)
                if said is not None:
                    self._automount[namespace][metadata.name] = said
            case _:
                self._runtime_classes[metadata.name] = objects.runtime_class(value)
        return True

    def is_exempt(self, namespace: str) -> bool:
        """Whether the configuration leaves this namespace alone."""
        return namespace in self._configuration.exemptions.namespaces

    def problem(self, namespace: str) -> str:
        """What who asks about the namespace should know, "" for nothing."""
        described = self._described.get(namespace)
        return "" if described is None else described.problem

    def configure(self, configuration: DefaulterConfiguration) -> None:
        """Answer by this configuration from now on."""
        self._configuration = configuration
        self._states.clear()

    async def state(self, namespace: str, account: str = "") -> NamespaceState:  # noqa: ARG002 (all accounts are known)
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
        described = self._described.get(namespace)
        quotas = self._scopes.get(namespace, {})
        facts = Facts(
            limits=compile_limits(self._limits.get(namespace, {})),
            quota_scopes=frozenset().union(*quotas.values()),
            has_quota=bool(quotas),
            automount=self._automount.get(namespace, {}),
            runtime_classes=self._runtime_classes,
            runtime_classes_complete=self._runtime_classes_complete,
        )
        if described is not None:
            facts = replace(
                facts,
                limits=None if described.limits is None else facts.limits,
                quota_scopes=None if described.scopes is None else facts.quota_scopes,
                has_quota=facts.has_quota or described.scopes is None,
                automount=None if described.automount is None else facts.automount,
            )
        policy = resolve(self._configuration, metadata.labels or {}, metadata.annotations or {}, self._newest)
        return NamespaceState(policy, facts)


def _kind(value: Any) -> tuple[str, str]:
    """The apiVersion and kind of a document, "" where it has none that is text."""
    found = (value.get("apiVersion"), value.get("kind")) if isinstance(value, dict) else ("", "")
    api_version, kind = (part if isinstance(part, str) else "" for part in found)
    return api_version, kind
