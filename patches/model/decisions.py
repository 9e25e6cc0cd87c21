"""What the engine says about one pod: a state and a reason for each default, or why the whole pod gets no patch."""

from __future__ import annotations

from typing import NamedTuple

from patches.model.reasons import Reason, State
from patches.model.shapes import Json
from patches.model.withheld import Withheld

__all__ = ["Decision", "Reason", "State", "Withheld"]


class Decision(NamedTuple):
    """One default at one path (a JSON Pointer). `value` is what was added, or what the author set."""

    id: str
    path: str
    state: State
    reason: Reason
    value: Json = None
