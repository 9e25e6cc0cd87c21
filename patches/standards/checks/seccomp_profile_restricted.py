"""Seccomp: switched on, explicitly. Restricted, from 1.19, in place of seccompProfile_baseline.

Fields, on the pod and on every container:
    spec.securityContext.seccompProfile.type
    spec.{initContainers,containers,ephemeralContainers}[*].securityContext.seccompProfile.type

Allowed: RuntimeDefault or Localhost. A container may leave it unset if the pod sets it; the pod may leave it unset if
every container sets it. From 1.25 pods of `spec.os.name: windows`, which may not set it, are exempt.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from typing import Final

from patches.model.pod import Pod
from patches.standards.checks.check import Check
from patches.standards.checks.phrases import containers
from patches.standards.checks.seccomp_profile_baseline import explicit_violation
from patches.standards.levels import Level
from patches.standards.violations import Violation


def _since_1_19(pod: Pod) -> Violation | None:
    explicit = explicit_violation(CHECK.id, pod)
    if explicit is not None or pod.security.get("seccompProfile") is not None:
        return explicit
    implicit = [container.name for container in pod.containers if container.security.get("seccompProfile") is None]
    if implicit:
        detail = (
            f"pod or {containers(implicit)} must set securityContext.seccompProfile.type "
            'to "RuntimeDefault" or "Localhost"'
        )
        return Violation(CHECK.id, "seccompProfile", detail)
    return None


def _since_1_25(pod: Pod) -> Violation | None:
    violation = _since_1_19(pod)
    return None if violation is None or pod.windows else violation


CHECK: Final[Check] = Check(
    id="seccompProfile_restricted",
    level=Level.RESTRICTED,
    versions=((19, _since_1_19), (25, _since_1_25)),
    overrides=("seccompProfile_baseline",),
    removable=("securityContext.seccompProfile", "container.securityContext.seccompProfile"),
    settable=(("securityContext.seccompProfile", {"type": "RuntimeDefault"}),),
    title="No seccomp profile",
    asks="Seccomp is switched on. Replaces `seccompProfile_baseline`. From 1.25 Windows pods are exempt.",
    fields="securityContext.seccompProfile.type",
    fix=(
        "`securityContext.seccompProfile.type`: `RuntimeDefault` or `Localhost` on the pod or on every container, "
        "and nothing else on any"
    ),
)
