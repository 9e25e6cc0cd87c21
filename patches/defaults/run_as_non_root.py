"""runAsNonRoot: `true`.

Fields: `spec.securityContext.runAsNonRoot` and the same of every container. The restricted profile asks for true at
pod level or on every container. It is added at pod level if no container contradicts it or is excepted, otherwise on
the containers that allow it. The API server accepts it beside user 0, but the kubelet then refuses to start the
container. So a container contradicts it by an explicit false, an effective `runAsUser: 0`, an effective Windows user
`ContainerAdministrator`, or by being privileged. From v1.35 a pod with `hostUsers: false` need not have it, and is left
alone. Source: the Pod Security Standards; `verifyRunAsNonRoot` of the kubelet.
"""

from __future__ import annotations

from typing import Final

from patches.defaults.default import Default
from patches.defaults.draft import Draft
from patches.model.decisions import Reason
from patches.model.pod import ContainerView
from patches.model.shapes import WindowsOptions
from patches.standards.levels import Level

ID: Final = "runAsNonRoot"
_WINDOWS_ROOT: Final = "containeradministrator"
_NO_OPTIONS: Final[WindowsOptions] = {}


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
    if pod.spec.get("hostUsers") is False and draft.policy.restricted_since(35):
        draft.skipped(ID, f"{draft.security_path}/{ID}", Reason.USER_NAMESPACE)
        return
    containers = draft.containers
    contradicted = any(_contradiction(draft, container) for container in containers)
    if draft.whole_pod and not contradicted and not draft.excepts(ID):
        if containers and all(container.security.get("runAsNonRoot") for container in containers):
            for container in containers:
                draft.kept(ID, f"{container.path}/securityContext/{ID}", value=True)
        else:
            draft.add(ID, draft.security_path, ID, value=True)
    else:
        _per_container(draft)


def _per_container(draft: Draft) -> None:
    for container in draft.containers_for(ID, f"securityContext/{ID}"):
        reason = _contradiction(draft, container)
        own = container.security.get("runAsNonRoot")
        path = f"{container.path}/securityContext/{ID}"
        if own is True:
            draft.kept(ID, path, own)
        elif reason is None:
            draft.add(ID, f"{container.path}/securityContext", ID, value=True)
        elif reason is Reason.PRIVILEGED:
            draft.skipped(ID, path, reason)
        else:
            draft.conflict(ID, path, own, reason)


def _report_explicit(draft: Draft) -> None:
    for container in draft.containers:
        own = container.security.get("runAsNonRoot")
        if own is not None:
            path = f"{container.path}/securityContext/{ID}"
            (draft.kept if own else draft.conflict)(ID, path, own)


def _contradiction(draft: Draft, container: ContainerView) -> Reason | None:
    pod, security = draft.pod.security, container.security
    own = security.get("runAsNonRoot")
    if own is not None:
        return None if own else Reason.EXPLICIT_VALUE
    if security.get("privileged"):
        return Reason.PRIVILEGED
    if draft.pod.user_of(container) == 0:
        return Reason.RUNS_AS_ROOT
    name = (security.get("windowsOptions") or _NO_OPTIONS).get("runAsUserName")
    if name is None:
        name = (pod.get("windowsOptions") or _NO_OPTIONS).get("runAsUserName")
    if name is not None and name.lower() == _WINDOWS_ROOT:
        return Reason.RUNS_AS_ROOT
    return None


DEFAULT: Final = Default(
    id=ID,
    level=Level.RESTRICTED,
    title="May not run as root",
    adds="`runAsNonRoot: true`",
    fields=("securityContext.runAsNonRoot", "container.securityContext.runAsNonRoot"),
    apply=apply,
    per_container=True,
)
