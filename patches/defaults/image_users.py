"""What the user of a container's image means for the defaults.

It counts only if nobody else decides: not the author by `runAsUser`, on the container or the pod, not `identity`, and
not a platform that assigns users before webhooks run: a pod that it left without one runs as its image says.
Under `runAsNonRoot: true` the kubelet starts no image that runs as root ("container has runAsNonRoot and image will run
as root") and none whose USER is a name ("image has non-numeric user"). Source: `verifyRunAsNonRoot` of the kubelet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from patches.defaults.draft import Draft
from patches.defaults.identity import sets_user
from patches.model.images import ImageFacts, ImageUser
from patches.model.notices import NoticeCode
from patches.model.pod import ContainerView, Origin

ImageUsers: TypeAlias = Mapping[str, ImageUser]
"""As whom images have their containers run, by the container's path. The images of others do not decide."""


def image_of(draft: Draft, container: ContainerView) -> ImageFacts:
    """Return what is known of a container's image."""
    return draft.namespace.images.find(container.value.get("image"))


def image_users(draft: Draft) -> ImageUsers:
    """Find out as whom images have the pod's containers run: once for a default, since it looks at all of them."""
    matters = draft.namespace.images or draft.policy.settings.run_as_non_root.unknown_images == "skip"
    if not matters or draft.windows or sets_user(draft) or _gets_assigned_user(draft):
        return {}
    return {
        container.path: image_of(draft, container).kind_of_user
        for container in draft.containers
        if draft.pod.user_of(container) is None
    }


def _gets_assigned_user(draft: Draft) -> bool:
    """Whether a platform will give the pod a user: one from a file, or of a template, has not met it yet."""
    pod = draft.pod
    return draft.policy.platform_assigns_users and (pod.origin is Origin.MANIFEST or pod.is_template)


def note_image(draft: Draft, code: NoticeCode, container: ContainerView, *values: str) -> None:
    """Note something about a container's image; the sentence names the container, the image and `values`."""
    draft.notice(code, container.path, container.name, container.value.get("image") or "", *values)
