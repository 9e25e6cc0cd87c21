"""The /proc mount: masked as the runtime does by default. Baseline, from 1.0.

Field, on every container:
    spec.{initContainers,containers,ephemeralContainers}[*].securityContext.procMount

Allowed: unset or Default. From 1.35 a pod in a user namespace (`spec.hostUsers: false`) may set any value.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from typing import Final

from patches.model.pod import Pod
from patches.standards.checks.check import Check
from patches.standards.checks.phrases import containers, quoted_set
from patches.standards.levels import Level
from patches.standards.violations import Violation


def find_unmasked(pod: Pod, check_id: str) -> Violation | None:
    """The violation, under `check_id`, of the containers whose procMount is set and not Default."""
    names: list[str] = []
    values: list[str] = []
    for container in pod.containers:
        value = container.security.get("procMount")
        if value is not None and value != "Default":
            names.append(container.name)
            values.append(value)
    if not names:
        return None
    detail = f"{containers(names)} must not set securityContext.procMount to {quoted_set(values)}"
    return Violation(check_id, "procMount", detail)


def _since_1_0(pod: Pod) -> Violation | None:
    return find_unmasked(pod, CHECK.id)


def _since_1_35(pod: Pod) -> Violation | None:
    return None if pod.spec.get("hostUsers") is False else find_unmasked(pod, CHECK.id)


CHECK: Final[Check] = Check(
    id="procMount",
    level=Level.BASELINE,
    versions=((0, _since_1_0), (35, _since_1_35)),
    removable=("container.securityContext.procMount",),
    title="/proc is not masked",
    asks="`/proc` is masked as usual. From 1.35 pods with `hostUsers: false` are free to choose.",
    fields="securityContext.procMount",
    fix="container `securityContext.procMount`: unset or `Default`",
)
