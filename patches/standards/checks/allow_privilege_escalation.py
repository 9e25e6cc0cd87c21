"""Privilege escalation: no process gains more than its parent has. Restricted, from 1.8.

Field, on every container:
    spec.{initContainers,containers,ephemeralContainers}[*].securityContext.allowPrivilegeEscalation

Allowed: false, and it must be set. From 1.25 pods of `spec.os.name: windows`, which may not set it, are exempt.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from typing import Final

from patches.model.pod import Pod
from patches.standards.checks.check import Check
from patches.standards.checks.phrases import containers
from patches.standards.levels import Level
from patches.standards.violations import Violation


def _since_1_8(pod: Pod) -> Violation | None:
    names = [
        container.name
        for container in pod.containers
        if container.security.get("allowPrivilegeEscalation") is not False
    ]
    if not names:
        return None
    detail = f"{containers(names)} must set securityContext.allowPrivilegeEscalation=false"
    return Violation(CHECK.id, "allowPrivilegeEscalation != false", detail)


def _since_1_25(pod: Pod) -> Violation | None:
    violation = _since_1_8(pod)
    return None if violation is None or pod.windows else violation


CHECK: Final[Check] = Check(
    id="allowPrivilegeEscalation",
    level=Level.RESTRICTED,
    versions=((8, _since_1_8), (25, _since_1_25)),
    removable=("container.securityContext.allowPrivilegeEscalation",),
    settable=(("container.securityContext.allowPrivilegeEscalation", False),),
    title="May gain privileges",
    asks=(
        "No process gains more privileges than its parent has. From 1.25 Windows pods (`os.name: windows`) are exempt."
    ),
    fields="securityContext.allowPrivilegeEscalation",
    fix="container `securityContext.allowPrivilegeEscalation`: `false`",
)
