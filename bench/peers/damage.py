"""What a policy does to pods: how many are refused because of it, and whose values it overwrites."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from bench.peers.changes import overwritten
from bench.peers.cluster import Outcome


class Damage(NamedTuple):
    """The comparison of the same pods without and with a policy.

    Attributes:
        pods: how many were created.
        accepted: how many the API server accepts without the policy.
        refused: of these, those that it refuses with the policy: name and message.
        overwritten: of the others, those with values of their author that the policy changed: name and fields.
    """

    pods: int
    accepted: int
    refused: dict[str, str]
    overwritten: dict[str, list[str]]

    def lines(self) -> list[str]:
        """What it is, as text: first the figures, then a line for each pod."""
        return [
            f"{self.accepted} of {self.pods} pods accepted before",
            f"{len(self.refused)} of them refused now",
            f"{len(self.overwritten)} of them with values of their author overwritten",
            *(f"refused: {name}: {message}" for name, message in self.refused.items()),
            *(f"overwritten: {name}: {', '.join(fields)}" for name, fields in self.overwritten.items()),
        ]


def compare(sent: Sequence[dict[str, Any]], before: Sequence[Outcome], after: Sequence[Outcome]) -> Damage:
    """Compare what became of the same pods without a policy and with it."""
    accepted = 0
    refused: dict[str, str] = {}
    changed: dict[str, list[str]] = {}
    for pod, one, other in zip(sent, before, after, strict=True):
        if one.pod is None:
            continue
        accepted += 1
        if other.pod is None:
            refused[one.name] = other.message
        elif fields := sorted(overwritten(pod, one.pod, other.pod)):
            changed[one.name] = fields
    return Damage(len(sent), accepted, refused, changed)
