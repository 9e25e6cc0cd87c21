"""The /proc mount: masked even in a user namespace. Restricted, from 1.35, in place of procMount.

Field, on every container:
    spec.{initContainers,containers,ephemeralContainers}[*].securityContext.procMount

Allowed: unset or Default, whatever `spec.hostUsers` says.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from typing import Final

from patches.model.pod import Pod
from patches.standards.checks.check import Check
from patches.standards.checks.proc_mount import find_unmasked
from patches.standards.levels import Level
from patches.standards.violations import Violation


def _since_1_35(pod: Pod) -> Violation | None:
    return find_unmasked(pod, CHECK.id)


CHECK: Final[Check] = Check(
    id="procMount_restricted",
    level=Level.RESTRICTED,
    versions=((35, _since_1_35),),
    overrides=("procMount",),
    removable=("container.securityContext.procMount",),
    title="/proc is not masked",
    asks="As `procMount`, also for pods with `hostUsers: false`. Replaces it.",
    fields="securityContext.procMount",
    fix="container `securityContext.procMount`: unset or `Default`",
)
