"""What the user of a container's image means for the defaults.

It counts only if nobody else decides: not the author by `runAsUser`, on the container or the pod, and not `identity`.
Under `runAsNonRoot: true` the kubelet starts no image that runs as root ("container has runAsNonRoot and image will run
as root") and none whose USER is a name ("image has non-numeric user"). Source: `verifyRunAsNonRoot` of the kubelet.
"""

from __future__ import annotations

from patches.defaults.draft import Draft
from patches.defaults.identity import sets_user
from patches.model.images import ImageFacts, ImageUser
from patches.model.pod import ContainerView


def image_of(draft: Draft, container: ContainerView) -> ImageFacts:
    """Return what is known of a container's image."""
    return draft.namespace.images.find(container.value.get("image"))


def image_user(draft: Draft, container: ContainerView) -> ImageUser | None:
    """Return as whom the image has the container run; None if the image does not decide."""
    if draft.windows or draft.pod.user_of(container) is not None or sets_user(draft):
        return None
    return image_of(draft, container).kind_of_user


def is_root_by_image(draft: Draft, container: ContainerView) -> bool:
    """Whether a container runs as root because its image does."""
    return bool(draft.namespace.images) and image_user(draft, container) is ImageUser.ROOT
