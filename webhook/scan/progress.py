"""How far a scan has come."""

from __future__ import annotations

from typing import NamedTuple


class Progress(NamedTuple):
    """What is being read: a kind, by its plural; how many objects have been, and of how many if that is known."""

    plural: str
    done: int
    total: int
