"""Compiles ResourceQuotas: which requests and limits they ask every container to state.

A quota on cpu or memory refuses a new pod if one of its regular or init containers does not state the request or limit
that the quota counts; zero is a statement. Ephemeral storage that is not stated counts as zero, and nothing is refused.
A pod with resources of its own (`spec.resources`) is not asked. A quota with scopes concerns the pods that match all of
them; of one with a scope that is not compared here, nothing is said.
Source: `Constraints` and `podMatchesScopeFunc` of the pod evaluator, `k8s.io/kubernetes/pkg/quota/v1/evaluator/core`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from patches.model.pod import Pod
from patches.policy.limits import EffectiveResources, Limits, effective_resources
from patches.policy.snapshot import ResourceQuota

_Field: TypeAlias = tuple[Literal["requests", "limits"], str]

_REFUSING: Final[Mapping[str, _Field]] = {
    "cpu": ("requests", "cpu"),
    "limits.cpu": ("limits", "cpu"),
    "limits.memory": ("limits", "memory"),
    "memory": ("requests", "memory"),
    "requests.cpu": ("requests", "cpu"),
    "requests.memory": ("requests", "memory"),
}
"""The resources of a quota that refuses a container which does not state them, and the field that states each."""

_COUNTING: Final[Mapping[str, _Field]] = {
    "ephemeral-storage": ("requests", "ephemeral-storage"),
    "limits.ephemeral-storage": ("limits", "ephemeral-storage"),
    "requests.ephemeral-storage": ("requests", "ephemeral-storage"),
}
"""The resources that count as zero where they are not stated."""

_FIELDS: Final = {**_REFUSING, **_COUNTING}

_Needs: TypeAlias = Mapping[str, EffectiveResources]


def _is_terminating(pod: Pod, _: _Needs) -> bool:
    seconds = pod.spec.get("activeDeadlineSeconds")
    return seconds is not None and seconds >= 0


def _is_best_effort(_: Pod, needs: _Needs) -> bool:
    return not any(
        amount.nanos > 0
        for resources in needs.values()
        for amounts in resources
        for name, amount in amounts.items()
        if name in ("cpu", "memory")
    )


_SCOPES: Final[Mapping[str, Callable[[Pod, _Needs], bool]]] = {
    "NotBestEffort": lambda pod, needs: not _is_best_effort(pod, needs),
    "NotTerminating": lambda pod, needs: not _is_terminating(pod, needs),
    "Terminating": _is_terminating,
}
"""The scopes that are compared. BestEffort counts no cpu or memory, and a file may leave the priority class open."""


class QuotaDemand(NamedTuple):
    """What one quota asks of the containers of the pods that it concerns.

    Attributes:
        quota: its name.
        scopes: the pods that it concerns match all of them.
        resources: the resources that each container is to state, sorted, as the quota calls them.
        refuses: whether a pod is refused that does not.
    """

    quota: str
    scopes: frozenset[str]
    resources: tuple[str, ...]
    refuses: bool


class UnstatedResources(NamedTuple):
    """What quotas ask for and containers do not state.

    Attributes:
        refuses: whether the pod is refused for it.
        quotas: the names of the quotas.
        containers: the names of the containers, sorted, by the resource that they do not state.
    """

    refuses: bool
    quotas: Sequence[str]
    containers: Mapping[str, Sequence[str]]


def compile_quotas(quotas: Mapping[str, ResourceQuota]) -> tuple[QuotaDemand, ...]:
    """Compile the quotas of a namespace, given by name."""
    return tuple(
        QuotaDemand(name, quota.scopes, resources, refuses)
        for name, quota in sorted(quotas.items())
        for fields, refuses in ((_REFUSING, True), (_COUNTING, False))
        if (resources := tuple(sorted(quota.resources.intersection(fields)))) and quota.scopes <= _SCOPES.keys()
    )


def find_unstated(
    pod: Pod, limits: Limits, demands: Sequence[QuotaDemand], placeholders: Collection[str] = ()
) -> Iterator[UnstatedResources]:
    """Find out what quotas ask of a pod's containers and nobody states.

    Args:
        pod: the pod as it will arrive, with our patch.
        limits: the LimitRanges of its namespace, whose defaults are statements.
        demands: what the quotas ask for.
        placeholders: the images of containers that another webhook fills in, of whom nothing is missed yet.

    Yields:
        What the pod is refused for, then what counts as zero; each only if something is missing.

    Raises:
        InvalidObject: if a quantity is malformed.
    """
    own = pod.spec.get("resources") or {}
    if own.get("requests") or own.get("limits"):
        return
    needs = {
        container.name: effective_resources(container, limits)
        for container in pod.containers
        if container.list_name != "ephemeralContainers"
    }
    filled_in = {row.name for row in pod.containers if row.value.get("image") not in placeholders}
    concerned = [demand for demand in demands if all(_SCOPES[scope](pod, needs) for scope in demand.scopes)]
    for refuses in (True, False):
        quotas: list[str] = []
        containers: dict[str, list[str]] = {}
        for demand in (demand for demand in concerned if demand.refuses is refuses):
            missing = {resource: _without(resource, needs, filled_in) for resource in demand.resources}
            if any(missing.values()):
                quotas.append(demand.quota)
                containers |= {resource: names for resource, names in missing.items() if names}
        if quotas:
            yield UnstatedResources(refuses, quotas, dict(sorted(containers.items())))


def _without(resource: str, needs: _Needs, asked: Collection[str]) -> list[str]:
    """Return which of the containers that are asked do not state a resource, sorted."""
    field, name = _FIELDS[resource]
    return sorted(
        container for container, own in needs.items() if container in asked and name not in getattr(own, field)
    )
