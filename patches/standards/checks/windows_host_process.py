"""Windows host processes: none, because they run on the node itself. Baseline, from 1.0.

Fields, on the pod and on every container:
    spec.securityContext.windowsOptions.hostProcess
    spec.{initContainers,containers,ephemeralContainers}[*].securityContext.windowsOptions.hostProcess

Allowed: unset or false.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from typing import Final

from patches.model.pod import Pod
from patches.standards.checks.check import Check
from patches.standards.checks.phrases import setters
from patches.standards.levels import Level
from patches.standards.violations import Violation


def _since_1_0(pod: Pod) -> Violation | None:
    pod_is_bad = (pod.security.get("windowsOptions") or {}).get("hostProcess") is True
    names = [
        container.name
        for container in pod.containers
        if (options := container.security.get("windowsOptions")) and options.get("hostProcess")
    ]
    if not names and not pod_is_bad:
        return None
    detail = f"{setters(names, pod=pod_is_bad)} must not set securityContext.windowsOptions.hostProcess=true"
    return Violation(CHECK.id, "hostProcess", detail)


CHECK: Final[Check] = Check(
    id="windowsHostProcess",
    level=Level.BASELINE,
    versions=((0, _since_1_0),),
    removable=("securityContext.windowsOptions.hostProcess", "container.securityContext.windowsOptions.hostProcess"),
    title="A Windows process of the node itself",
    asks="No Windows process of the node itself.",
    fields="securityContext.windowsOptions.hostProcess",
    fix="`securityContext.windowsOptions.hostProcess` of pod and container: unset or `false`",
)
