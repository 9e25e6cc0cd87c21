"""Sysctls: only those that stay inside the pod. Baseline, from 1.0.

Field, on the pod:
    spec.securityContext.sysctls[*].name

Allowed: the names below; later versions of Kubernetes count more of them as safe.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from typing import Final

from patches.model.pod import Pod
from patches.standards.checks.check import Check, CheckFunction
from patches.standards.levels import Level
from patches.standards.violations import Violation

_SAFE_1_0: Final = frozenset(
    (
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.ping_group_range",
        "net.ipv4.ip_unprivileged_port_start",
    )
)
_SAFE_1_27: Final = _SAFE_1_0 | {"net.ipv4.ip_local_reserved_ports"}
_SAFE_1_29: Final = _SAFE_1_27 | {
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
}
_SAFE_1_32: Final = _SAFE_1_29 | {"net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"}
_SAFE_1_37: Final = _SAFE_1_32 | {"net.ipv4.tcp_slow_start_after_idle", "net.ipv4.tcp_notsent_lowat"}


def _allowing(safe: frozenset[str]) -> CheckFunction:
    def check(pod: Pod) -> Violation | None:
        sysctls = pod.security.get("sysctls")
        if not sysctls:
            return None
        forbidden = [name for name in (sysctl.get("name") or "" for sysctl in sysctls) if name not in safe]
        return Violation(CHECK.id, "forbidden sysctls", ", ".join(forbidden)) if forbidden else None

    return check


CHECK: Final[Check] = Check(
    id="sysctls",
    level=Level.BASELINE,
    versions=(
        (0, _allowing(_SAFE_1_0)),
        (27, _allowing(_SAFE_1_27)),
        (29, _allowing(_SAFE_1_29)),
        (32, _allowing(_SAFE_1_32)),
        (37, _allowing(_SAFE_1_37)),
    ),
    removable=("securityContext.sysctls[*]",),
    title="Sysctls that reach beyond the pod",
    asks=(
        "Only sysctls that stay inside the pod: `kernel.shm_rmid_forced` and, under `net.ipv4.`, "
        "`ip_local_port_range`, `tcp_syncookies`, `ping_group_range`, `ip_unprivileged_port_start`; from 1.27 "
        "`ip_local_reserved_ports`; from 1.29 `tcp_keepalive_time`, `tcp_fin_timeout`, `tcp_keepalive_intvl`, "
        "`tcp_keepalive_probes`; from 1.32 `tcp_rmem`, `tcp_wmem`; from 1.37 `tcp_slow_start_after_idle`, "
        "`tcp_notsent_lowat`."
    ),
    fields="spec.securityContext.sysctls",
    fix="`securityContext.sysctls`: remove all others",
)
