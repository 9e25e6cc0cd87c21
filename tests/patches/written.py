"""What a patch writes, pointer by pointer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from patches.model.operation import Operation
from patches.model.patch import escape
from patches.model.shapes import Json


def written(operations: Iterable[Operation]) -> dict[str, Json]:
    """The value at each pointer that a patch writes: that of each operation, and all inside it."""
    rows = (operation for operation in operations if operation["op"] != "remove")
    return {pointer: value for row in rows for pointer, value in _inside(row["path"], row["value"])}


def _inside(pointer: str, value: Json) -> Iterator[tuple[str, Json]]:
    yield pointer, value
    children = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
    for key, child in children:
        yield from _inside(f"{pointer}/{escape(str(key))}", child)
