"""Host namespaces: the pod does not share the host's. Baseline, from 1.0.

Fields, on the pod:
    spec.hostNetwork
    spec.hostPID
    spec.hostIPC

Allowed: unset or false.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from typing import Final

from patches.model.pod import Pod
from patches.standards.checks.check import Check
from patches.standards.levels import Level
from patches.standards.violations import Violation


def _since_1_0(pod: Pod) -> Violation | None:
    spec = pod.spec
    host_network, host_pid, host_ipc = spec.get("hostNetwork"), spec.get("hostPID"), spec.get("hostIPC")
    if not (host_network or host_pid or host_ipc):
        return None
    fields = (("hostNetwork=true", host_network), ("hostPID=true", host_pid), ("hostIPC=true", host_ipc))
    return Violation(CHECK.id, "host namespaces", ", ".join(text for text, shared in fields if shared))


CHECK: Final[Check] = Check(
    id="hostNamespaces",
    level=Level.BASELINE,
    versions=((0, _since_1_0),),
    removable=("hostNetwork", "hostPID", "hostIPC"),
    title="Shares the network, processes or IPC of its node",
    asks="The pod does not share the network, the processes or the IPC of its node.",
    fields="spec.hostNetwork, spec.hostPID, spec.hostIPC",
    fix="`hostNetwork`, `hostPID`, `hostIPC`: unset or `false`",
)
