"""Bounds the work of one request to the endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from webhook.documents.reader import Document
from webhook.errors import BrokenDocument, InvalidObject, ObjectTooLarge, TooMuchWork
from webhook.preview.manifests import read_manifest


class Bounds(NamedTuple):
    """How much one request may contain. `values` bounds the cost of output and diffs. Each pod has its own bounds."""

    documents: int = 2_000
    values: int = 200_000


def check_bounds(documents: Sequence[Document | BrokenDocument], bounds: Bounds) -> None:
    """Check documents against the bounds. Raises TooMuchWork, naming the bound, if they exceed one."""
    if len(documents) > bounds.documents:
        raise TooMuchWork(f"more than {bounds.documents} documents")
    values = 0
    for document in documents:
        if isinstance(document, Document):
            values += _size(document.value)
            if values > bounds.values:
                raise TooMuchWork(f"more than {bounds.values} values in all documents")
            try:
                read_manifest(document).locate()
            except ObjectTooLarge as error:
                raise TooMuchWork(str(error)) from None
            except InvalidObject:
                continue  # the preview reports it as an error


def _size(value: Any) -> int:
    if isinstance(value, dict):
        return len(value) + sum(map(_size, value.values()))
    if isinstance(value, list):
        return len(value) + sum(map(_size, value))
    return 0
