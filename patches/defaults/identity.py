"""identity: `runAsUser`, `runAsGroup` and `fsGroup` at pod level, as one decision.

Fields: `spec.securityContext.{runAsUser,runAsGroup,fsGroup,fsGroupChangePolicy}` and the first two of every container.
No profile asks for ids, and images may not work under another user than their own: opt-in.

Nothing is added if the pod or a container sets a user or a group: a group of ours beside an author's user would be
neither's. A lone `fsGroup` does not stop the others. `fsGroup` is added only if a container mounts a volume whose owner
the kubelet changes, other than the API token; with it comes `fsGroupChangePolicy: OnRootMismatch`, without which the
kubelet walks the whole volume at each start. Windows pods may not have the fields, and a platform that assigns users to
the pods of a namespace refuses others. Source: `core/v1` PodSecurityContext; `SetVolumeOwnership` of the kubelet's
volume plugins; the security context constraints of OpenShift.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from patches.defaults.automount_service_account_token import VOLUME_PREFIX as TOKEN_VOLUME_PREFIX
from patches.defaults.default import Default
from patches.defaults.draft import Draft
from patches.model.decisions import Reason
from patches.model.shapes import Volume
from patches.standards.levels import Level

ID: Final = "identity"
_CHANGE_POLICY: Final = "fsGroupChangePolicy"
_OWNERS: Final = ("runAsUser", "runAsGroup")
FS_GROUP_VOLUMES: Final = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
        # block devices of old, of which the cloud providers' are served by CSI drivers
        "awsElasticBlockStore",
        "azureDisk",
        "cinder",
        "fc",
        "flexVolume",
        "gcePersistentDisk",
        "iscsi",
        "portworxVolume",
        "vsphereVolume",
    }
)
"""The sources of volumes whose owner the kubelet changes: not hostPath, image, nfs and other shared filesystems."""


def apply(draft: Draft) -> None:
    """Set the configured ids on the pod if neither the pod nor a container sets a user or group."""
    if not draft.whole_pod:
        return
    settings = draft.policy.settings.identity
    reason = _obstacle(draft)
    _decide(draft, "runAsUser", settings.run_as_user, reason)
    _decide(draft, "runAsGroup", settings.run_as_group, reason)
    if reason is None and not _mounts_volume_with_owner(draft):
        reason = Reason.NO_VOLUME
    if _decide(draft, "fsGroup", settings.fs_group, reason) and draft.pod.security.get(_CHANGE_POLICY) is None:
        draft.add(ID, draft.security_path, _CHANGE_POLICY, "OnRootMismatch")


def sets_user(draft: Draft) -> bool:
    """Whether this default sets the user of every container that sets none."""
    wanted = draft.policy.settings.identity.run_as_user
    return wanted is not None and draft.whole_pod and draft.acts(ID) and _obstacle(draft) is None


def _obstacle(draft: Draft) -> Reason | None:
    if draft.windows:
        return Reason.WINDOWS
    if draft.policy.platform_assigns_users:
        return Reason.PLATFORM_ASSIGNED_USER
    contexts = (draft.pod.security, *(container.security for container in draft.containers))
    if any(_at(security, field) is not None for security in contexts for field in _OWNERS):
        return Reason.AUTHOR_IDENTITY
    return None


def _decide(draft: Draft, field: str, wanted: int | None, reason: Reason | None) -> bool:
    """Set one id unless it is set or there is a reason not to. Returns whether it is set by us."""
    if wanted is None:
        return False
    path = f"{draft.security_path}/{field}"
    own = _at(draft.pod.security, field)
    explicit = [container for container in draft.containers if _at(container.security, field) is not None]
    if own is not None:
        draft.kept(ID, path, own)
    elif explicit:
        for container in explicit:
            draft.kept(ID, f"{container.path}/securityContext/{field}", _at(container.security, field))
    elif reason is not None:
        draft.skipped(ID, path, reason)
    else:
        draft.add(ID, draft.security_path, field, wanted)
        return True
    return False


def _mounts_volume_with_owner(draft: Draft) -> bool:
    pod = draft.pod.view(draft.patch.document)  # with our /tmp, and without the token that we removed
    volumes = {volume["name"] for volume in pod.spec.get("volumes") or () if _takes_owner(volume)} | pod.claim_names
    return any(
        mount.get("name") in volumes
        for container in pod.containers
        for mount in container.value.get("volumeMounts") or ()
    )


def _takes_owner(volume: Volume) -> bool:
    """Whether the kubelet changes the owner of a volume. One without a source becomes an emptyDir."""
    if volume["name"].startswith(TOKEN_VOLUME_PREFIX):
        return False
    sources = {key for key, value in volume.items() if key != "name" and value is not None}
    return not sources or not sources.isdisjoint(FS_GROUP_VOLUMES)


def _at(security: object, field: str) -> int | None:
    return cast("Mapping[str, int | None]", security).get(field)


DEFAULT: Final[Default] = Default(
    id=ID,
    level=Level.BASELINE,
    title="User and group",
    adds="`runAsUser`, `runAsGroup`, `fsGroup`",
    fields=(
        "securityContext.runAsUser",
        "securityContext.runAsGroup",
        "securityContext.fsGroup",
        f"securityContext.{_CHANGE_POLICY}",
    ),
    apply=apply,
)
