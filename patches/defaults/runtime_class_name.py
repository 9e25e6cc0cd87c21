"""runtimeClassName: the configured RuntimeClass, or the one that the namespace's annotation names.

Field: `spec.runtimeClassName`. The API server refuses a pod whose class does not exist, whose nodeSelector contradicts
that of the class, or whose `overhead` is not the class's own; an overhead can exceed a quota; and a class that is
exempt from Pod Security would switch the judgement off. So the class is checked before it is added. Pods that share
namespaces of their host, and Windows pods, are left alone. Source: the RuntimeClass admission plugin; `node.k8s.io/v1`
RuntimeClass.
"""

from __future__ import annotations

from typing import Final

from patches.defaults.default import Default
from patches.defaults.draft import Draft
from patches.model.decisions import Reason
from patches.model.needs import Need
from patches.policy.snapshot import UNKNOWN, RuntimeClass
from patches.standards.levels import Level

ID: Final = "runtimeClassName"


def apply(draft: Draft) -> None:
    """Set the configured RuntimeClass on the pod if the API server would accept the pod with it."""
    wanted = draft.policy.runtime_class
    if not draft.whole_pod or not wanted:
        return
    path = f"{draft.pod.spec_path}/{ID}"
    own = draft.pod.spec.get(ID)
    if own is not None:
        draft.kept(ID, path, own)
        return
    reason = _obstacle(draft, wanted)
    if reason is None:
        draft.add(ID, draft.pod.spec_path, ID, wanted)
    else:
        draft.skipped(ID, path, reason)


def class_of(draft: Draft) -> str:
    """Return the name of the RuntimeClass that the pod has, or gets when this default acts; "" for none."""
    own = draft.pod.spec.get(ID)
    if own is not None:
        return own
    wanted = draft.policy.runtime_class
    gets = wanted and draft.whole_pod and draft.acts(ID) and _obstacle(draft, wanted) is None
    return wanted if gets else ""


def _obstacle(draft: Draft, wanted: str) -> Reason | None:
    if draft.windows:
        return Reason.WINDOWS
    if draft.pod.host_namespaces:
        return Reason.HOST_NAMESPACES
    if wanted in draft.policy.exemptions.runtime_classes:
        return Reason.RUNTIME_CLASS_EXEMPT
    runtime_class = draft.namespace.runtime_classes.find(wanted)
    if runtime_class is UNKNOWN:
        return Reason.UNKNOWN
    if runtime_class is None:
        return Reason.RUNTIME_CLASS_ABSENT
    return _mismatch(draft, runtime_class)


def _mismatch(draft: Draft, runtime_class: RuntimeClass) -> Reason | None:
    spec = draft.pod.spec
    if spec.get("overhead") or (runtime_class.has_overhead and draft.namespace.has_quota):
        return Reason.RUNTIME_CLASS_OVERHEAD
    selector = spec.get("nodeSelector") or {}
    if any(selector.get(key, value) != value for key, value in runtime_class.node_selector.items()):
        return Reason.RUNTIME_CLASS_SELECTOR
    return None


DEFAULT: Final[Default] = Default(
    id=ID,
    level=Level.BASELINE,
    title="Runtime class",
    adds="`runtimeClassName`",
    fields=("runtimeClassName",),
    needs=frozenset({Need.RUNTIME_CLASS, Need.RESOURCE_QUOTA}),
    apply=apply,
)
