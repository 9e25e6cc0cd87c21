"""Root: no explicit user 0. Restricted, from 1.23.

Fields, on the pod and on every container:
    spec.securityContext.runAsUser
    spec.{initContainers,containers,ephemeralContainers}[*].securityContext.runAsUser

Allowed: unset or not 0. From 1.35 a pod in a user namespace (`spec.hostUsers: false`) need not comply.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from typing import Final

from patches.model.pod import Pod
from patches.standards.checks.check import Check
from patches.standards.checks.phrases import setters
from patches.standards.levels import Level
from patches.standards.violations import Violation


def _since_1_23(pod: Pod) -> Violation | None:
    pod_is_bad = pod.security.get("runAsUser") == 0
    names = [container.name for container in pod.containers if container.security.get("runAsUser") == 0]
    if not names and not pod_is_bad:
        return None
    return Violation(CHECK.id, "runAsUser=0", f"{setters(names, pod=pod_is_bad)} must not set runAsUser=0")


def _since_1_35(pod: Pod) -> Violation | None:
    return None if pod.spec.get("hostUsers") is False else _since_1_23(pod)


CHECK: Final[Check] = Check(
    id="runAsUser",
    level=Level.RESTRICTED,
    versions=((23, _since_1_23), (35, _since_1_35)),
    removable=("securityContext.runAsUser", "container.securityContext.runAsUser"),
    title="Runs as user 0",
    asks="No explicit user 0. From 1.35 pods with `hostUsers: false` need not comply.",
    fields="securityContext.runAsUser",
    fix="`securityContext.runAsUser` of pod and container: unset or another number than `0`",
)
