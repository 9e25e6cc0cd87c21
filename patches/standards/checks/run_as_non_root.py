"""Root: the kubelet is told to refuse it. Restricted, from 1.0.

Fields, on the pod and on every container:
    spec.securityContext.runAsNonRoot
    spec.{initContainers,containers,ephemeralContainers}[*].securityContext.runAsNonRoot

Allowed: true. A container may leave it unset if the pod says true; the pod may leave it unset if every container says
true; false is forbidden everywhere. From 1.35 a pod in a user namespace (`spec.hostUsers: false`) need not comply.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from typing import Final

from patches.model.pod import Pod
from patches.standards.checks.check import Check
from patches.standards.checks.phrases import containers, setters
from patches.standards.levels import Level
from patches.standards.violations import Violation

_REASON: Final = "runAsNonRoot != true"


def _since_1_0(pod: Pod) -> Violation | None:
    explicit: list[str] = []
    implicit: list[str] = []
    on_pod = pod.security.get("runAsNonRoot")
    for container in pod.containers:
        on_container = container.security.get("runAsNonRoot")
        if on_container is False:
            explicit.append(container.name)
        elif on_container is None and on_pod is None:
            implicit.append(container.name)
    if explicit or on_pod is False:
        by = setters(explicit, pod=on_pod is False)
        return Violation(CHECK.id, _REASON, f"{by} must not set securityContext.runAsNonRoot=false")
    if implicit:
        return Violation(CHECK.id, _REASON, f"pod or {containers(implicit)} must set securityContext.runAsNonRoot=true")
    return None


def _since_1_35(pod: Pod) -> Violation | None:
    return None if pod.spec.get("hostUsers") is False else _since_1_0(pod)


CHECK: Final[Check] = Check(
    id="runAsNonRoot",
    level=Level.RESTRICTED,
    versions=((0, _since_1_0), (35, _since_1_35)),
    removable=("securityContext.runAsNonRoot", "container.securityContext.runAsNonRoot"),
    settable=(("securityContext.runAsNonRoot", True),),
    title="May run as root",
    asks="Containers may not start as root. From 1.35 pods with `hostUsers: false` need not comply.",
    fields="securityContext.runAsNonRoot",
    fix=(
        "`securityContext.runAsNonRoot`: `true` on the pod or on every container, and `false` on none; the image "
        "then needs a numeric user other than 0, or `runAsUser` has to name one"
    ),
)
