"""Read the configuration from one file, or from the files of a directory, which are merged."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from patches import DefaulterConfiguration, InvalidObject, invalid_object
from webhook.documents.document import line_of_field
from webhook.documents.reader import Document, read_documents
from webhook.errors import BrokenDocument, ConfigurationError

_SUFFIXES: Final = (".yaml", ".yml", ".json")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*)`")


def load_configuration(path: Path | None) -> DefaulterConfiguration:
    """Load the configuration at `path`, or the default one without a path. Raises ConfigurationError if it is wrong."""
    return DefaulterConfiguration() if path is None else combine(read_files(path))


def read_files(path: Path) -> dict[str, bytes]:
    """Read the file at `path`, or the files of that directory in the order of their names.

    Hidden files are left out: the volume of a ConfigMap has some.

    Returns:
        The content of each file, by its path.

    Raises:
        ConfigurationError: if a file cannot be read, the directory has none, or one has another suffix. Ignoring that
            file would silently apply the defaults.
    """
    try:
        if not path.is_dir():
            return {str(path): path.read_bytes()}
        names = sorted(file for file in path.iterdir() if not file.name.startswith("."))
        for file in names:
            if file.suffix not in _SUFFIXES:
                raise ConfigurationError(str(file), 0, "", "a configuration is called *.yaml, *.yml or *.json")
        if not names:
            raise ConfigurationError(str(path), 0, "", "there is no configuration in it")
        return {str(file): file.read_bytes() for file in names}
    except OSError as error:
        raise ConfigurationError(str(error.filename or path), 0, "", error.strerror or "cannot be read") from None


def combine(files: Mapping[str, bytes]) -> DefaulterConfiguration:
    """Combine files into one configuration: mappings are merged, and the last file decides any other value.

    Args:
        files: the content of each file, by its path.

    Raises:
        ConfigurationError: a file is wrong by itself, or the files contradict each other.
    """
    merged: dict[str, Any] = {}
    for file, data in files.items():
        document = _document(data, file)
        if document is not None:
            _convert(document, file)
            merged = _merge(merged, document.value)
    try:
        return msgspec.convert(merged, DefaulterConfiguration)
    except msgspec.ValidationError as error:  # one file sets what needs something that another takes away
        raise ConfigurationError(", ".join(files), 0, "", str(error)) from None


def _merge(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    merged = {**before, **after}
    for key in before.keys() & after.keys():
        if isinstance(before[key], dict) and isinstance(after[key], dict):
            merged[key] = _merge(before[key], after[key])
    return merged


def read_configuration(data: bytes, file: str) -> DefaulterConfiguration:
    """Read a configuration in YAML or JSON; errors call it `file`. Raises ConfigurationError if it is wrong."""
    document = _document(data, file)
    return DefaulterConfiguration() if document is None else _convert(document, file)


def _document(data: bytes, file: str) -> Document | None:
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


def _convert(document: Document, file: str) -> DefaulterConfiguration:
    value: Any = document.value
    try:
        return msgspec.convert(value, DefaulterConfiguration)
    except msgspec.ValidationError as error:
        invalid = invalid_object(error)
        unknown = _UNKNOWN.fullmatch(invalid.problem)
        if unknown:
            invalid = InvalidObject(f"{invalid.field}.{unknown[1]}".lstrip("."), "unknown field")
        line = line_of_field(document, invalid.field)
        raise ConfigurationError(file, line, invalid.field, invalid.problem) from None
