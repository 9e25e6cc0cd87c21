"""The operations that a patch consists of (RFC 6902)."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from patches.model.shapes import Json


class Operation(TypedDict):
    """One RFC 6902 operation."""

    op: Literal["add", "remove", "replace"]
    path: str
    value: NotRequired[Json]
