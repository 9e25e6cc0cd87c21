"""hostUsers: `false`, a user namespace for each pod.

Field: `spec.hostUsers`. No profile asks for it: opt-in, or for pods with an image that runs as root, which it makes
pass from v1.35 on. The API server refuses it beside hostNetwork, hostPID, hostIPC and raw block volumes, and on Windows
pods; the kernel cannot map the users of network filesystems. Source: `validateHostUsers` of `core/v1` validation.
"""

from __future__ import annotations

from typing import Final

from patches.defaults.default import Default
from patches.defaults.draft import Draft
from patches.defaults.image_users import image_users
from patches.model.decisions import Reason
from patches.model.images import ImageUser
from patches.standards.levels import Level

ID: Final = "hostUsers"
_NETWORK: Final = ("azureFile", "cephfs", "glusterfs", "nfs", "quobyte")
"""The sources of volumes that are network filesystems, which the kernel does not mount with mapped ids."""


def apply(draft: Draft) -> None:
    """Set false on the pod if the API server would accept it."""
    if not draft.whole_pod:
        return
    for_images = _serves_root_images(draft)
    if not for_images and not draft.policy.settings.host_users.enabled:
        return
    path = f"{draft.pod.spec_path}/{ID}"
    own = draft.pod.spec.get(ID)
    reason = _obstacle(draft)
    if own is not None:
        draft.kept(ID, path, own)
    elif reason is not None:
        draft.skipped(ID, path, reason)
    else:
        why = Reason.USER_NAMESPACE if for_images else Reason.UNSET
        draft.add(ID, draft.pod.spec_path, ID, value=False, reason=why)


def in_user_namespace(draft: Draft) -> bool:
    """Whether the pod has `hostUsers: false`, or gets it when this default acts."""
    own = draft.pod.spec.get(ID)
    if own is None:
        wanted = draft.policy.settings.host_users.enabled or _serves_root_images(draft)
        return draft.whole_pod and draft.acts(ID) and wanted and _obstacle(draft) is None
    return own is False


def _serves_root_images(draft: Draft) -> bool:
    """Whether a user namespace lets an image of the pod run as root and pass."""
    settings = draft.policy.settings.run_as_non_root
    return (
        settings.root_images == "userNamespace"
        and settings.user_namespaces
        and draft.policy.target.level is Level.RESTRICTED
        and draft.policy.restricted_since(35)
        and ImageUser.ROOT in image_users(draft).values()
    )


def _obstacle(draft: Draft) -> Reason | None:
    if draft.windows:
        return Reason.WINDOWS
    if draft.pod.host_namespaces:
        return Reason.HOST_NAMESPACES
    if any(container.value.get("volumeDevices") for container in draft.pod.containers):
        return Reason.RAW_BLOCK_VOLUME
    if any(volume.get(source) is not None for volume in draft.pod.spec.get("volumes") or () for source in _NETWORK):
        return Reason.VOLUME_NOT_IDMAPPED
    return None


DEFAULT: Final = Default(
    id=ID,
    level=Level.BASELINE,
    title="User namespace of its own",
    adds="`hostUsers: false`",
    fields=("hostUsers",),
    apply=apply,
)
