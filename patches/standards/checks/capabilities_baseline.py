"""Capabilities: nothing beyond what container runtimes grant by default. Baseline, from 1.0.

Field, on every container:
    spec.{initContainers,containers,ephemeralContainers}[*].securityContext.capabilities.add

Allowed: unset, empty, or any of the names below in exactly this spelling.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from typing import Final

from patches.model.pod import Pod
from patches.standards.checks.check import Check
from patches.standards.checks.phrases import containers, quoted_set
from patches.standards.levels import Level
from patches.standards.violations import Violation

_ALLOWED: Final = frozenset(
    (
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    )
)


def _since_1_0(pod: Pod) -> Violation | None:
    names: list[str] = []
    forbidden: list[str] = []
    for container in pod.containers:
        capabilities = container.security.get("capabilities")
        if capabilities:
            added = capabilities.get("add")
            if added and not _ALLOWED.issuperset(added):
                names.append(container.name)
                forbidden += added
    if not names:
        return None
    return Violation(
        CHECK.id,
        "non-default capabilities",
        f"{containers(names)} must not include {quoted_set(set(forbidden) - _ALLOWED)} in "
        "securityContext.capabilities.add",
    )


CHECK: Final[Check] = Check(
    id="capabilities_baseline",
    level=Level.BASELINE,
    versions=((0, _since_1_0),),
    removable=("container.securityContext.capabilities.add[*]",),
    title="Capabilities beyond those that runtimes grant",
    asks=(
        "No added capability beyond those that runtimes grant by default: `AUDIT_WRITE`, `CHOWN`, `DAC_OVERRIDE`, "
        "`FOWNER`, `FSETID`, `KILL`, `MKNOD`, `NET_BIND_SERVICE`, `SETFCAP`, `SETGID`, `SETPCAP`, `SETUID`, "
        "`SYS_CHROOT`."
    ),
    fields="securityContext.capabilities.add",
    fix="container `securityContext.capabilities.add`: remove all others",
)
