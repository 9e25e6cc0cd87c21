"""Judge a pod by the Pod Security Standards, as the PodSecurity admission plugin of Kubernetes does.

Source: https://kubernetes.io/docs/concepts/security/pod-security-admission/
"""

from __future__ import annotations

from functools import cache

from patches.model.pod import Pod
from patches.standards.checks import CHECKS
from patches.standards.checks.check import CheckFunction
from patches.standards.levels import NEWEST_MINOR, LevelVersion
from patches.standards.violations import Violation


def judge(pod: Pod, level: LevelVersion, server_minor: int = NEWEST_MINOR) -> tuple[Violation, ...]:
    """Judge a pod at a level.

    Args:
        pod: a pod, or a pod template, which is judged as its pods would be.
        level: the profile and its version.
        server_minor: the API server's own minor version. The pod is judged by the lowest of it, the level's version and
            NEWEST_MINOR; `latest` is above both.

    Returns:
        What the pod violates, in upstream's order; empty if it complies.
    """
    found: list[Violation] = []
    for check in _applicable(level.level.strictness, min(level.version.minor, server_minor, NEWEST_MINOR)):
        violation = check(pod)
        if violation is not None:
            found.append(violation)
    return tuple(found)


@cache
def _applicable(strictness: int, minor: int) -> tuple[CheckFunction, ...]:
    active = [
        (check, function)
        for check in CHECKS
        if check.level.strictness <= strictness and (function := check.at(minor)) is not None
    ]
    overridden = {overridden for check, _ in active for overridden in check.overrides}
    return tuple(function for check, function in active if check.id not in overridden)
