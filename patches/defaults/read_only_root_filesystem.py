"""readOnlyRootFilesystem: `true` on each container; with the setting `writableTmp` also an emptyDir at /tmp.

Field: `securityContext.readOnlyRootFilesystem` of every container. No profile asks for it: opt-in. Privileged
containers and Windows pods are left alone. Each container gets an emptyDir of its own, and only if the read-only root
is ours and nothing is mounted at /tmp, however the path is spelled; one of whose image something is known gets more of
them, where `writable_paths` says. Ephemeral containers get none: a volume cannot be added to a running pod. An emptyDir
hinders eviction by tools that respect local storage.
Source: `core/v1` SecurityContext, VolumeMount and VolumeDevice.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, filterfalse
from typing import Final

from patches.defaults.default import Default
from patches.defaults.draft import Draft
from patches.defaults.image_users import image_of, note_image
from patches.defaults.writable_paths import TMP, mounted_at, volume_paths, well_known_paths
from patches.model.decisions import Reason
from patches.model.notices import NoticeCode
from patches.model.pod import ContainerView
from patches.standards.levels import Level

ID: Final = "readOnlyRootFilesystem"


def apply(draft: Draft) -> None:
    """Set true on each container, and mount emptyDirs where it may have to write if the settings ask for it."""
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
                _mount_writable(draft, container, names)


def _mount_writable(draft: Draft, container: ContainerView, names: Iterator[str]) -> None:
    image, mounted = image_of(draft, container), mounted_at(container)
    if TMP in mounted:
        draft.skipped(ID, f"{container.path}/volumeMounts", Reason.TMP_IN_USE)
    else:
        _mount(draft, container, next(names), TMP)
    for path in well_known_paths(image, mounted):
        _mount(draft, container, next(names), path)
    volumes = volume_paths(image, mounted)
    for path in volumes:
        _mount(draft, container, next(names), path)
    if volumes:
        note_image(draft, NoticeCode.VOLUME_EMPTIED, container, ", ".join(volumes))


def _mount(draft: Draft, container: ContainerView, name: str, path: str) -> None:
    draft.append(ID, f"{draft.pod.spec_path}/volumes", {"name": name, "emptyDir": {}})
    draft.append(ID, f"{container.path}/volumeMounts", {"name": name, "mountPath": path})


def _free_names(draft: Draft) -> Iterator[str]:
    taken = {volume["name"] for volume in draft.pod.spec.get("volumes") or ()}
    return filterfalse(taken.__contains__, map("psd-tmp-{}".format, count()))


DEFAULT: Final[Default] = Default(
    id=ID,
    level=Level.BASELINE,
    title="Read-only root filesystem",
    adds="`readOnlyRootFilesystem: true`, if wanted an emptyDir at /tmp",
    fields=("container.securityContext.readOnlyRootFilesystem", "volumes", "container.volumeMounts"),
    apply=apply,
    per_container=True,
)
