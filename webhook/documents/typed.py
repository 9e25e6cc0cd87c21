"""Reads a file of ours that holds one document of one type. Errors name file, line and field."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, TypeVar

import msgspec

from patches import InvalidObject, invalid_object
from webhook.documents.document import Document
from webhook.documents.paths import field_of, field_tokens
from webhook.documents.reader import read_documents
from webhook.errors import BrokenDocument, ConfigurationError

T = TypeVar("T")

_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*)`")


def read_single(data: bytes, file: str) -> Document | None:
    """Read the only document of a file in YAML or JSON.

    Args:
        data: content of the file.
        file: what errors call it.

    Returns:
        The document; None if the file has none.

    Raises:
        ConfigurationError: if it cannot be read, has duplicate keys, or is not the only one.
    """
    documents = list(read_documents(data, file))
    if len(documents) > 1:
        raise ConfigurationError(file, documents[1].line, "", "expected one document, found more")
    if not documents:
        return None
    document = documents[0]
    if isinstance(document, BrokenDocument):
        raise ConfigurationError(file, document.line, "", document.message)
    if document.warnings:  # the last of duplicate keys would count, which is too risky in a security policy
        raise ConfigurationError(file, document.warnings[0].line, "", document.warnings[0].problem)
    return document


def convert(value: Any, kind: type[T], document: Document, at: Sequence[str | int] = ()) -> T:
    """Convert a value of a document to a type.

    Args:
        value: the value.
        kind: the type.
        document: the document.
        at: where in the document the value stands.

    Raises:
        ConfigurationError: if the value does not have the type. It names the field.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        invalid = invalid_object(error)
        unknown = _UNKNOWN.fullmatch(invalid.problem)
        if unknown:
            invalid = InvalidObject(f"{invalid.field}.{unknown[1]}".lstrip("."), "unknown field")
        tokens = [*at, *field_tokens(invalid.field)]
        field = field_of(at) + (f".{invalid.field}" if at and invalid.field else invalid.field)
        raise ConfigurationError(document.source, document.line_of(tokens), field, invalid.problem) from None
