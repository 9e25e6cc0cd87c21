"""The patch builder: it records RFC 6902 operations on raw JSON, and keeps the document that they lead to.

Operations are applied to a copy-on-write document as they are recorded: only the maps and lists on the way to a change
are copied, the rest is shared with the original and the values given, which are never modified. A parent that is
missing or null is added first, because an operation whose parent does not exist fails the whole request. One that is
empty, as API servers make `securityContext` and `resources`, is added anew. What changes below it later goes into the
value of that one `add`: an API server pays for each operation.
"""

from __future__ import annotations

from typing import Any, Literal

from patches.model.operation import Operation
from patches.model.shapes import Json


def escape(token: str) -> str:
    """Escape one reference token of a JSON Pointer (RFC 6901, section 3)."""
    return token.replace("~", "~0").replace("/", "~1") if "~" in token or "/" in token else token


def unescape(token: str) -> str:
    """Undo `escape`."""
    return token.replace("~1", "/").replace("~0", "~") if "~" in token else token


class PatchBuilder:
    """Records operations, and keeps `document` as they leave it. The original document is never modified."""

    __slots__ = ("_added", "_lists", "_owned", "document", "operations")

    def __init__(self, document: Json) -> None:
        """Start from `document`, without operations."""
        self.document = document
        self.operations: list[Operation] = []
        self._owned: dict[str, Any] = {}
        self._lists: set[str] = set()
        self._added: set[str] = set()  # parents that were missing, and what is below them: no more operations there

    def add(self, parent: str, key: str, value: Json) -> str:
        """Set `key` in the map at the pointer `parent`; returns the pointer of the new value."""
        node = self._owned.get(parent)
        if node is None:
            node = self._own(parent, dict)
        path = f"{parent}/{escape(key)}"
        if parent not in self._added:
            self.operations.append({"op": "add", "path": path, "value": value})
        node[key] = value
        if path in self._owned:
            self._forget(path)
        return path

    def append(self, parent: str, value: Json) -> str:
        """Append to the list at the pointer `parent`; returns the pointer that the new element has."""
        node = self._own(parent, list)
        if parent not in self._added:
            self.operations.append({"op": "add", "path": f"{parent}/-", "value": value})
        node.append(value)
        return f"{parent}/{len(node) - 1}"

    def replace(self, parent: str, key: str, value: Json) -> str:
        """Replace the existing `key` of the map at `parent`; returns its pointer."""
        node = self._own(parent, dict)
        path = f"{parent}/{escape(key)}"
        if parent not in self._added:
            self.operations.append({"op": "replace", "path": path, "value": value})
        node[key] = value
        if path in self._owned:
            self._forget(path)
        return path

    def remove(self, parent: str, index: int) -> None:
        """Remove the element `index` of the list at the pointer `parent`. Later elements move up."""
        node = self._own(parent, list)
        if parent not in self._added:
            self.operations.append({"op": "remove", "path": f"{parent}/{index}"})
        del node[index]
        if parent in self._lists:  # its elements are cached by positions, which have moved
            self._forget(f"{parent}/")
            self._lists.discard(parent)

    def _forget(self, prefix: str) -> None:
        for pointer in [pointer for pointer in self._owned if pointer.startswith(prefix)]:
            del self._owned[pointer]
            self._added.discard(pointer)

    def _own(self, pointer: str, kind: type[dict[str, Any] | list[Any]]) -> Any:
        """The map or list at `pointer`, copied once so that it may change, and made if it is missing, null or empty."""
        owned = self._owned
        node = owned.get(pointer)
        if node is not None:
            return node
        if not pointer:
            node = self.document = dict(self.document)
        else:
            head, _, token = pointer.rpartition("/")
            parent = self._own(head, dict)
            key: str | int
            if type(parent) is list:
                key = int(token)
                self._lists.add(head)
                child = parent[key]
            else:
                key = unescape(token)
                child = parent.get(key)
            node = kind() if child is None else child.copy()
            if head in self._added:
                self._added.add(pointer)
            elif not child:
                op: Literal["add", "replace"] = "add" if type(parent) is dict else "replace"  # in a list `add` inserts
                self.operations.append({"op": op, "path": pointer, "value": node})
                self._added.add(pointer)
            parent[key] = node
        owned[pointer] = node
        return node
