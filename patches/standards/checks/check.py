"""What a Pod Security check is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from patches.model.pod import Pod
from patches.standards.levels import Level
from patches.standards.violations import Violation

CheckFunction: TypeAlias = Callable[[Pod], Violation | None]
"""One version of a check: what the pod violates, or None where it complies."""


@dataclass(frozen=True, slots=True)
class Check:
    """One control of the Pod Security Standards.

    `versions` pairs the Kubernetes minor version from which a rule holds with the rule, in ascending order. From its
    first version on the check replaces those named in `overrides`.
    """

    id: str
    level: Level
    versions: tuple[tuple[int, CheckFunction], ...]
    overrides: tuple[str, ...] = ()

    def at(self, minor: int) -> CheckFunction | None:
        """The rule in force at Kubernetes 1.`minor`, or None where the check is younger than that."""
        return next((function for since, function in reversed(self.versions) if since <= minor), None)
