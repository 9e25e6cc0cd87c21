"""What a source answers: the state of one namespace, and how it fails to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from patches.policy.policy import Policy
from patches.policy.snapshot import Facts


@dataclass(frozen=True, slots=True)
class NamespaceState:
    """The resolved policy of a namespace and the facts around its pods, compiled when they last changed."""

    policy: Policy
    facts: Facts


class Source(Protocol):
    """Answers for a namespace. Raises NamespaceUnknown."""

    async def state(self, namespace: str, account: str = "") -> NamespaceState:
        """The state of `namespace` now. `account` is the ServiceAccount whose word counts, where it is known."""
        ...
