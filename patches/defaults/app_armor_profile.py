"""appArmorProfile: `RuntimeDefault` at pod level, or on each container if another one is excepted.

Fields: `spec.securityContext.appArmorProfile` and the same of every container. Opt-in: without it a runtime confines
containers if the node has AppArmor; with it a node without AppArmor refuses the pod. Windows pods may not have it, and
a pod that still uses an AppArmor annotation is left alone. Source: `core/v1` AppArmorProfile and its validation.
"""

from __future__ import annotations

from typing import Final

from patches.defaults.default import Default
from patches.defaults.draft import Draft
from patches.model.decisions import Reason
from patches.model.shapes import AppArmorProfile
from patches.standards.levels import Level

ID: Final = "appArmorProfile"
_PROFILE: Final = {"type": "RuntimeDefault"}
ANNOTATION: Final = "container.apparmor.security.beta.kubernetes.io/"


def apply(draft: Draft) -> None:
    """Set RuntimeDefault on the pod unless every container has a profile; one by one if a container is excepted."""
    path = f"{draft.security_path}/{ID}"
    own = draft.pod.security.get(ID)
    explicit = [container for container in draft.containers if container.security.get(ID) is not None]
    for container in explicit:
        _report(draft, f"{container.path}/securityContext/{ID}", container.security.get(ID) or {})
    if not draft.whole_pod:
        return
    if own is not None:
        _report(draft, path, own)
    elif draft.windows:
        draft.skipped(ID, path, Reason.WINDOWS)
    elif any(key.startswith(ANNOTATION) for key in draft.pod.annotations):
        draft.skipped(ID, path, Reason.APPARMOR_ANNOTATION)
    elif explicit and len(explicit) == len(draft.containers):
        draft.kept(ID, path, None, Reason.EVERY_CONTAINER)
    elif draft.excepts(ID):
        _per_container(draft)
    else:
        draft.add(ID, draft.security_path, ID, _PROFILE)


def _per_container(draft: Draft) -> None:
    for container in draft.containers_for(ID, f"securityContext/{ID}"):
        parent = f"{container.path}/securityContext"
        if container.security.get("privileged"):
            draft.skipped(ID, f"{parent}/{ID}", Reason.PRIVILEGED)
        elif container.security.get(ID) is None:
            draft.add(ID, parent, ID, _PROFILE)


def _report(draft: Draft, path: str, profile: AppArmorProfile) -> None:
    (draft.conflict if profile.get("type") == "Unconfined" else draft.kept)(ID, path, profile)


DEFAULT: Final[Default] = Default(
    id=ID,
    level=Level.BASELINE,
    title="AppArmor profile",
    adds="`appArmorProfile: {type: RuntimeDefault}`",
    fields=("securityContext.appArmorProfile", "container.securityContext.appArmorProfile"),
    apply=apply,
    per_container=True,
)
