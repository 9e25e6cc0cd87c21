"""Whether this server wants traffic, and what that depends on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias


class Condition(NamedTuple):
    """Something that readiness depends on, or that an operator wants to see beside it. `detail` is one line."""

    name: str
    ok: bool
    detail: str = ""


Conditions: TypeAlias = Callable[[], Iterable[Condition]]


class Readiness:
    """Not ready before the server is started, while a condition does not hold, nor once it is told to stop."""

    def __init__(self, conditions: Sequence[Conditions] = ()) -> None:
        """Start as not serving."""
        self.serving = False
        self._conditions = conditions

    @property
    def ready(self) -> bool:
        """Whether traffic is wanted now."""
        return self.serving and all(condition.ok for condition in self._all())

    def told(self) -> str:
        """A line for every condition, `[+]` where it holds, and the verdict."""
        lines = [f"[{'+' if row.ok else '-'}]{row.name} {row.detail}".rstrip() for row in self._all()]
        return "\n".join([*lines, "ok" if self.ready else "not ready", ""])

    def _all(self) -> Iterable[Condition]:
        yield Condition("serving", self.serving)
        for conditions in self._conditions:
            yield from conditions()
