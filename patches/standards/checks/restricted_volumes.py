"""Volume types: only those that reach no storage of the node. Restricted, from 1.0, in place of hostPathVolumes.

Field, on the pod:
    spec.volumes[*]

Allowed: a volume whose source is configMap, csi, downwardAPI, emptyDir, ephemeral, image, persistentVolumeClaim,
projected or secret. A source that Kubernetes does not know, or none at all, counts as type "unknown"; a pod that an
API server delivers has at least an emptyDir.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from typing import Final

from patches.model.pod import Pod
from patches.model.shapes import Volume
from patches.standards.checks.check import Check
from patches.standards.checks.phrases import plural, quoted
from patches.standards.levels import Level
from patches.standards.violations import Violation

_ALLOWED: Final = (
    "configMap",
    "projected",
    "emptyDir",
    "secret",
    "persistentVolumeClaim",
    "downwardAPI",
    "csi",
    "ephemeral",
    "image",
)
_FORBIDDEN: Final = (
    "hostPath",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "gitRepo",
    "nfs",
    "iscsi",
    "glusterfs",
    "rbd",
    "flexVolume",
    "cinder",
    "cephfs",
    "flocker",
    "fc",
    "azureFile",
    "vsphereVolume",
    "quobyte",
    "azureDisk",
    "photonPersistentDisk",
    "portworxVolume",
    "scaleIO",
    "storageos",
)
SOURCES: Final = frozenset((*_ALLOWED, *_FORBIDDEN))
"""The sources that Kubernetes knows. An API server drops any other field of a volume."""


def _since_1_0(pod: Pod) -> Violation | None:
    names: list[str] = []
    types: list[str] = []
    for volume in pod.spec.get("volumes") or ():
        for source in _ALLOWED:
            if volume.get(source) is not None:
                break
        else:
            names.append(volume["name"])
            types.append(_forbidden_type(volume))
    if not names:
        return None
    distinct = sorted(set(types))
    return Violation(
        CHECK.id,
        "restricted volume types",
        f"{plural('volume', len(names))} {quoted(names)} {'uses' if len(names) == 1 else 'use'} "
        f"{plural('restricted volume type', len(distinct))} {quoted(distinct)}",
    )


def _forbidden_type(volume: Volume) -> str:
    return next((source for source in _FORBIDDEN if volume.get(source) is not None), "unknown")


CHECK: Final[Check] = Check(
    id="restrictedVolumes",
    level=Level.RESTRICTED,
    versions=((0, _since_1_0),),
    overrides=("hostPathVolumes",),
    removable=tuple(f"volumes[*].{source}" for source in _FORBIDDEN),
    title="A volume of a type that restricted does not allow",
    asks=(
        "Only volumes of type `configMap`, `csi`, `downwardAPI`, `emptyDir`, `ephemeral`, `image`, "
        "`persistentVolumeClaim`, `projected` and `secret`. Replaces `hostPathVolumes`."
    ),
    fields="spec.volumes",
    fix=("`volumes[*]`: use one of these types; storage of another kind can be had through a `persistentVolumeClaim`"),
)
