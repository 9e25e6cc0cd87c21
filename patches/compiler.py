"""Compiles a snapshot to a namespace: does all work that does not depend on the request."""

from __future__ import annotations

from collections.abc import Hashable
from functools import cache, lru_cache
from typing import Final, NamedTuple

from patches.defaults import DEFAULTS
from patches.defaults.default import Default
from patches.model.needs import Need
from patches.policy.configuration import DefaulterConfiguration, Mode
from patches.policy.exceptions import ExceptionCompiler
from patches.policy.limits import NO_LIMITS, LimitItem, Limits, compile_limits
from patches.policy.namespace import CompiledNamespace
from patches.policy.nodes import DEFAULT_HANDLER
from patches.policy.policy import Marks, Policy, relevant_marks, resolve
from patches.policy.quotas import QuotaDemand, compile_quotas
from patches.policy.snapshot import UNKNOWN, Coverage, Snapshot, UnknownType
from patches.standards.levels import NEWEST_MINOR, Level

_DISTINCT_POLICIES: Final = 4096
"""How many policies to keep. Namespaces with the same labels and annotations share one."""
_DISTINCT_LIMITS: Final = 256
"""How many to keep, likewise: platforms give many namespaces the same LimitRanges."""
_NO_SCOPES: Final[frozenset[str]] = frozenset()


class _SharedPolicy(NamedTuple):
    policy: Policy
    needs: frozenset[Need]


class NamespaceCompiler:
    """Compiles namespaces for one configuration and one API server. Namespaces with equal labels share a policy."""

    def __init__(self, configuration: DefaulterConfiguration, server_minor: int = NEWEST_MINOR) -> None:
        """Compile for `configuration`; `server_minor` is the API server's own minor version."""
        self.configuration = configuration
        self.server_minor = server_minor
        self._policy = lru_cache(_DISTINCT_POLICIES)(self._resolve)
        self._exceptions = ExceptionCompiler(configuration.exceptions)
        self._shared_limits: dict[Hashable, Limits] = {}

    def compile(self, snapshot: Snapshot) -> CompiledNamespace:
        """Compile one namespace. Raises InvalidObject if a quantity of a LimitRange is malformed."""
        policy, needs = self._policy(relevant_marks(snapshot.labels), relevant_marks(snapshot.annotations))
        return CompiledNamespace(
            name=snapshot.name,
            policy=policy,
            exceptions=self._exceptions.compile(snapshot.name),
            limits=self._limits(snapshot),
            quota_scopes=_quota_scopes(snapshot),
            has_quota=bool(snapshot.resource_quotas.by_name) or snapshot.resource_quotas.coverage is Coverage.PARTIAL,
            service_accounts=snapshot.service_accounts,
            runtime_classes=snapshot.runtime_classes,
            images=snapshot.images,
            bindings=snapshot.bindings,
            user_namespaces=_user_namespaces(policy, snapshot),
            account_scope=_account_scope(policy, needs),
            runtime_class=_runtime_class(policy, needs),
            quota_demands=_quota_demands(snapshot),
        )

    def _limits(self, snapshot: Snapshot) -> Limits | UnknownType:
        limit_ranges = snapshot.limit_ranges.all()
        if limit_ranges is UNKNOWN:
            return UNKNOWN
        if not limit_ranges:
            return NO_LIMITS
        key = tuple((name, *map(_frozen, items)) for name, items in limit_ranges.items())
        shared = self._shared_limits.get(key)
        if shared is None:
            if len(self._shared_limits) >= _DISTINCT_LIMITS:
                self._shared_limits.clear()
            shared = self._shared_limits[key] = compile_limits(limit_ranges)
        return shared

    def _resolve(self, labels: Marks, annotations: Marks) -> _SharedPolicy:
        policy = resolve(self.configuration, dict(labels), dict(annotations), self.server_minor)
        if policy.mode is Mode.OFF:
            return _SharedPolicy(policy, frozenset())
        acting = active_defaults(policy.target.level, policy.enabled)
        return _SharedPolicy(
            policy, frozenset().union(*(default.needs for default in acting if default.id not in policy.skip))
        )


def compile_namespace(
    snapshot: Snapshot, configuration: DefaulterConfiguration, server_minor: int = NEWEST_MINOR
) -> CompiledNamespace:
    """Compile one namespace by itself. For many, use one NamespaceCompiler.

    Args:
        snapshot: what is known of the namespace.
        configuration: the configuration to compile for.
        server_minor: the API server's own minor version, which `latest` means; the newest known without one.

    Raises:
        InvalidObject: if a quantity of a LimitRange is malformed.
    """
    return NamespaceCompiler(configuration, server_minor).compile(snapshot)


@cache
def active_defaults(level: Level, enabled: frozenset[str]) -> tuple[Default, ...]:
    """Return the enabled defaults that act at a level, in order."""
    return tuple(
        default for default in DEFAULTS if default.id in enabled and level.strictness >= default.level.strictness
    )


def _frozen(item: LimitItem) -> Hashable:
    """A key of its own for each item: 1, 1.0 and "1" are equal or look alike, and are written in another way."""
    return item.type, *(tuple((resource, repr(amount)) for resource, amount in amounts.items()) for amounts in item[1:])


def _quota_scopes(snapshot: Snapshot) -> frozenset[str] | UnknownType:
    quotas = snapshot.resource_quotas.all()
    if not quotas:
        return _NO_SCOPES
    return UNKNOWN if quotas is UNKNOWN else _NO_SCOPES.union(*(quota.scopes for quota in quotas.values()))


def _quota_demands(snapshot: Snapshot) -> tuple[QuotaDemand, ...]:
    """Return what quotas ask for; nothing if a LimitRange that is not known may give it."""
    quotas = snapshot.resource_quotas.all()
    return () if quotas is UNKNOWN or snapshot.limit_ranges.all() is UNKNOWN else compile_quotas(quotas)


def _user_namespaces(policy: Policy, snapshot: Snapshot) -> frozenset[str] | UnknownType:
    declared = policy.settings.run_as_non_root.user_namespaces
    return frozenset({DEFAULT_HANDLER}) if declared else snapshot.user_namespaces


def _account_scope(policy: Policy, needs: frozenset[Need]) -> str:
    return policy.settings.automount_service_account_token.service_accounts if Need.SERVICE_ACCOUNT in needs else ""


def _runtime_class(policy: Policy, needs: frozenset[Need]) -> str:
    addable = Need.RUNTIME_CLASS in needs and policy.runtime_class not in policy.exemptions.runtime_classes
    return policy.runtime_class if addable else ""
