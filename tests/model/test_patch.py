"""The patch builder: operations that any RFC 6902 library can apply, and the document that they lead to."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import jsonpatch
import pytest

from patches.model.patch import PatchBuilder, escape, unescape


def build(value: Any, change: Callable[[PatchBuilder], object]) -> PatchBuilder:
    """Apply a change, and check what holds for all: the input stays, and a library of others agrees."""
    before = copy.deepcopy(value)
    patch = PatchBuilder(value)
    change(patch)
    assert value == before, "the input was modified"
    applied = jsonpatch.apply_patch(copy.deepcopy(value), copy.deepcopy(patch.operations))
    assert patch.document == applied
    return patch


@pytest.mark.parametrize(
    ("token", "escaped"),
    [("a", "a"), ("a/b", "a~1b"), ("a~b", "a~0b"), ("~1", "~01"), ("~/", "~0~1"), ("", "")],
)
def test_pointer_escaping(token: str, escaped: str) -> None:
    """RFC 6901: a tilde first, then a slash, and back in the other order."""
    assert escape(token) == escaped
    assert unescape(escaped) == token


def test_add_to_a_map_that_exists() -> None:
    """One operation, and the pointer of the new value."""
    patch = build({"a": {"b": 1}}, lambda patch: patch.add("/a", "c", [1]))
    assert patch.operations == [{"op": "add", "path": "/a/c", "value": [1]}]
    assert patch.document == {"a": {"b": 1, "c": [1]}}
    assert PatchBuilder({"a": {}}).add("/a", "b/c", 1) == "/a/b~1c"


def test_add_to_the_document_itself() -> None:
    """The empty pointer is the document."""
    patch = build({"a": 1}, lambda patch: patch.add("", "b", 2))
    assert patch.operations == [{"op": "add", "path": "/b", "value": 2}]


@pytest.mark.parametrize("value", [{}, {"a": None}, {"a": {"b~/": None}}])
def test_a_missing_parent_is_added_with_all_that_comes_below(value: Any) -> None:
    """A parent that is missing or null is added once, as a whole; an operation without parents would be a 500."""
    patch = build(value, lambda patch: (patch.add("/a/b~0~1", "c", 1), patch.add("/a/b~0~1", "d", 2)))
    whole = {"a": {"b~/": {"c": 1, "d": 2}}}
    first = ("/a", whole["a"]) if not value.get("a") else ("/a/b~0~1", whole["a"]["b~/"])
    assert patch.operations == [{"op": "add", "path": first[0], "value": first[1]}]
    assert patch.document == whole


def test_an_empty_parent_is_added_anew() -> None:
    """With all that comes into it: one operation instead of one for each. An API server makes `securityContext: {}`."""

    def change(patch: PatchBuilder) -> None:
        patch.add("/map", "b", 1)
        patch.append("/list", 2)
        patch.add("/map/c", "d", 3)
        patch.append("/list", 4)

    patch = build({"map": {}, "list": []}, change)
    assert patch.operations == [
        {"op": "add", "path": "/map", "value": {"b": 1, "c": {"d": 3}}},
        {"op": "add", "path": "/list", "value": [2, 4]},
    ]


@pytest.mark.parametrize("element", [{}, None])
def test_an_empty_element_is_replaced(element: Any) -> None:
    """In a list, `add` would insert another."""
    patch = build({"list": [element, 2]}, lambda patch: patch.add("/list/0", "a", 1))
    assert patch.operations == [{"op": "replace", "path": "/list/0", "value": {"a": 1}}]
    assert patch.document == {"list": [{"a": 1}, 2]}


@pytest.mark.parametrize("value", [{"a": {"b": 0}}, {"a": {"b": 0, "list": None}}])
def test_append_to_a_list_that_is_missing(value: Any) -> None:
    """The list is added with the element."""
    patch = build(value, lambda patch: patch.append("/a/list", {"x": 1}))
    assert patch.operations == [{"op": "add", "path": "/a/list", "value": [{"x": 1}]}]
    assert patch.document == {"a": {"b": 0, "list": [{"x": 1}]}}


def test_append_returns_where_the_element_is() -> None:
    """`-` means the end, the pointer means the element."""
    patch = PatchBuilder({"list": ["a"]})
    assert patch.append("/list", "b") == "/list/1"
    assert patch.append("/list", "c") == "/list/2"
    assert [row["path"] for row in patch.operations] == ["/list/-", "/list/-"]


def test_a_null_value_is_overwritten_by_an_add() -> None:
    """In RFC 6902 an add to an existing key replaces it."""
    patch = build({"a": {"b": None}}, lambda patch: patch.add("/a", "b", value=False))
    assert patch.document == {"a": {"b": False}}


def test_elements_of_lists_by_position() -> None:
    """Containers are reached by index; their neighbours stay the very same objects."""
    value = {"spec": {"containers": [{"name": "a"}, {"name": "b", "x": {"y": 1}}]}}
    patch = build(value, lambda patch: patch.add("/spec/containers/0/securityContext", "privileged", value=False))
    assert patch.operations[0]["path"] == "/spec/containers/0/securityContext"
    assert patch.document["spec"]["containers"][1] is value["spec"]["containers"][1]


def test_replace() -> None:
    """An existing value is replaced."""
    patch = build({"a": {"b/c": 1}}, lambda patch: patch.replace("/a", "b/c", 2))
    assert patch.operations == [{"op": "replace", "path": "/a/b~1c", "value": 2}]
    assert PatchBuilder({"a": {"b": 1}}).replace("/a", "b", 2) == "/a/b"


def test_remove_moves_later_elements_up() -> None:
    """A removal, and further additions after it, by the positions that then hold."""
    value = {"list": [{"n": 0}, {"n": 1}, {"n": 2}]}

    def change(patch: PatchBuilder) -> None:
        patch.add("/list/1", "before", value=True)
        patch.add("/list/2/deep", "before", value=True)
        patch.remove("/list", 0)
        patch.add("/list/1", "after", value=True)
        patch.add("/list/1/deep", "after", value=True)
        patch.append("/list", {"n": 3})
        patch.remove("/list", 2)
        patch.remove("/list", 0)

    patch = build(value, change)
    assert patch.document == {"list": [{"n": 2, "after": True, "deep": {"before": True, "after": True}}]}
    assert {"op": "remove", "path": "/list/0"} in patch.operations


def test_removal_from_one_list_leaves_others_alone() -> None:
    """Also one whose pointer begins alike."""
    value = {"l": [1, 2], "ll": [{}, {}]}

    def change(patch: PatchBuilder) -> None:
        patch.add("/ll/1", "a", 1)
        patch.remove("/l", 0)
        patch.add("/ll/1", "b", 2)

    assert build(value, change).document == {"l": [2], "ll": [{}, {"a": 1, "b": 2}]}


def test_all_changes_below_an_added_parent_are_one_operation() -> None:
    """Additions, replacements, removals and lists alike; the next change elsewhere is one more."""

    def change(patch: PatchBuilder) -> None:
        patch.append("/a/list", {"name": "x"})
        patch.append("/a/list", {"name": "y"})
        patch.add("/a/list/1/deep", "k", 1)
        patch.remove("/a/list", 0)
        patch.add("/a/list/0/deep", "l", 2)
        patch.add("/a", "b", "old")
        patch.replace("/a", "b", {"given": True})
        patch.add("/a/b", "more", 3)
        patch.add("/c", "d", 4)

    patch = build({"c": {"e": 5}}, change)
    whole = {"list": [{"name": "y", "deep": {"k": 1, "l": 2}}], "b": {"given": True, "more": 3}}
    assert patch.document == {"a": whole, "c": {"e": 5, "d": 4}}
    assert [operation["path"] for operation in patch.operations] == ["/a", "/c/d"]


def test_an_added_parent_that_is_overwritten_is_no_longer_ours() -> None:
    """What comes below its successor is an operation again."""

    def change(patch: PatchBuilder) -> None:
        patch.add("/a/b", "x", 1)
        patch.add("/a", "b", {"given": 2})
        patch.add("/a/b", "y", 3)

    patch = build({"a": {"c": 0}}, change)
    assert patch.document == {"a": {"c": 0, "b": {"given": 2, "y": 3}}}
    assert [operation["path"] for operation in patch.operations] == ["/a/b", "/a/b", "/a/b/y"]


@pytest.mark.parametrize("how", ["add", "replace"])
def test_what_is_overwritten_is_forgotten(how: str) -> None:
    """After a map was replaced as a whole, changes go to the new one."""

    def change(patch: PatchBuilder) -> None:
        patch.add("/a/b", "x", 1)
        getattr(patch, how)("/a", "b", {"new": {}})
        patch.add("/a/b/new", "y", 2)

    assert build({"a": {"b": {}}}, change).document == {"a": {"b": {"new": {"y": 2}}}}


@pytest.mark.parametrize("record", [lambda p, v: p.add("", "a", v), lambda p, v: p.replace("", "a", v)])
def test_recorded_values_do_not_change_later(record: Callable[[PatchBuilder, Any], object]) -> None:
    """A later change of what was added is an operation of its own."""
    value: dict[str, Any] = {"l": []}
    patch = PatchBuilder({"a": 1})
    record(patch, value)
    patch.add("/a", "k", 1)
    patch.append("/a/l", 2)
    assert value == {"l": []}
    assert patch.operations[0]["value"] == {"l": []}
    assert patch.document == {"a": {"l": [2], "k": 1}}


def test_appended_values_do_not_change_later() -> None:
    """As with add; also where the value is a list."""
    patch = PatchBuilder({"a": [0]})
    patch.append("/a", ["x"])
    patch.append("/a/1", "y")
    assert patch.operations[0]["value"] == ["x"]
    assert patch.document == {"a": [0, ["x", "y"]]}


def test_without_operations_the_document_is_the_input() -> None:
    """Nothing is copied before something changes."""
    value: dict[str, Any] = {"a": {}}
    assert PatchBuilder(value).document is value


def test_many_removals_are_quick() -> None:
    """Removing one element from each of many lists takes no time that grows with its square."""
    size = 20_000
    patch = PatchBuilder({"list": [{"mounts": [{}, {}], "o": {}} for _ in range(size)]})
    for index in range(size):
        patch.add(f"/list/{index}/o", "k", 1)
    for index in range(size):
        patch.remove(f"/list/{index}/mounts", 0)
    assert len(patch.operations) == 2 * size
