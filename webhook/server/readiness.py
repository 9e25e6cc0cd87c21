"""Whether this server wants traffic, and what that depends on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias


class Condition(NamedTuple):
    """Something that readiness depends on, or that an operator wants to see beside it.

    Attributes:
        name: what it is about.
        ok: whether it holds.
        detail: one line for the operator.
    """

    name: str
    ok: bool
    detail: str = ""


ConditionSource: TypeAlias = Callable[[], Iterable[Condition]]


class Readiness:
    """Ready from the start of the server until SIGTERM, while every condition holds."""

    def __init__(self, conditions: Sequence[ConditionSource] = ()) -> None:
        """Start as not serving."""
        self.serving = False
        self._conditions = conditions

    @property
    def ready(self) -> bool:
        """Whether traffic is wanted now."""
        return self.serving and all(condition.ok for condition in self._all())

    def report(self) -> str:
        """One line per condition, with `[+]` if it holds and `[-]` if not, then the result."""
        lines = [f"[{'+' if row.ok else '-'}]{row.name} {row.detail}".rstrip() for row in self._all()]
        return "\n".join([*lines, "ok" if self.ready else "not ready", ""])

    def _all(self) -> Iterable[Condition]:
        yield Condition("serving", self.serving)
        for conditions in self._conditions:
            yield from conditions()
