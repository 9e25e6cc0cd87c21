"""What `fix` writes into a text, where, and what it leaves to people."""

from __future__ import annotations

import json
from typing import Any

import pytest

from webhook.documents.reader import Document, flatten, read_documents
from webhook.fix.block import field_lines
from webhook.fix.text import Change, FixedText, fix_text

_SPEC = {"securityContext": {"runAsNonRoot": True}}
_CONTAINER = {"securityContext": {"capabilities": {"drop": ["ALL"]}}}


def _fix(text: str | bytes, *paths_and_fields: Any) -> FixedText:
    """Merge fields into each object of the text, at these paths."""
    data = text if isinstance(text, bytes) else text.encode()
    changes = []
    for document in flatten(read_documents(data, "f")):
        assert isinstance(document, Document)
        after = json.loads(json.dumps(document.value))
        for path, fields in paths_and_fields:
            place = after
            for token in path:
                place = place[token]
            _merge(place, fields)
        changes.append(Change(document, after))
    return fix_text(data, changes)


def _merge(place: Any, fields: Any) -> None:
    if isinstance(place, list):
        place.extend(fields)
        return
    for name, value in fields.items():
        if isinstance(place.get(name), dict | list):
            _merge(place[name], value)
        else:
            place[name] = value


def _text(fixed: FixedText) -> str:
    return fixed.data.decode()


_PLACES: list[tuple[str, str, str]] = [
    (
        "two spaces, dashes below the key, comments stay with what they are about",
        ("spec:\n  # those\n  containers:\n  - name: a  # first\n    # which\n    image: b\n"),
        (
            "spec:\n"
            "  securityContext:\n"
            "    runAsNonRoot: true\n"
            "  # those\n"
            "  containers:\n"
            "  - name: a  # first\n"
            "    # which\n"
            "    image: b\n"
            "    securityContext:\n"
            "      capabilities:\n"
            "        drop:\n"
            "        - ALL\n"
        ),
    ),
    (
        "four spaces, dashes indented",
        ("spec:\n    containers:\n        - name: a\n          image: b\n"),
        (
            "spec:\n"
            "    securityContext:\n"
            "        runAsNonRoot: true\n"
            "    containers:\n"
            "        - name: a\n"
            "          image: b\n"
            "          securityContext:\n"
            "              capabilities:\n"
            "                  drop:\n"
            "                      - ALL\n"
        ),
    ),
    (
        "an empty field is filled, and the order of fields is that in which people write them",
        ("spec:\n  containers:\n  - securityContext: # none yet\n    name: a\n  hostNetwork: true\n  volumes: []\n"),
        (
            "spec:\n"
            "  containers:\n"
            "  - securityContext: # none yet\n"
            "      capabilities:\n"
            "        drop:\n"
            "        - ALL\n"
            "    name: a\n"
            "  hostNetwork: true\n"
            "  securityContext:\n"
            "    runAsNonRoot: true\n"
            "  volumes: []\n"
        ),
    ),
    (
        "behind a block scalar with its empty lines",
        ("spec:\n  containers:\n  - name: a\n    args:\n    - |+\n      # text\n\n  restartPolicy: Never\n"),
        (
            "spec:\n"
            "  securityContext:\n"
            "    runAsNonRoot: true\n"
            "  containers:\n"
            "  - name: a\n"
            "    args:\n"
            "    - |+\n"
            "      # text\n"
            "\n"
            "    securityContext:\n"
            "      capabilities:\n"
            "        drop:\n"
            "        - ALL\n"
            "  restartPolicy: Never\n"
        ),
    ),
    (
        "above the last line, which has no end",
        ("spec:\n  containers:\n  - name: a\n    image: b"),
        (
            "spec:\n"
            "  securityContext:\n"
            "    runAsNonRoot: true\n"
            "  containers:\n"
            "  - name: a\n"
            "    securityContext:\n"
            "      capabilities:\n"
            "        drop:\n"
            "        - ALL\n"
            "    image: b"
        ),
    ),
    (
        "anchors that nobody uses, quotes, tabs and the end of the document",
        ("---\nspec: &s\n  'containers': &c\t\n  - &a\n    \"name\": a\t# x\n...\n"),
        (
            "---\n"
            "spec: &s\n"
            "  securityContext:\n"
            "    runAsNonRoot: true\n"
            "  'containers': &c\t\n"
            "  - &a\n"
            '    "name": a\t# x\n'
            "    securityContext:\n"
            "      capabilities:\n"
            "        drop:\n"
            "        - ALL\n"
            "...\n"
        ),
    ),
]


@pytest.mark.parametrize(("before", "after"), [row[1:] for row in _PLACES], ids=[row[0] for row in _PLACES])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["", "BOM"])
def test_place(before: str, after: str, end: str, mark: str) -> None:
    """New lines look like their neighbours; their ends do too."""
    fixed = _fix(mark + before.replace("\n", end), (["spec"], _SPEC), (["spec", "containers", 0], _CONTAINER))
    assert _text(fixed) == mark + after.replace("\n", end)
    assert fixed.leftovers == []


