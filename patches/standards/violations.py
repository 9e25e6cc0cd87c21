"""What a Pod Security check finds, and upstream's way of saying it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Violation(NamedTuple):
    """One failed check. `reason` is fixed per check, `detail` names the containers, fields and values."""

    id: str
    reason: str
    detail: str

    def __str__(self) -> str:
        return f"{self.reason} ({self.detail})"


def violation_text(violations: Iterable[Violation]) -> str:
    """What Kubernetes puts behind `violates PodSecurity "LEVEL:VERSION": `; empty where nothing is violated."""
    return ", ".join(map(str, violations))
