"""hostUsers: `false`, a user namespace for each pod.

Field: `spec.hostUsers`. No profile asks for it: opt-in, or for pods with an image that runs as root, which it makes
pass from v1.35 on. The API server refuses it beside hostNetwork, hostPID, hostIPC and raw block volumes, and on Windows
pods; the kernel cannot map the users of network filesystems, nor ids above 65535; and a kubelet whose runtime lacks
user namespaces does not start the pod. For an image it is added only if the nodes are known to offer them, and to no
pod that root on the node may mean something to: one with a privileged container or a `hostPath` volume, which passes no
profile anyway. Source: `validateHostUsers` of `core/v1` validation; `GetOrCreateUserNamespaceMappings` of the kubelet.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from patches.defaults.default import Default
from patches.defaults.draft import Draft
from patches.defaults.image_users import image_of, image_users
from patches.defaults.runtime_class_name import class_of
from patches.model.decisions import Reason
from patches.model.images import ImageUser
from patches.model.notices import NoticeCode
from patches.model.shapes import Volume
from patches.policy.nodes import DEFAULT_HANDLER
from patches.policy.snapshot import UNKNOWN
from patches.standards.levels import Level

ID: Final = "hostUsers"
NETWORK_VOLUMES: Final = ("azureFile", "cephfs", "glusterfs", "nfs", "quobyte")
"""The sources of volumes that are network filesystems, which the kernel does not mount with mapped ids."""
NETWORK_DRIVERS: Final = frozenset(
    {"efs.csi.aws.com", "file.csi.azure.com", "nfs.csi.k8s.io", "smb.csi.k8s.io"},
)
"""CSI drivers of such filesystems, where a pod names one itself."""
MAPPED_IDS: Final = 65536
"""The ids of a pod's user namespace, as a kubelet gives them out. It can be configured to give more."""
_CLAIMS: Final = ("ephemeral", "persistentVolumeClaim")


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
        claims = _claimed_volumes(draft) if for_images else []
        if claims:
            draft.notice(NoticeCode.CLAIM_IN_USER_NAMESPACE, path, ", ".join(claims))


def in_user_namespace(draft: Draft) -> bool:
    """Whether the pod has `hostUsers: false`, or gets it when this default acts."""
    own = draft.pod.spec.get(ID)
    if own is None:
        wanted = draft.policy.settings.host_users.enabled or _serves_root_images(draft)
        return draft.whole_pod and draft.acts(ID) and wanted and _obstacle(draft) is None
    return own is False


def could_serve_root_images(draft: Draft) -> bool:
    """Whether `hostUsers: false`, if the author set it, would let containers pass whose image runs as root.

    Only a pod in a namespace that enforces restricted then loses every capability, as the profile asks. Whether nodes
    offer user namespaces need not be known.
    """
    policy = draft.policy
    return (
        draft.whole_pod
        and draft.pod.spec.get(ID) is None
        and policy.enforce.level is Level.RESTRICTED
        and policy.restricted_since(35)
        and _obstacle(draft) in (None, Reason.UNKNOWN)
    )


def _serves_root_images(draft: Draft) -> bool:
    """Whether a user namespace lets an image of the pod run as root and pass."""
    settings = draft.policy.settings.run_as_non_root
    return (
        settings.root_images == "userNamespace"
        and draft.policy.target.level is Level.RESTRICTED
        and draft.policy.restricted_since(35)
        and ImageUser.ROOT in image_users(draft).values()
    )


def _claimed_volumes(draft: Draft) -> list[str]:
    """The names of the volumes that are PersistentVolumeClaims, whose filesystem nobody knows at admission."""
    volumes = draft.pod.spec.get("volumes") or ()
    claimed = [volume["name"] for volume in volumes if any(volume.get(source) is not None for source in _CLAIMS)]
    return claimed + sorted(draft.pod.claim_names)


def _obstacle(draft: Draft) -> Reason | None:
    if draft.windows:
        return Reason.WINDOWS
    if draft.pod.host_namespaces:
        return Reason.HOST_NAMESPACES
    if any(container.value.get("volumeDevices") for container in draft.pod.containers):
        return Reason.RAW_BLOCK_VOLUME
    if any(map(_is_on_network, draft.pod.spec.get("volumes") or ())):
        return Reason.VOLUME_NOT_IDMAPPED
    if any(number is not None and number >= MAPPED_IDS for number in _ids(draft)):
        return Reason.ID_NOT_MAPPED
    return _obstacle_of_nodes(draft) if draft.policy.settings.host_users.enabled else _obstacle_for_images(draft)


def _ids(draft: Draft) -> Iterator[int | None]:
    """The users and groups of the pod, and those of its images where it names no user."""
    security = draft.pod.security
    yield from (security.get("runAsUser"), security.get("runAsGroup"), security.get("fsGroup"))
    yield from security.get("supplementalGroups") or ()
    for container in draft.pod.containers:
        yield container.security.get("runAsUser")
        yield container.security.get("runAsGroup")
        if draft.pod.user_of(container) is None:
            yield image_of(draft, container).number


def _is_on_network(volume: Volume) -> bool:
    csi = volume.get("csi")
    return (csi is not None and csi.get("driver") in NETWORK_DRIVERS) or any(
        volume.get(source) is not None for source in NETWORK_VOLUMES
    )


def _obstacle_for_images(draft: Draft) -> Reason | None:
    """What stands against a user namespace that nobody asked for by name."""
    if any(container.security.get("privileged") for container in draft.pod.containers):
        return Reason.PRIVILEGED
    if any(volume.get("hostPath") is not None for volume in draft.pod.spec.get("volumes") or ()):
        return Reason.VOLUME_NOT_IDMAPPED
    return Reason.UNKNOWN if _is_offered(draft) is None else _obstacle_of_nodes(draft)


def _obstacle_of_nodes(draft: Draft) -> Reason | None:
    return Reason.NO_USER_NAMESPACES if _is_offered(draft) is False else None


def _is_offered(draft: Draft) -> bool | None:
    """Whether every node gives the pod a user namespace; None if that is not known."""
    offered, name = draft.namespace.user_namespaces, class_of(draft)
    runtime_class = draft.namespace.runtime_classes.find(name) if name else None
    if offered is UNKNOWN or runtime_class is UNKNOWN or (name and runtime_class is None):
        return None
    return (DEFAULT_HANDLER if runtime_class is None else runtime_class.handler) in offered


DEFAULT: Final[Default] = Default(
    id=ID,
    level=Level.BASELINE,
    title="User namespace of its own",
    adds="`hostUsers: false`",
    fields=("hostUsers",),
    apply=apply,
)
