"""Edits in words: `remove spec.hostNetwork`, `set spec.securityContext.runAsNonRoot to true`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from patches import Action, Edit, field_path, unescape

_CHOICE: Final = "to a user that the image supports, or use an image with a numeric USER"
_ANNOTATIONS: Final = "/metadata/annotations/"


def edits_text(edits: Sequence[Edit]) -> str:
    """Say what to do, in one line: what to remove, then what to set."""
    removals = [_place(edit) for edit in edits if edit.action is Action.REMOVE]
    removal = [f"remove {', '.join(removals)}"] if removals else []
    return "; ".join([*removal, *(edit_text(edit) for edit in edits if edit.action is not Action.REMOVE)])


def edit_text(edit: Edit) -> str:
    """Say what to do with one value."""
    match edit.action:
        case Action.REMOVE:
            return f"remove {_place(edit)}"
        case Action.SET:
            return f"set {_place(edit)} to {msgspec.json.encode(edit.value).decode()}"
        case Action.CHOOSE:
            return f"set {_place(edit)} {_CHOICE}"


def _place(edit: Edit) -> str:
    """The field as the API server writes it; of an item of a list also which one, since a position says little."""
    owner, is_annotation, key = edit.path.partition(_ANNOTATIONS)
    if is_annotation:
        return f"{field_path(owner + _ANNOTATIONS[:-1])}[{unescape(key)}]"
    field = field_path(edit.path)
    name = _name(edit.value) if edit.action is Action.REMOVE and field.endswith("]") else ""
    return f"{field} ({name})" if name else field


def _name(item: Any) -> str:
    """The name of an item of a list; "" if it has none."""
    name = item.get("name") if isinstance(item, dict) else item
    return name if isinstance(name, str) else ""
