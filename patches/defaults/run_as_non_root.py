"""runAsNonRoot: `true`.

Fields: `spec.securityContext.runAsNonRoot` and the same of every container. The restricted profile asks for true at
pod level or on every container. It is added at pod level if no container contradicts it or is excepted, otherwise on
the containers that allow it. The API server accepts it beside user 0, but the kubelet then refuses to start the
container. So a container contradicts it by an explicit false, an effective `runAsUser: 0`, an effective Windows user
`ContainerAdministrator`, or by being privileged. From v1.35 a pod with `hostUsers: false` need not have it, and is left
alone.

What is known of images counts. Where an image runs as root, or as a user by name, the kubelet would not start the
container: it gets none, or with it the number of that user as `runAsUser`, which is the user that it ran as before.
The settings `rootImages`, `namedUsers` and `unknownImages` decide otherwise.

Source: the Pod Security Standards; `verifyRunAsNonRoot` of the kubelet.
"""

from __future__ import annotations

from typing import Final

from patches.defaults.default import Default
from patches.defaults.draft import Draft
from patches.defaults.host_users import could_serve_root_images, in_user_namespace
from patches.defaults.image_users import ImageUsers, image_of, image_users, note_image
from patches.model.decisions import Reason
from patches.model.images import ImageUser
from patches.model.notices import NoticeCode
from patches.model.pod import ContainerView
from patches.model.starting import names_root
from patches.standards.levels import Level

ID: Final = "runAsNonRoot"
_LEFT_ALONE: Final = (
    Reason.PRIVILEGED,
    Reason.IMAGE_RUNS_AS_ROOT,
    Reason.IMAGE_USER_NAME,
    Reason.UNKNOWN_IMAGE,
)
"""The reasons that contradict no explicit value: nothing is added, and nobody has to mend anything."""


def apply(draft: Draft) -> None:
    """Set true on the pod if it suits every container, otherwise on each container that allows it."""
    pod = draft.pod
    explicit = pod.security.get("runAsNonRoot")
    if explicit is not None:
        path = f"{draft.security_path}/{ID}"
        if draft.whole_pod:
            (draft.kept if explicit else draft.conflict)(ID, path, explicit)
        _report_explicit(draft)
        return
    users = image_users(draft)
    if draft.policy.restricted_since(35) and _in_user_namespace(draft, users):
        draft.skipped(ID, f"{draft.security_path}/{ID}", Reason.USER_NAMESPACE)
        return
    containers = draft.containers
    contradicted = any(_contradiction(draft, container, users) for container in containers)
    if draft.whole_pod and not contradicted and not draft.excepts(ID):
        if containers and all(container.security.get("runAsNonRoot") for container in containers):
            for container in containers:
                draft.kept(ID, f"{container.path}/securityContext/{ID}", value=True)
        else:
            draft.add(ID, draft.security_path, ID, value=True)
            for container in containers:
                _add_user(draft, container, users)
    else:
        _per_container(draft, users)


def _in_user_namespace(draft: Draft, users: ImageUsers) -> bool:
    """Whether the pod has `hostUsers: false`, or gets it for an image that runs as root."""
    return draft.pod.spec.get("hostUsers") is False or (ImageUser.ROOT in users.values() and in_user_namespace(draft))


def _per_container(draft: Draft, users: ImageUsers) -> None:
    for container in draft.containers_for(ID, f"securityContext/{ID}"):
        reason = _contradiction(draft, container, users)
        own = container.security.get("runAsNonRoot")
        path = f"{container.path}/securityContext/{ID}"
        if own is True:
            draft.kept(ID, path, own)
        elif reason is None:
            draft.add(ID, f"{container.path}/securityContext", ID, value=True)
            _add_user(draft, container, users)
        elif reason in _LEFT_ALONE:
            draft.skipped(ID, path, reason)
            _explain(draft, container, reason)
        else:
            draft.conflict(ID, path, own, reason)


def _report_explicit(draft: Draft) -> None:
    for container in draft.containers:
        own = container.security.get("runAsNonRoot")
        if own is not None:
            path = f"{container.path}/securityContext/{ID}"
            (draft.kept if own else draft.conflict)(ID, path, own)


def _contradiction(draft: Draft, container: ContainerView, users: ImageUsers) -> Reason | None:
    own = container.security.get("runAsNonRoot")
    if own is not None:
        return None if own else Reason.EXPLICIT_VALUE
    if container.security.get("privileged"):
        return Reason.PRIVILEGED
    if names_root(draft.pod, container):
        return Reason.RUNS_AS_ROOT
    return _image_obstacle(draft, users.get(container.path))


def _image_obstacle(draft: Draft, user: ImageUser | None) -> Reason | None:
    settings = draft.policy.settings.run_as_non_root
    match user:
        case ImageUser.ROOT if settings.avoids_root_images:
            return Reason.IMAGE_RUNS_AS_ROOT
        case ImageUser.NAME if settings.named_users == "explicit":
            return Reason.IMAGE_USER_NAME
        case ImageUser.UNKNOWN if settings.unknown_images == "skip":
            return Reason.UNKNOWN_IMAGE
        case _:
            return None


def _add_user(draft: Draft, container: ContainerView, users: ImageUsers) -> None:
    """Make the user of the image verifiable beside our runAsNonRoot."""
    if container.security.get(ID) is not None:
        return
    named = users.get(container.path) is ImageUser.NAMED
    if named and draft.policy.settings.run_as_non_root.named_users == "explicit":
        image = image_of(draft, container)
        draft.add(ID, f"{container.path}/securityContext", "runAsUser", image.uid, Reason.IMAGE_USER)


def _explain(draft: Draft, container: ContainerView, reason: Reason) -> None:
    if reason is Reason.IMAGE_RUNS_AS_ROOT:
        mapped = could_serve_root_images(draft)
        note_image(draft, NoticeCode.ROOT_IMAGE_MAPPABLE if mapped else NoticeCode.ROOT_IMAGE, container)
    elif reason is Reason.IMAGE_USER_NAME:
        note_image(draft, NoticeCode.NAMED_USER_IMAGE, container, image_of(draft, container).user or "")


DEFAULT: Final[Default] = Default(
    id=ID,
    level=Level.RESTRICTED,
    title="May not run as root",
    adds="`runAsNonRoot: true`",
    fields=(
        "securityContext.runAsNonRoot",
        "container.securityContext.runAsNonRoot",
        "container.securityContext.runAsUser",
    ),
    apply=apply,
    per_container=True,
)
