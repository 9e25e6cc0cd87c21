"""What a Pod Security check finds, in upstream's words."""

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
    """The violations as Kubernetes writes them after `violates PodSecurity "LEVEL:VERSION": `; "" if there are none."""
    return ", ".join(map(str, violations))