_BY_HAND: list[tuple[str, str, int, str, str, str]] = [
    (
        "an empty flow mapping",
        "spec:\n  securityContext: {}\n",
        2,
        "spec.securityContext",
        "it is in flow style",
        "add runAsNonRoot: true to spec.securityContext",
    ),
    (
        "a flow mapping above",
        "spec: {containers: []}\n",
        1,
        "spec",
        "it is in flow style",
        "add securityContext: {runAsNonRoot: true} to spec",
    ),
    (
        "an alias",
        "x: &a\n  runAsUser: 7\nspec:\n  securityContext: *a\n",
        4,
        "spec.securityContext",
        'it is the alias "*a"',
        "add runAsNonRoot: true to spec.securityContext",
    ),
    (
        "an anchor that an alias shares",
        "spec:\n  securityContext: &a\n    runAsUser: 7\nx: *a\n",
        2,
        "spec.securityContext",
        'aliases of "&a" share it',
        "add runAsNonRoot: true to spec.securityContext",
    ),
    (
        "a field that a merge key brings",
        "x: &a\n  securityContext:\n    runAsUser: 7\nspec:\n  <<: *a\n",
        5,
        "spec.securityContext",
        "a merge key brings it",
        "add runAsNonRoot: true to spec.securityContext",
    ),
    (
        "a tag",
        "spec:\n  securityContext: !!map\n    runAsUser: 7\n",
        2,
        "spec.securityContext",
        "it has a tag",
        "add runAsNonRoot: true to spec.securityContext",
    ),
    (
        "a null that is written out",
        "spec:\n  securityContext: ~\n",
        2,
        "spec.securityContext",
        "the value that is written would change",
        "write spec.securityContext: {runAsNonRoot: true}",
    ),
    (
        "a last line without an end",
        "spec:\n  securityContext:",
        2,
        "spec.securityContext",
        "nothing can follow the last line, which has no line end",
        "write spec.securityContext: {runAsNonRoot: true}",
    ),
    (
        "JSON",
        '{\n\t"spec": {}}\n',
        1,
        "",
        "it is in flow style",
        "add spec: {securityContext: {runAsNonRoot: true}} to the object",
    ),
]


@pytest.mark.parametrize(
    ("text", "line", "field", "reason", "edit"), [row[1:] for row in _BY_HAND], ids=[row[0] for row in _BY_HAND]
)
def test_by_hand(text: str, line: int, field: str, reason: str, edit: str) -> None:
    """What insertion cannot do is named with line, field, reason and edit; the rest is done."""
    other = "---\nspec:\n  hostPID: true\n"
    fixed = _fix(text, (["spec"], _SPEC))
    assert [tuple(row) for row in fixed.leftovers] == [(line, field, reason, edit)]
    assert _text(fixed) == text
    if text.endswith("\n"):
        both = _fix(text + other, (["spec"], _SPEC))
        assert _text(both) == text + other + "  securityContext:\n    runAsNonRoot: true\n"
        assert both.leftovers == fixed.leftovers


def test_items_of_a_list() -> None:
    """Each item of a List is fixed in its place; an item has the column of the others, or of the list around."""
    text = "kind: List\nitems:\n  - spec:\n      volumes:\n      -   name: a\n      # end\n  - spec:\n      volumes:\n"
    fixed = _fix(text, (["spec"], {"volumes": [{"emptyDir": {}, "name": "b"}]}))
    assert _text(fixed) == (
        "kind: List\nitems:\n  - spec:\n      volumes:\n      -   name: a\n      - name: b\n        emptyDir: {}\n"
        "      # end\n  - spec:\n      volumes:\n        - name: b\n          emptyDir: {}\n"
    )


def test_utf_16_is_left() -> None:
    """A text in UTF-16 stays, and its objects are named."""
    data = "spec:\n  hostPID: true\n".encode("utf-16")
    fixed = _fix(data, (["spec"], _SPEC))
    assert fixed.data == data
    assert [row.reason for row in fixed.leftovers] == ["it is in UTF-16"]


def test_nothing_is_kept_that_reads_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a document would not read as planned nothing goes into it, and the others are still fixed."""
    monkeypatch.setattr(
        "webhook.fix.insertions.field_lines",
        lambda fields, indent, style: ["# lost"] if indent == 1 else field_lines(fields, indent, style),
    )
    text = "spec:\n hostPID: true\n---\nspec:\n  hostPID: true\n"
    fixed = _fix(text, (["spec"], _SPEC))
    assert _text(fixed) == text + "  securityContext:\n    runAsNonRoot: true\n"
    assert [(row.line, row.field) for row in fixed.leftovers] == [(1, "")]


def test_a_document_that_nests_too_deep_hides_no_other() -> None:
    """The reader refuses it; what is beside it is fixed."""
    deep = "a: " + "[" * 200 + "]" * 200 + "\n"
    text = f"{deep}---\nspec:\n  hostPID: true\n"
    (document,) = [row for row in read_documents(text.encode(), "f") if isinstance(row, Document)]
    fixed = fix_text(text.encode(), [Change(document, {"spec": {"hostPID": True, "hostUsers": False}})])
    assert _text(fixed) == f"{text}  hostUsers: false\n"
