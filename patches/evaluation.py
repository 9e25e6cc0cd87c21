"""From a pod to its outcome: choose what may be patched, run the defaults, note them on the pod, judge the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from patches.arrival import validated
from patches.defaults import DEFAULTS
from patches.defaults.default import Default
from patches.defaults.draft import Draft
from patches.model.decisions import Decision, Reason, State, Withheld
from patches.model.patch import Operation
from patches.model.pod import Origin, Pod
from patches.model.shapes import Json
from patches.model.updates import new_ephemeral_containers
from patches.policy.configuration import Mode
from patches.policy.policy import PREFIX, SKIP_ANNOTATION, Policy, split_ids
from patches.policy.snapshot import Facts
from patches.standards.judge import judge
from patches.standards.levels import Level, LevelVersion
from patches.standards.violations import Violation

APPLIED_ANNOTATION: Final = PREFIX + "applied"
MIRROR_ANNOTATION: Final = "kubernetes.io/config.mirror"
_ANNOTATIONS_LIMIT: Final = 256 * 1024
"""The API server refuses an object whose annotations, keys and values together, are larger."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the engine makes of one document.

    `operations` lead from the document to `patched`; where `withheld` gives a reason they are only what would be done.
    `applied` lists what was, or would be, added. `verdicts` hold each level that is judged: as sent in the modes warn
    and audit and for mirror pods, as patched otherwise; a template that is not patched is judged as its pods will be.
    """

    operations: tuple[Operation, ...]
    patched: Json
    decisions: tuple[Decision, ...]
    withheld: Withheld | None
    applied: str
    verdicts: Mapping[LevelVersion, tuple[Violation, ...]]


def mutate(pod: Pod, old: Pod | None, policy: Policy, facts: Facts) -> Outcome:
    """What `policy` makes of `pod`; `old` is the pod before an update, None on a create.

    Raises InvalidObject where a quantity of the pod is none.
    """
    withheld = _withheld(pod, policy)
    if withheld is not None and not withheld.evaluated:
        return _outcome(pod, policy, None, withheld)
    new_ephemeral = None if old is None else new_ephemeral_containers(pod, old)
    if new_ephemeral is not None and not new_ephemeral:
        return _outcome(pod, policy, None, Withheld.UPDATE)
    draft = Draft(pod, policy, facts, new_ephemeral)
    skipped = policy.skip
    if policy.allow_pod_skip:
        skipped |= policy.enabled & split_ids(pod.annotations.get(SKIP_ANNOTATION) or "")[0]
    for default in active(policy.target.level, policy.enabled):
        if default.id in skipped:
            draft.skipped(default.id, pod.spec_path, Reason.SKIP_ANNOTATION)
        else:
            default.apply(draft)
    return _outcome(pod, policy, draft, withheld)


@cache
def active(level: Level, enabled: frozenset[str]) -> tuple[Default, ...]:
    """The defaults that act at a profile, in order."""
    return tuple(
        default for default in DEFAULTS if default.id in enabled and level.strictness >= default.level.strictness
    )


def _withheld(pod: Pod, policy: Policy) -> Withheld | None:
    if policy.mode is Mode.OFF:
        return Withheld.OFF
    if pod.object_metadata.get("deletionTimestamp"):
        return Withheld.DELETING
    if MIRROR_ANNOTATION in pod.annotations:
        return Withheld.MIRROR_POD
    if policy.mode is not Mode.ENFORCE:
        return Withheld.MODE
    if pod.is_template and pod.origin is Origin.ADMISSION:
        return _withheld_template(pod, policy)
    return None


def _withheld_template(pod: Pod, policy: Policy) -> Withheld | None:
    if not policy.patch_templates:
        return Withheld.TEMPLATE
    owners = pod.object_metadata.get("ownerReferences") or ()
    return Withheld.OWNED_TEMPLATE if any(owner.get("controller") for owner in owners) else None


def _outcome(pod: Pod, policy: Policy, draft: Draft | None, withheld: Withheld | None) -> Outcome:
    applied = "" if draft is None else applied_list(pod, draft.decisions)
    if applied and draft is not None and withheld is None:
        _annotate(pod, draft, applied)
    judged = pod
    if draft is not None and draft.patch.operations and (withheld is None or withheld.deferred):
        judged = pod.view(draft.patch.document)
    if pod.origin is Origin.ADMISSION and not pod.is_template and (draft is None or draft.whole_pod):
        judged = validated(judged)  # what the built-in plugin is about to see, so that its words are ours
    is_judged = withheld is None or withheld.judged
    return Outcome(
        operations=() if draft is None else tuple(draft.patch.operations),
        patched=pod.document if draft is None else draft.patch.document,
        decisions=() if draft is None else tuple(draft.decisions),
        withheld=withheld,
        applied=applied,
        verdicts={x: judge(judged, x, policy.newest) for x in policy.judged} if is_judged else {},
    )


def applied_list(pod: Pod, decisions: list[Decision]) -> str:
    """What was added, as `id:place` joined by commas; a place is `pod` or `containers/NAME`, once for each id.

    Containers go by name: their position may change when another webhook adds one.
    """
    places = {container.path: f"{container.list_name}/{container.name}" for container in pod.containers}
    root = len(pod.spec_path) + 1
    entries: dict[str, None] = {}
    for default, path, state, _, _ in decisions:
        if state is State.APPLIED:
            of_list = path.find("/", root) + 1
            head = path[: path.find("/", of_list)] if of_list else path
            entries[f"{default}:{places.get(head, 'pod')}"] = None
    return ",".join(entries)


def _annotate(pod: Pod, draft: Draft, applied: str) -> None:
    """Note what was added on the pod itself: on the CREATE of a pod only, and after what an earlier round noted."""
    if pod.origin is not Origin.ADMISSION or pod.is_template or not draft.whole_pod:
        return
    earlier = pod.annotations.get(APPLIED_ANNOTATION)
    value = ",".join(dict.fromkeys(f"{earlier},{applied}".split(","))) if earlier else applied
    annotations = {**pod.annotations, APPLIED_ANNOTATION: value}
    if sum(len(key.encode()) + len((text or "").encode()) for key, text in annotations.items()) > _ANNOTATIONS_LIMIT:
        return
    parent = f"{pod.prefix}/metadata/annotations"
    if APPLIED_ANNOTATION in pod.annotations:
        draft.patch.replace(parent, APPLIED_ANNOTATION, value)
    else:
        draft.patch.add(parent, APPLIED_ANNOTATION, value)
