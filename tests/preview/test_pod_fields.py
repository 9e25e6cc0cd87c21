"""`make fields`: what is kept of an OpenAPI document.

That of a real API server: tests/cluster/test_unknown_fields.py.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from tools.fields import fields_of
from webhook.preview import unknown_fields

_MADE_UP: Final = {
    "a.Pod": {
        "properties": {
            "spec": {"default": {}, "allOf": [{"$ref": "#/schemas/a.Spec"}]},
            "at": {"$ref": "#/schemas/b.Time"},
            "ports": {"type": "array", "items": {"allOf": [{"$ref": "#/schemas/b.Port"}]}},
            "names": {"type": "array", "items": {"type": "string"}},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "limits": {"type": "object", "additionalProperties": {"$ref": "#/schemas/b.Time"}},
        }
    },
    "a.Spec": {"properties": {"port": {"$ref": "#/schemas/b.Port"}}},
    "a.Other": {"properties": {}},
    "b.Port": {"properties": {"number": {"type": "integer"}}},
    "b.Time": {"type": "string"},
}


def test_all_types_of_a_root_are_kept() -> None:
    """Objects and lists of them by their types; scalars, and maps, have nothing of fixed names inside."""
    assert fields_of(_MADE_UP, ("a.Pod",)) == {
        "Pod": {"at": None, "labels": None, "limits": None, "names": None, "ports": ["Port"], "spec": "Spec"},
        "Spec": {"port": "Port"},
        "Port": {"number": None},
    }


@pytest.mark.parametrize(
    ("field", "problem"),
    [
        ({"$ref": "#/schemas/c.Port"}, "two types are called Port"),
        ({"type": "object", "additionalProperties": {"$ref": "#/schemas/b.Port"}}, "a.Spec.more is a map of objects"),
    ],
)
def test_what_previews_would_not_look_into(field: Any, problem: str) -> None:
    """A newer Kubernetes with something of the kind is an error, and not a field that is passed over."""
    schemas = {
        **_MADE_UP,
        "c.Port": {"properties": {}},
        "a.Spec": {"properties": {"port": {"$ref": "b.Port"}, "more": field}},
    }
    with pytest.raises(ValueError, match=problem):
        fields_of(schemas, ("a.Spec",))


def test_the_file_is_complete() -> None:
    """Every type that a field refers to is there, and so are both roots."""
    types = unknown_fields._pod_fields()
    named = {kind[0] if isinstance(kind, list) else kind for fields in types.values() for kind in fields.values()}
    assert named - {None} | {"Pod", "PodTemplateSpec"} == types.keys()
