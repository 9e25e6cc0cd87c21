"""resources: requests and limits on each container, as LimitRange-style items of the configuration give them.

Fields: `resources.{requests,limits}` of every regular and init container. Nothing is added that the API server would
refuse: a request above a limit, or what breaks a constraint of the namespace's LimitRanges that was not broken before.
Nor is anything added outside the item's own min, max or ratio, to a pod whose `spec.resources` has a request or limit,
or in a namespace whose ResourceQuota tells BestEffort pods from others. A limit for a container without a request
comes with a request, because the API server would otherwise make the request equal to the limit: the one that a
LimitRange would give, else ours, else the limit. Additions are tried in visiting order, request and limit together,
then the request, then the limit, and rounds repeat until nothing more fits, so that a second pass finds nothing to do.
Source: the LimitRanger and ResourceQuota admission plugins; `core/v1` defaulting and validation.
"""

from __future__ import annotations

from typing import Final

from patches.defaults.default import Default
from patches.defaults.draft import Draft
from patches.defaults.resource_slots import PodSums, Slot
from patches.model.decisions import Reason
from patches.model.needs import Need
from patches.policy.limits import NO_LIMITS, Limits, effective_resources
from patches.policy.snapshot import UNKNOWN
from patches.standards.levels import Level

ID: Final = "resources"
_SCOPES: Final = frozenset({"BestEffort", "NotBestEffort"})
_MOST_CONTAINERS: Final = 256
"""Each addition is compared with the sums of its pod, which takes too long for a review of a larger pod."""


def apply(draft: Draft) -> None:
    """Add the configured requests and limits that fit, in rounds until nothing more fits."""
    if not draft.whole_pod:
        return
    reason = _obstacle(draft)
    if reason is not None:
        draft.skipped(ID, f"{draft.pod.spec_path}/containers", reason)
        return
    limits = draft.namespace.known_limits
    slots = _slots(draft, limits)
    sums = {name: PodSums([slot for slot in slots if slot.name == name]) for name in limits.pod}
    pending, progress = slots, True
    while progress and pending:
        progress = False
        for slot in pending:
            progress |= slot.settle(sums)
        pending = [slot for slot in pending if slot.pending]
    for slot in slots:
        _record(draft, slot)


def _obstacle(draft: Draft) -> Reason | None:
    namespace, limits = draft.namespace, draft.namespace.limits
    own = draft.pod.spec.get("resources")
    if own and (own.get("requests") or own.get("limits")):
        return Reason.POD_LEVEL_RESOURCES
    if limits is UNKNOWN or namespace.quota_scopes is UNKNOWN:
        return Reason.UNKNOWN
    if not _SCOPES.isdisjoint(namespace.quota_scopes):
        return Reason.QUOTA_SCOPE
    if limits.pod and len(draft.containers) > _MOST_CONTAINERS:
        return Reason.TOO_MANY_CONTAINERS
    return None


def _slots(draft: Draft, limits: Limits) -> list[Slot]:
    """The slots of the whole pod. What stands on a container that is left out counts in the sums all the same."""
    items = draft.policy.item_limits
    filled = {container.path for container in draft.containers_for(ID, ID)}
    slots = []
    for container in draft.containers:
        if container.list_name != "ephemeralContainers":
            needs = effective_resources(container, limits)
            wanted = items if container.path in filled else NO_LIMITS
            slots += [Slot(container, name, needs, wanted, limits) for name in items.given]
    return slots


def _record(draft: Draft, slot: Slot) -> None:
    for side in (slot.request, slot.limit):
        parent = f"{slot.container.path}/resources/{side.field}"
        if side.written is not None:
            draft.add(ID, parent, slot.name, side.written.text)
        elif side.present is not None and side.wanted is not None:
            draft.kept(ID, f"{parent}/{slot.name}", side.present.text, side.present.reason)
        elif side.wanted is not None:
            draft.skipped(ID, f"{parent}/{slot.name}", slot.obstacle)


DEFAULT: Final[Default] = Default(
    id=ID,
    level=Level.BASELINE,
    title="Requests and limits",
    adds="requests and limits of containers",
    fields=("container.resources.requests.*", "container.resources.limits.*"),
    needs=frozenset({Need.LIMIT_RANGE, Need.RESOURCE_QUOTA}),
    apply=apply,
    per_container=True,
)
