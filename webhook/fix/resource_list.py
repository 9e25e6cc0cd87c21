"""Answers a KRM function's input: a ResourceList with its objects defaulted, and what there is to say about each.

The contract is KRM Functions Specification v1, as kustomize and kpt run it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Literal, TypeAlias

from patches import State
from webhook.documents.document import Document
from webhook.documents.paths import field_of, pointer_tokens
from webhook.documents.writer import to_yaml
from webhook.preview.manifests import metadata_of, text_of
from webhook.preview.results import Result

GROUP: Final = "config.kubernetes.io/"
KIND: Final = "ResourceList"

Row: TypeAlias = tuple[Document, Result]
"""An object, and the preview's result for it."""

_PATHS: Final = ("internal.config.kubernetes.io/path", "config.kubernetes.io/path")
_INDEXES: Final = ("internal.config.kubernetes.io/index", "config.kubernetes.io/index")


def is_resource_list(value: Any) -> bool:
    """Whether a document is the input of a KRM function."""
    return isinstance(value, dict) and value.get("kind") == KIND and text_of(value.get("apiVersion")).startswith(GROUP)


def answer(document: Document, rows: Sequence[Row]) -> dict[str, Any]:
    """The ResourceList that a function returns.

    Args:
        document: the one that it got.
        rows: its items, those of Lists in it included, with the preview's results.
    """
    patched = put_back(document.value, rows)
    found = [entry for item, result in rows for entry in _results(item, result)]
    return {**patched, "results": found} if found else patched


def put_back(value: Any, rows: Iterable[Row]) -> Any:
    """The value of a document with what the results patch in it. `value` itself is changed, unless it is patched."""
    for item, result in rows:
        if not result.patch:
            continue
        if not item.at:
            return result.patched
        place = value
        for token in item.at[:-1]:
            place = place[token]
        place[item.at[-1]] = result.patched
    return value


def to_stream(values: Sequence[Any]) -> str:
    """The values as a stream of documents, each of which begins with a marker."""
    return "".join(f"---\n{to_yaml(value)}" for value in values)


def _results(item: Document, result: Result) -> Iterator[dict[str, Any]]:
    if result.error:
        yield _row(item, "error", result.error.message, result.error.field)
        return
    for default in result.defaults or ():
        if default.state is State.APPLIED:
            yield _row(item, "info", f"{default.id}: added", field_of(pointer_tokens(default.path)))
    for edit in result.edits or ():
        yield _row(item, "warning", f"{edit.id}: to pass, {edit.text}", field_of(pointer_tokens(edit.path)))
    if not result.edits and result.violations:
        for violation in result.violations.after or ():
            yield _row(item, "warning", f"{violation.id}: {violation.reason} ({violation.detail})", "")
    for warning in result.warnings or ():
        yield _row(item, "warning", warning, "")


def _row(item: Document, severity: Literal["error", "warning", "info"], message: str, field: str) -> dict[str, Any]:
    """One result. It names the object, and its file if the one who runs the function has said it."""
    value = item.value if isinstance(item.value, dict) else {}
    metadata = metadata_of(value)
    names = {"apiVersion": value.get("apiVersion"), "kind": value.get("kind")}
    names |= {"name": metadata.get("name"), "namespace": metadata.get("namespace")}
    row: dict[str, Any] = {"message": message, "severity": severity}
    row["resourceRef"] = {name: text for name, text in names.items() if isinstance(text, str)}
    if field:
        row["field"] = {"path": field}
    found = metadata.get("annotations")
    annotations = found if isinstance(found, dict) else {}
    path = next((annotations[name] for name in _PATHS if text_of(annotations.get(name))), None)
    if path is not None:
        index = next((text_of(annotations[name]) for name in _INDEXES if name in annotations), "")
        row["file"] = {"path": path} | ({"index": int(index)} if index.isascii() and index.isdecimal() else {})
    return row
