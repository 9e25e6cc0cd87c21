"""Privileged containers: none, because they may do all that the node may. Baseline, from 1.0.

Field, on every container:
    spec.{initContainers,containers,ephemeralContainers}[*].securityContext.privileged

Allowed: unset or false.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from typing import Final

from patches.model.pod import Pod
from patches.standards.checks.check import Check
from patches.standards.checks.phrases import containers
from patches.standards.levels import Level
from patches.standards.violations import Violation


def _since_1_0(pod: Pod) -> Violation | None:
    names = [container.name for container in pod.containers if container.security.get("privileged")]
    if not names:
        return None
    return Violation(CHECK.id, "privileged", f"{containers(names)} must not set securityContext.privileged=true")


CHECK: Final[Check] = Check(
    id="privileged",
    level=Level.BASELINE,
    versions=((0, _since_1_0),),
    removable=("container.securityContext.privileged",),
    title="A privileged container",
    asks="No privileged container.",
    fields="securityContext.privileged",
    fix="container `securityContext.privileged`: unset or `false`",
)
