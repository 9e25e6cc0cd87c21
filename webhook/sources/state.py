"""What a source answers: the state of one namespace, and how it fails to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from patches.facts import Facts
from patches.policy import Policy


@dataclass(frozen=True, slots=True)
class NamespaceState:
    """The resolved policy of a namespace and the facts around its pods, compiled when they last changed."""

    policy: Policy
    facts: Facts


class NamespaceUnknown(Exception):
    """The namespace's labels could not be learnt, so nothing may be decided. `absent`: since it does not exist."""

    def __init__(self, message: str, *, absent: bool = False) -> None:
        super().__init__(message)
        self.absent = absent


class Source(Protocol):
    """Answers for a namespace. Raises NamespaceUnknown."""

    async def state(self, namespace: str, account: str = "") -> NamespaceState:
        """The state of `namespace` now. `account` is the ServiceAccount whose word counts, where it is known."""
        ...
