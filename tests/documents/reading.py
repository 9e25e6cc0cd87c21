"""Reads text for the tests of this folder."""

from __future__ import annotations

from typing import Any

from webhook.documents.reader import Document, read_documents
from webhook.errors import BrokenDocument


def read(data: str | bytes) -> list[Document | BrokenDocument]:
    """What the reader yields for text, or bytes, of `f`."""
    return list(read_documents(data.encode() if isinstance(data, str) else data, "f"))


def values(data: str | bytes) -> list[Any]:
    """The values of documents of which none is broken."""
    return [document.value for document in map(good, read(data))]


def one(data: str | bytes) -> Document:
    """The only document."""
    (document,) = read(data)
    return good(document)


def broken(data: str | bytes) -> BrokenDocument:
    """The only document that is broken."""
    (found,) = [document for document in read(data) if isinstance(document, BrokenDocument)]
    return found


def good(document: Document | BrokenDocument) -> Document:
    """A document that is not broken."""
    assert isinstance(document, Document), document
    return document


def warnings(document: Document) -> list[str]:
    """Its warnings, as people are shown them."""
    return [warning.message for warning in document.warnings]
