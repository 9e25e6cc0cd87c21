"""hostUsers: `false`, a user namespace for each pod.

Field: `spec.hostUsers`. No profile asks for it: opt-in. The API server refuses it beside hostNetwork, hostPID, hostIPC
and raw block volumes, and on Windows pods. Source: `validateHostUsers` of `core/v1` validation.
"""

from __future__ import annotations

from typing import Final

from patches.defaults.default import Default
from patches.defaults.draft import Draft
from patches.model.decisions import Reason
from patches.standards.levels import Level

ID: Final = "hostUsers"


def apply(draft: Draft) -> None:
    """Set false on the pod if the API server would accept it."""
    if not draft.whole_pod:
        return
    path = f"{draft.pod.spec_path}/{ID}"
    own = draft.pod.spec.get(ID)
    reason = _obstacle(draft)
    if own is not None:
        draft.kept(ID, path, own)
    elif reason is not None:
        draft.skipped(ID, path, reason)
    else:
        draft.add(ID, draft.pod.spec_path, ID, value=False)


def in_user_namespace(draft: Draft) -> bool:
    """Whether the pod has `hostUsers: false`, or gets it when this default acts."""
    own = draft.pod.spec.get(ID)
    if own is None:
        return draft.whole_pod and draft.acts(ID) and _obstacle(draft) is None
    return own is False


def _obstacle(draft: Draft) -> Reason | None:
    if draft.windows:
        return Reason.WINDOWS
    if draft.pod.host_namespaces:
        return Reason.HOST_NAMESPACES
    if any(container.value.get("volumeDevices") for container in draft.pod.containers):
        return Reason.RAW_BLOCK_VOLUME
    return None


DEFAULT: Final = Default(
    id=ID,
    level=Level.BASELINE,
    title="User namespace of its own",
    adds="`hostUsers: false`",
    fields=("hostUsers",),
    apply=apply,
)
