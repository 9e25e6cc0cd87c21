"""SELinux: a container type, and neither user nor role. Baseline, from 1.0.

Fields, on the pod and on every container:
    spec.securityContext.seLinuxOptions.{type,user,role}
    spec.{initContainers,containers,ephemeralContainers}[*].securityContext.seLinuxOptions.{type,user,role}

Allowed: type unset, empty, container_t, container_init_t or container_kvm_t, and from 1.31 container_engine_t; user and
role unset or empty. The level is free.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from typing import Final

from patches.model.pod import Pod
from patches.model.shapes import SELinuxOptions
from patches.standards.checks.check import Check, CheckFunction
from patches.standards.checks.phrases import plural, quoted, setters
from patches.standards.levels import Level
from patches.standards.violations import Violation

_TYPES_1_0: Final = frozenset(("", "container_t", "container_init_t", "container_kvm_t"))
_TYPES_1_31: Final = _TYPES_1_0 | {"container_engine_t"}


def _allowing(types: frozenset[str]) -> CheckFunction:
    def check(pod: Pod) -> Violation | None:
        names: list[str] = []
        bad: list[SELinuxOptions] = []
        options = pod.security.get("seLinuxOptions")
        if options and _forbidden(options, types):
            bad.append(options)
        pod_is_bad = bool(bad)
        for container in pod.containers:
            options = container.security.get("seLinuxOptions")
            if options and _forbidden(options, types):
                names.append(container.name)
                bad.append(options)
        if not bad:
            return None
        detail = f"{setters(names, pod=pod_is_bad)} set forbidden securityContext.seLinuxOptions: {_faults(bad, types)}"
        return Violation(CHECK.id, "seLinuxOptions", detail)

    return check


def _forbidden(options: SELinuxOptions, types: frozenset[str]) -> bool:
    return bool((options.get("type") or "") not in types or options.get("user") or options.get("role"))


def _faults(bad: list[SELinuxOptions], types: frozenset[str]) -> str:
    faults: list[str] = []
    bad_types = sorted({options.get("type") or "" for options in bad} - types)
    if bad_types:
        faults.append(f"{plural('type', len(bad_types))} {quoted(bad_types)}")
    if any(options.get("user") for options in bad):
        faults.append("user may not be set")
    if any(options.get("role") for options in bad):
        faults.append("role may not be set")
    return "; ".join(faults)


CHECK: Final[Check] = Check(
    id="seLinuxOptions",
    level=Level.BASELINE,
    versions=((0, _allowing(_TYPES_1_0)), (31, _allowing(_TYPES_1_31))),
    removable=tuple(
        f"{owner}securityContext.seLinuxOptions.{field}"
        for owner in ("", "container.")
        for field in ("type", "user", "role")
    ),
    title="SELinux options of its own",
    asks=(
        "One of the SELinux types for containers (`container_t`, `container_init_t`, `container_kvm_t`, and from "
        "1.31 `container_engine_t`), and neither user nor role."
    ),
    fields="securityContext.seLinuxOptions",
    fix=(
        "`securityContext.seLinuxOptions` of pod and container: `type` unset or one of these, `user` and `role` unset"
    ),
)
