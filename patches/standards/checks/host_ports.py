"""Host ports: no port of the node for a container. Baseline, from 1.0.

Field, on every container:
    spec.{initContainers,containers,ephemeralContainers}[*].ports[*].hostPort

Allowed: unset or 0. The API server copies containerPort there if the pod says `hostNetwork: true`.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from typing import Final

from patches.model.pod import Pod
from patches.standards.checks.check import Check
from patches.standards.checks.phrases import containers, plural
from patches.standards.levels import Level
from patches.standards.violations import Violation


def _since_1_0(pod: Pod) -> Violation | None:
    names: list[str] = []
    ports: list[str] = []
    for container in pod.containers:
        before = len(ports)
        for port in container.value.get("ports") or ():
            number = port.get("hostPort")
            if number:
                ports.append(str(number))
        if len(ports) > before:
            names.append(container.name)
    if not names:
        return None
    numbers = sorted(set(ports))
    return Violation(
        CHECK.id,
        "hostPort",
        f"{containers(names)} {'uses' if len(names) == 1 else 'use'} {plural('hostPort', len(numbers))} "
        f"{', '.join(numbers)}",
    )


CHECK: Final[Check] = Check(
    id="hostPorts",
    level=Level.BASELINE,
    versions=((0, _since_1_0),),
    removable=("container.ports[*].hostPort",),
    title="Takes a port of the node",
    asks="No port of the node. With `hostNetwork: true` the API server sets one for each container port.",
    fields="ports[*].hostPort",
    fix="container `ports[*].hostPort`: unset or `0`",
)
