"""Documents on disk, with what kubectl's own library makes of them beside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from webhook.documents.reader import Document, read_documents
from webhook.errors import BrokenDocument

CASES = sorted((Path(__file__).parents[1] / "cases" / "documents").glob("*.yaml"))


def read(data: bytes) -> list[Document]:
    """The documents of an input in which nothing may be broken."""
    found = list(read_documents(data, "f.yaml"))
    assert not [str(document) for document in found if isinstance(document, BrokenDocument)]
    return [document for document in found if isinstance(document, Document)]


def typed(value: Any) -> Any:
    """`value` with what `==` does not tell apart: a boolean and the number of the same value."""
    if isinstance(value, dict):
        return {key: typed(part) for key, part in value.items()}
    if isinstance(value, list):
        return [typed(part) for part in value]
    return (isinstance(value, bool), value)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_values_are_those_of_kubectl(case: Path) -> None:
    """Each case reads as the library that it names in its first line read it."""
    expected = json.loads(case.with_suffix(".json").read_text(encoding="utf-8"))
    assert typed([document.value for document in read(case.read_bytes())]) == typed(expected)


@pytest.mark.parametrize("text", [b"a: 1\n...\n---\nb: 2\n", b"a: 1\n...\n# c\n---\nb: 2\n...\n"])
def test_dots_end_a_document(text: bytes) -> None:
    """What kubectl reads alike carries no warning."""
    assert [(document.value, document.warnings) for document in read(text)] == [({"a": 1}, ()), ({"b": 2}, ())]
