"""The check of a document's shape: only fields that a rule reads, and a clear name for what is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from patches.model.shapes import check_shape
from webhook.errors import InvalidObject


@pytest.mark.parametrize(
    "pod",
    [
        {},
        {"metadata": None, "spec": None},
        {"spec": {}},
        {"spec": {"containers": None, "securityContext": None, "volumes": []}},
        {"spec": {"containers": [{"name": "a", "securityContext": None, "resources": {"limits": {"cpu": None}}}]}},
        {"spec": {"containers": [{"name": "a", "resources": {"requests": {"cpu": 1, "memory": 1.5, "x": "1Gi"}}}]}},
        {"metadata": {"annotations": {"a": None}, "labels": {"b": "c"}}},
        {"spec": {"newField": [1, {"deep": True}], "containers": [{"name": "a", "alsoNew": 3}]}, "status": []},
    ],
)
def test_shapes_that_pass(pod: Any) -> None:
    """Every field may be missing or null, and a field that nobody reads may be anything."""
    check_shape(pod)


@pytest.mark.parametrize(
    ("pod", "field"),
    [
        ([], ""),
        ({"spec": []}, "spec"),
        ({"spec": {"containers": {}}}, "spec.containers"),
        ({"spec": {"containers": [None]}}, "spec.containers[0]"),
        ({"spec": {"containers": [{"name": "a"}, {"image": "i"}]}}, "spec.containers[1]"),
        ({"spec": {"containers": [{"name": 1}]}}, "spec.containers[0].name"),
        ({"spec": {"hostNetwork": "true"}}, "spec.hostNetwork"),
        ({"spec": {"securityContext": {"runAsUser": "0"}}}, "spec.securityContext.runAsUser"),
        ({"spec": {"securityContext": {"runAsUser": 1.5}}}, "spec.securityContext.runAsUser"),
        ({"spec": {"containers": [{"name": "a", "resources": {"limits": {"cpu": True}}}]}}, None),
        ({"spec": {"volumes": [{}]}}, "spec.volumes[0]"),
        ({"metadata": {"annotations": {"a": 1}}}, None),
    ],
)
def test_shapes_that_do_not(pod: Any, field: str | None) -> None:
    """A wrong type raises InvalidObject, which names the field."""
    with pytest.raises(InvalidObject) as caught:
        check_shape(pod)
    assert "Expected" in caught.value.problem or "required field" in caught.value.problem
    if field is not None:
        assert caught.value.field == field


def test_the_field_is_named_from_the_document() -> None:
    """`at` is where the pod template sits."""
    with pytest.raises(InvalidObject) as caught:
        check_shape({"spec": {"os": 1}}, "spec.template")
    assert caught.value.field == "spec.template.spec.os"
    assert str(caught.value).startswith("spec.template.spec.os: Expected `object")


def test_a_document_that_is_wrong_as_a_whole_has_no_field() -> None:
    """Then the message stands alone."""
    with pytest.raises(InvalidObject) as caught:
        check_shape("pod")
    assert caught.value.field == ""
    assert str(caught.value) == caught.value.problem
