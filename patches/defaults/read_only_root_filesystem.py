"""readOnlyRootFilesystem: `true` on each container; with the setting `writableTmp` also an emptyDir at /tmp.

Field: `securityContext.readOnlyRootFilesystem` of every container. No profile asks for it: opt-in. Privileged
containers and Windows pods are left alone. Each container gets an emptyDir of its own, and only if the read-only root
is ours and nothing is mounted at /tmp, however the path is spelled. Ephemeral containers get none: a volume cannot be
added to a running pod. An emptyDir hinders eviction by tools that respect local storage.
Source: `core/v1` SecurityContext, VolumeMount and VolumeDevice.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from itertools import count
from typing import Final

from patches.defaults.default import Default
from patches.defaults.draft import Draft
from patches.model.decisions import Reason
from patches.model.pod import ContainerView
from patches.standards.levels import Level

ID: Final = "readOnlyRootFilesystem"
_TMP: Final = "/tmp"  # noqa: S108 (the mount point's name, not a file of ours)


def apply(draft: Draft) -> None:
    """Set true on each container, and mount an emptyDir at /tmp if the settings ask for it."""
    writable_tmp = draft.whole_pod and draft.policy.settings.read_only_root_filesystem.writable_tmp
    names = _free_names(draft)
    for container in draft.containers_for(ID, f"securityContext/{ID}"):
        parent = f"{container.path}/securityContext"
        own = container.security.get(ID)
        if own is not None:
            draft.kept(ID, f"{parent}/{ID}", own)
        elif draft.windows:
            draft.skipped(ID, f"{parent}/{ID}", Reason.WINDOWS)
        elif container.security.get("privileged"):
            draft.skipped(ID, f"{parent}/{ID}", Reason.PRIVILEGED)
        else:
            draft.add(ID, parent, ID, value=True)
            if writable_tmp and container.list_name != "ephemeralContainers":
                _mount_tmp(draft, container, names)


def _mount_tmp(draft: Draft, container: ContainerView, names: Iterator[str]) -> None:
    mounts = [mount.get("mountPath") for mount in container.value.get("volumeMounts") or ()]
    devices = [device.get("devicePath") for device in container.value.get("volumeDevices") or ()]
    if any(_clean(path) == _TMP for path in (*mounts, *devices) if path):
        draft.skipped(ID, f"{container.path}/volumeMounts", Reason.TMP_IN_USE)
        return
    name = next(names)
    draft.append(ID, f"{draft.pod.spec_path}/volumes", {"name": name, "emptyDir": {}})
    draft.append(ID, f"{container.path}/volumeMounts", {"name": name, "mountPath": _TMP})


def _clean(path: str) -> str:
    """The path as the runtime reads it: absolute, without doubled or trailing slashes, dots resolved."""
    return posixpath.normpath("/" + path.lstrip("/"))


def _free_names(draft: Draft) -> Iterator[str]:
    taken = {volume["name"] for volume in draft.pod.spec.get("volumes") or ()}
    return (name for name in (f"psd-tmp-{number}" for number in count()) if name not in taken)


DEFAULT: Final = Default(
    id=ID,
    level=Level.BASELINE,
    title="Read-only root filesystem",
    adds="`readOnlyRootFilesystem: true`, if wanted an emptyDir at /tmp",
    fields=("container.securityContext.readOnlyRootFilesystem", "volumes", "container.volumeMounts"),
    apply=apply,
    per_container=True,
)
