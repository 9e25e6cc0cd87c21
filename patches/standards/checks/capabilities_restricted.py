"""Capabilities: all dropped, and at most one added. Restricted, from 1.22, in place of capabilities_baseline.

Fields, on every container:
    spec.{initContainers,containers,ephemeralContainers}[*].securityContext.capabilities.drop
    spec.{initContainers,containers,ephemeralContainers}[*].securityContext.capabilities.add

Allowed: drop contains ALL in exactly this spelling; add is unset, empty or NET_BIND_SERVICE. From 1.25 pods of
`spec.os.name: windows`, which may not set them, are exempt.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from typing import Final

from patches.model.pod import Pod
from patches.standards.checks.check import Check
from patches.standards.checks.phrases import containers, quoted_set
from patches.standards.levels import Level
from patches.standards.violations import Violation

_ALLOWED: Final = frozenset(("NET_BIND_SERVICE",))


def _since_1_22(pod: Pod) -> Violation | None:
    not_dropping: list[str] = []
    adding: list[str] = []
    added: list[str] = []
    for container in pod.containers:
        capabilities = container.security.get("capabilities")
        if not capabilities:
            not_dropping.append(container.name)
            continue
        if "ALL" not in (capabilities.get("drop") or ()):
            not_dropping.append(container.name)
        add = capabilities.get("add")
        if add and not _ALLOWED.issuperset(add):
            adding.append(container.name)
            added += add
    if not not_dropping and not adding:
        return None
    details: list[str] = []
    if not_dropping:
        details.append(f'{containers(not_dropping)} must set securityContext.capabilities.drop=["ALL"]')
    if adding:
        forbidden = quoted_set(set(added) - _ALLOWED)
        details.append(f"{containers(adding)} must not include {forbidden} in securityContext.capabilities.add")
    return Violation(CHECK.id, "unrestricted capabilities", "; ".join(details))


def _since_1_25(pod: Pod) -> Violation | None:
    violation = _since_1_22(pod)
    return None if violation is None or pod.windows else violation


CHECK: Final[Check] = Check(
    id="capabilities_restricted",
    level=Level.RESTRICTED,
    versions=((22, _since_1_22), (25, _since_1_25)),
    overrides=("capabilities_baseline",),
    removable=("container.securityContext.capabilities.add[*]",),
    settable=(("container.securityContext.capabilities.drop", ["ALL"]),),
    title="Keeps or adds capabilities",
    asks=(
        "All capabilities are dropped, by exactly the name `ALL`, and at most `NET_BIND_SERVICE` is added. Replaces "
        "`capabilities_baseline`. From 1.25 Windows pods are exempt."
    ),
    fields="securityContext.capabilities",
    fix=(
        'container `securityContext.capabilities.drop`: `["ALL"]`; `securityContext.capabilities.add`: unset or '
        '`["NET_BIND_SERVICE"]`'
    ),
)
