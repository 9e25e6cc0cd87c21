"""seccompProfile: `RuntimeDefault`, or a configured Localhost profile, at pod level.

Fields: `spec.securityContext.seccompProfile` and the same of every container. The restricted profile asks for
RuntimeDefault or Localhost at pod level or on every container. It is added at pod level unless every container sets its
own; if the pod has none, on a new ephemeral container, and on each container if another one is excepted. Windows pods
may not have it. A seccomp annotation of the pod or a container must agree with the field there, or the API server
refuses to create the pod. It does not compare them on an update, nor does the kubelet read such annotations, so they do
not keep the field from ephemeral containers.
Source: the Pod Security Standards; `validateSeccompAnnotationsAndFields` of `core/v1` validation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from patches.defaults.default import Default
from patches.defaults.draft import Draft
from patches.model.decisions import Reason
from patches.model.pod import ContainerView
from patches.model.shapes import Json, SeccompProfile
from patches.standards.levels import Level

ID: Final = "seccompProfile"
POD_ANNOTATION: Final = "seccomp.security.alpha.kubernetes.io/pod"
CONTAINER_ANNOTATION: Final = "container.seccomp.security.alpha.kubernetes.io/"
RUNTIME_DEFAULT: Final = ("runtime/default", "docker/default")


def apply(draft: Draft) -> None:
    """Set the configured profile on the pod; one by one on new ephemeral containers, and if a container is excepted."""
    pod = draft.pod
    path = f"{draft.security_path}/{ID}"
    own = pod.security.get(ID)
    one_by_one = own is None and (not draft.whole_pod or draft.excepts(ID))
    containers = list(draft.containers_for(ID, f"securityContext/{ID}")) if one_by_one else draft.containers
    explicit = [container for container in containers if container.security.get(ID) is not None]
    for container in explicit:
        _report(draft, f"{container.path}/securityContext/{ID}", container.security.get(ID) or {})
    if own is not None:
        if draft.whole_pod:
            _report(draft, path, own)
    elif one_by_one:
        _per_container(draft, containers)
    elif draft.windows:
        draft.skipped(ID, path, Reason.WINDOWS)
    elif explicit and len(explicit) == len(draft.containers):
        draft.kept(ID, path, None, Reason.EVERY_CONTAINER)
    elif not _agrees(pod.annotations.get(POD_ANNOTATION), _profile(draft)):
        draft.skipped(ID, path, Reason.SECCOMP_ANNOTATION)
    else:
        draft.add(ID, draft.security_path, ID, _profile(draft))


def _per_container(draft: Draft, containers: Sequence[ContainerView]) -> None:
    annotations = draft.pod.annotations
    for container in containers:
        if container.security.get(ID) is not None:
            continue
        path = f"{container.path}/securityContext"
        if draft.windows:
            draft.skipped(ID, f"{path}/{ID}", Reason.WINDOWS)
        elif container.security.get("privileged"):
            draft.skipped(ID, f"{path}/{ID}", Reason.PRIVILEGED)
        elif draft.whole_pod and not _agrees(annotations.get(CONTAINER_ANNOTATION + container.name), _profile(draft)):
            draft.skipped(ID, f"{path}/{ID}", Reason.SECCOMP_ANNOTATION)
        else:
            draft.add(ID, path, ID, _profile(draft))


def _report(draft: Draft, path: str, profile: SeccompProfile) -> None:
    (draft.conflict if profile.get("type") == "Unconfined" else draft.kept)(ID, path, profile)


def _profile(draft: Draft) -> dict[str, Json]:
    settings = draft.policy.settings.seccomp_profile
    if settings.localhost_profile is None:
        return {"type": settings.type}
    return {"type": settings.type, "localhostProfile": settings.localhost_profile}


def _agrees(annotation: str | None, profile: dict[str, Json]) -> bool:
    if annotation is None:
        return True
    if profile["type"] == "RuntimeDefault":
        return annotation in RUNTIME_DEFAULT
    return annotation == f"localhost/{profile['localhostProfile']}"


DEFAULT: Final[Default] = Default(
    id=ID,
    level=Level.RESTRICTED,
    title="System calls filtered",
    adds="`seccompProfile: {type: RuntimeDefault}`",
    fields=("securityContext.seccompProfile", "container.securityContext.seccompProfile"),
    apply=apply,
    per_container=True,
)
