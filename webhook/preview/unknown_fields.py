"""Warns of the fields of a pod that the API server would drop, in its words."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

from patches import FieldTypes, Origin, Pod, UnknownField, go_quoted, unknown_fields

FILE: Final = "pod_fields.json"
"""The fields of pods in the version of Kubernetes that it names. `make fields` reads them from an API server."""

_LIMIT: Final = 20


class _PodFields(msgspec.Struct):
    kubernetes: str
    types: dict[str, dict[str, str | list[str] | None]]


def unknown_field_warnings(pod: Pod) -> list[str]:
    """Return a warning for each unknown field of a pod from a file: the API server's, and where the field may belong.

    What came through an API server has none. After 20 warnings, one says how many more there would be.
    """
    if pod.origin is Origin.ADMISSION:
        return []
    found = unknown_fields(pod, _pod_fields(), _LIMIT)
    more = [f"… and {found.more} more unknown {'field' if found.more == 1 else 'fields'}"] if found.more else []
    return [*map(_warning, found.first), *more]


@cache
def _pod_fields() -> FieldTypes:
    """Read the file, which only previews need."""
    return msgspec.json.decode((files(__package__) / FILE).read_bytes(), type=_PodFields).types


def _warning(unknown: UnknownField) -> str:
    text = f"unknown field {go_quoted(unknown.field)}"
    if unknown.meant:
        return f'{text}; did you mean "{unknown.meant}"?'
    if unknown.place is None:
        return text
    return f"{text}; it belongs to {unknown.place or 'the object itself'}"
