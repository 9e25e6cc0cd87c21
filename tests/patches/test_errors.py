"""How the engine says what msgspec found wrong: the field, and the problem without it."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import pytest

from patches.errors import invalid_object


class _Spec(msgspec.Struct, forbid_unknown_fields=True):
    name: str = ""
    ports: list[int] = []
    limits: dict[Literal["cpu", "memory"], int] = {}


class _Pod(msgspec.Struct, forbid_unknown_fields=True):
    spec: _Spec


def _error(value: Any) -> msgspec.ValidationError:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(value, _Pod)
    return caught.value


@pytest.mark.parametrize(
    ("value", "field", "problem"),
    [
        ([], "", "Expected `object`, got `array`"),
        ({}, "", "Object missing required field `spec`"),
        ({"spec": 1}, "spec", "Expected `object`, got `int`"),
        ({"spec": {"name": 1}}, "spec.name", "Expected `str`, got `int`"),
        ({"spec": {"ports": [1, "2"]}}, "spec.ports[1]", "Expected `int`, got `str`"),
        ({"spec": {"limits": {"cpu": "1"}}}, "spec.limits[...]", "Expected `int`, got `str`"),
        ({"spec": {"limits": {"gpu": 1}}}, "spec.limits", "Invalid enum value 'gpu'"),
        ({"spec": {"a": 1}}, "spec", "Object contains unknown field `a`"),
    ],
)
def test_the_field_is_parted_from_the_problem(value: Any, field: str, problem: str) -> None:
    """The field is the innermost one that msgspec names, as this program writes paths."""
    error = invalid_object(_error(value))
    assert (error.field, error.problem) == (field, problem)


@pytest.mark.parametrize(
    ("value", "field"),
    [([], "spec.template"), ({"spec": {"ports": ["1"]}}, "spec.template.spec.ports[0]")],
)
def test_the_field_is_named_from_the_whole_document(value: Any, field: str) -> None:
    """`parent` says where in the document the value stands."""
    assert invalid_object(_error(value), "spec.template").field == field


def test_a_list_continues_the_path_of_its_parent() -> None:
    """An index follows without a dot."""
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert([1, "2"], list[int])
    assert invalid_object(caught.value, "spec.ports").field == "spec.ports[1]"


def test_a_path_that_the_value_itself_contains_is_part_of_the_problem() -> None:
    """What a user wrote cannot name another field."""
    error = invalid_object(_error({"spec": {"limits": {"a - at `$.kind`": 1}}}))
    assert (error.field, error.problem) == ("spec.limits", "Invalid enum value 'a - at `$.kind`'")


def test_json_that_cannot_be_read_has_no_field() -> None:
    """Malformed JSON is a problem of the value as a whole."""
    with pytest.raises(msgspec.DecodeError) as caught:
        msgspec.json.decode(b"{", type=_Pod)
    assert invalid_object(caught.value).field == ""
    assert invalid_object(caught.value, "oldObject").field == "oldObject"
    assert invalid_object(caught.value).problem == str(caught.value)
