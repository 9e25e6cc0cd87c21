"""A compiled namespace: its policy, what its objects mean for pods, and which objects are still missing.

A namespace is compiled when it or the configuration changes. Only what was looked up for one pod is compiled for it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from patches.model.images import NO_IMAGES, Images
from patches.policy.configuration import Exemption, Mode
from patches.policy.exceptions import NO_EXCEPTIONS, Exceptions
from patches.policy.limits import NO_LIMITS, Limits
from patches.policy.policy import Policy, retarget
from patches.policy.quotas import QuotaDemand
from patches.policy.snapshot import (
    UNKNOWN,
    UNKNOWN_BINDINGS,
    Bindings,
    Coverage,
    Objects,
    RuntimeClass,
    ServiceAccount,
    UnknownType,
)
from patches.standards.levels import LevelVersion


class Missing(NamedTuple):
    """The names of objects that a cache lacks and a pod depends on; "" for none."""

    service_account: str = ""
    runtime_class: str = ""


@dataclass(frozen=True, slots=True)
class CompiledNamespace:
    """The policy of one namespace, and the objects on which the evaluation of its pods depends.

    Attributes:
        name: name of the namespace.
        policy: shared by all namespaces with the same labels and annotations.
        limits: its LimitRanges, compiled.
        quota_scopes: the scopes of its ResourceQuotas.
        quota_demands: what its ResourceQuotas ask of containers; empty if they or its LimitRanges are unknown.
        has_quota: whether it has, or may have, a ResourceQuota.
        service_accounts: its ServiceAccounts.
        runtime_classes: the RuntimeClasses of the cluster.
        images: what is known of images, in the whole cluster.
        user_namespaces: the runtime handlers that offer user namespaces, whichever node a pod lands on.
        exceptions: its exceptions from the defaults.
        bindings: which of its ServiceAccounts have rights.
        account_scope: the ServiceAccounts that decide about the token: "" for none, `default`, `unbound` or `all`.
        runtime_class: the RuntimeClass that a default may add; "" for none.
        hypothetical: whether a preview asks what another mode or target than its own would do.
    """

    name: str
    policy: Policy
    limits: Limits | UnknownType
    quota_scopes: frozenset[str] | UnknownType
    has_quota: bool
    service_accounts: Objects[ServiceAccount]
    runtime_classes: Objects[RuntimeClass]
    images: Images = NO_IMAGES
    user_namespaces: frozenset[str] | UnknownType = UNKNOWN
    exceptions: Exceptions = NO_EXCEPTIONS
    bindings: Bindings = UNKNOWN_BINDINGS
    account_scope: str = ""
    runtime_class: str = ""
    quota_demands: tuple[QuotaDemand, ...] = ()
    hypothetical: bool = False

    @property
    def known_limits(self) -> Limits:
        """Its LimitRanges; none if they are unknown."""
        return NO_LIMITS if self.limits is UNKNOWN else self.limits

    def exemption(self, user: str, runtime_class: str | None) -> Exemption | None:
        """Find out why a pod of this user and RuntimeClass is exempt; None if it is not."""
        return self.policy.exemptions.find(namespace=self.name, user=user, runtime_class=runtime_class or "")

    def missing(self, account: str) -> Missing | None:
        """Return what to look up before evaluating a pod of this ServiceAccount; None if nothing is missing."""
        lacks_account = (
            self.service_accounts.coverage is Coverage.CACHED
            and (self.account_scope in ("unbound", "all") or (account == "default" and self.account_scope != ""))
            and self.service_accounts.find(account) in (None, UNKNOWN)
        )
        lacks_class = (
            self.runtime_class != ""
            and self.runtime_classes.coverage is Coverage.CACHED
            and self.runtime_class not in self.runtime_classes.by_name
        )
        if not lacks_account and not lacks_class:
            return None
        return Missing(account if lacks_account else "", self.runtime_class if lacks_class else "")

    def enforcing(self) -> CompiledNamespace:
        """Return the namespace in mode enforce, unless its mode is off."""
        if self.policy.mode in (Mode.OFF, Mode.ENFORCE):
            return self
        return replace(self, policy=replace(self.policy, mode=Mode.ENFORCE), hypothetical=True)

    def retargeted(self, target: LevelVersion) -> CompiledNamespace:
        """Return the namespace with another target, for a preview."""
        hypothetical = self.hypothetical or target != self.policy.target
        return replace(self, policy=retarget(self.policy, target), hypothetical=hypothetical)
