"""imagePullPolicy: `Always`, of containers and image volumes.

Fields: `imagePullPolicy` of every container, `image.pullPolicy` of image volumes. The API server fills it in before any
webhook sees the pod, so on an admitted pod it is never unset: there Always overwrites any other policy, as the
AlwaysPullImages plugin does. In a manifest it is added if unset. Templates that came through an API server are left
alone: their pods get it. Source: the AlwaysPullImages admission plugin.
"""

from __future__ import annotations

from typing import Final

from patches.defaults.default import Default
from patches.defaults.draft import Draft
from patches.model.pod import Origin
from patches.standards.levels import Level

ID: Final = "imagePullPolicy"
_ALWAYS: Final = "Always"


def apply(draft: Draft) -> None:
    """Set Always on each container and image volume; on an admitted pod, overwrite any other policy."""
    for container in draft.containers_for(ID, ID):
        _set(draft, container.path, ID, container.value.get(ID))
    if not draft.whole_pod:
        return
    volumes = draft.pod.view(draft.patch.document).spec.get("volumes") or ()  # the token's volume may be gone by now
    for index, volume in enumerate(volumes):
        image = volume.get("image")
        if image is not None:
            _set(draft, f"{draft.pod.spec_path}/volumes/{index}/image", "pullPolicy", image.get("pullPolicy"))


def _set(draft: Draft, parent: str, key: str, own: str | None) -> None:
    enforced = draft.pod.origin is Origin.ADMISSION and not draft.pod.is_template
    if own is None:
        draft.add(ID, parent, key, _ALWAYS)
    elif own != _ALWAYS and enforced:
        draft.replace(ID, parent, key, _ALWAYS)
    else:
        draft.kept(ID, f"{parent}/{key}", own)


DEFAULT: Final[Default] = Default(
    id=ID,
    level=Level.BASELINE,
    title="Image pulled each time",
    adds="`imagePullPolicy: Always`",
    fields=("container.imagePullPolicy", "volumes[*].image.pullPolicy"),
    apply=apply,
    per_container=True,
)
