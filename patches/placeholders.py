"""Placeholders: containers with an image such as `auto`, which another webhook replaces when it fills the container in.

A mesh's injector takes every field on a placeholder as the user's own wish. So no default adds to one, and it is judged
by what it sets, which will stay, not by what it leaves unset. Once it is filled in it has another image, and is a
container like any other.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from patches.model.patch import PatchBuilder
from patches.model.pod import Pod
from patches.model.shapes import Json

_HARDENED: Final[dict[str, Json]] = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
_ALL: Final = "ALL"


def as_if_filled_in(pod: Pod, images: Collection[str]) -> Pod:
    """Return the pod as it is judged: placeholders have all that the restricted profile asks a container to set.

    Args:
        pod: the pod, which stays as it is. Without a placeholder it is returned itself.
        images: the images of placeholders.
    """
    placeholders = [container for container in pod.containers if container.is_placeholder(images)]
    if not placeholders:
        return pod
    builder = PatchBuilder(pod.document)
    for container in placeholders:
        path = f"{container.path}/securityContext"
        for field, value in _HARDENED.items():
            if container.security.get(field) is None:
                builder.add(path, field, value)
        if _ALL not in ((container.security.get("capabilities") or {}).get("drop") or ()):
            builder.append(f"{path}/capabilities/drop", _ALL)
    return pod.view(builder.document)
