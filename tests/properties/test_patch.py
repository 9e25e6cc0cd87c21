"""The patch builder against the jsonpatch library, over documents and changes of all kinds."""

from __future__ import annotations

import copy
from typing import Any, Final

import jsonpatch
from hypothesis import given, note, settings

from patches.model.patch import PatchBuilder, escape
from patches.model.shapes import Json
from tests.properties.choices import Choices, choosing

_KEYS: Final = ("a", "b", "~", "/", "~1", "a/b", "", "0")


def value(choose: Choices, depth: int = 3) -> Json:
    """A JSON value."""
    if depth == 0 or choose.flag(60):
        return choose.one((1, None, "x", False))
    if choose.flag(100):
        return choose.some(lambda choose: value(choose, depth - 1), 3)
    return mapping(choose, depth)


def mapping(choose: Choices, depth: int = 3) -> Json:
    """A JSON object."""
    return {choose.one(_KEYS): value(choose, depth - 1) for _ in range(choose.one(range(4)))}


def change(choose: Choices, patch: PatchBuilder) -> None:
    """One change somewhere in the document as it is by now; parents that are missing or null are made."""
    node, pointer = patch.document, ""
    while node and choose.flag(190):
        key: Any = choose.one(list(node) if isinstance(node, dict) else range(len(node)))
        if not isinstance(node[key], (dict, list)):
            break
        node, pointer = node[key], f"{pointer}/{key if isinstance(node, list) else escape(key)}"
    if isinstance(node, list):
        if node and choose.flag():
            patch.remove(pointer, choose.one(range(len(node))))
        else:
            patch.append(pointer, value(choose))
        return
    key = choose.one(_KEYS)
    if key in node and choose.flag():
        patch.replace(pointer, key, value(choose))
    elif node.get(key) is None and choose.flag(100):
        if choose.flag():
            patch.append(f"{pointer}/{escape(key)}", value(choose))
        else:
            patch.add(f"{pointer}/{escape(key)}/new~1", choose.one(_KEYS), value(choose))
    else:
        patch.add(pointer, key, value(choose))


@settings(max_examples=500)
@given(choosing(mapping, 80), choosing(lambda choose: choose, 200))
def test_the_document_is_where_the_operations_lead(document: Json, choose: Choices) -> None:
    """After any number of changes; and what was recorded, and the document, are not changed by what follows."""
    before = copy.deepcopy(document)
    patch = PatchBuilder(document)
    for _ in range(8):
        change(choose, patch)
    note(f"operations: {patch.operations}")
    assert document == before
    assert jsonpatch.apply_patch(copy.deepcopy(document), copy.deepcopy(patch.operations)) == patch.document
