"""Finds the line of a field that a message names."""

from __future__ import annotations

from webhook.documents.document import Document
from webhook.documents.paths import field_tokens


def line_of_field(document: Document, field: str) -> int:
    """The line of `field` (as in `spec.containers[0].image`), or of its nearest ancestor that exists.

    An empty field is the document itself. Never raises.
    """
    return document.line_of(field_tokens(field))
