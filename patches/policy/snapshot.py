"""What is known of the cluster around a pod. None means unknown: the default that needs it is skipped and says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from patches.policy.limits import NO_LIMITS, Limits


class RuntimeClass(NamedTuple):
    """What a `node.k8s.io/v1` RuntimeClass adds to its pods."""

    node_selector: Mapping[str, str]
    has_overhead: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """The objects of a namespace that decide what may be added to its pods.

    `limits`: its LimitRanges. `quota_scopes`: the scopes named by its ResourceQuotas. `has_quota`: whether it has any.
    `automount`: the ServiceAccounts that say something about automounting, and what. `runtime_classes`: those known by
    name; a name that is not there does not exist where `runtime_classes_complete`, and is unknown otherwise.
    """

    limits: Limits | None = NO_LIMITS
    quota_scopes: frozenset[str] | None = frozenset()
    has_quota: bool = False
    automount: Mapping[str, bool] | None = field(default_factory=dict)
    runtime_classes: Mapping[str, RuntimeClass] = field(default_factory=dict)
    runtime_classes_complete: bool = False
