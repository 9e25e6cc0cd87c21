"""Reads the configuration file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import msgspec

from patches.configuration import DefaulterConfiguration
from webhook.documents.fields import line_of_field
from webhook.documents.reader import BrokenDocument, Document, read_documents

_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*)`")


class ConfigurationError(ValueError):
    """A configuration that cannot be used: the file, the line (0 for the whole file) and the field."""

    def __init__(self, file: str, line: int, field: str, problem: str) -> None:
        place = f"{file}:{line}" if line else file
        super().__init__(f"{place}: {field}: {problem}" if field else f"{place}: {problem}")
        self.file = file
        self.line = line
        self.field = field
        self.problem = problem


def load_configuration(path: Path | None) -> DefaulterConfiguration:
    """The configuration in the file at `path`, or the default one without a path. Raises ConfigurationError."""
    if path is None:
        return DefaulterConfiguration()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(str(path), 0, "", error.strerror or "cannot be read") from None
    return read_configuration(data, str(path))


def read_configuration(data: bytes, file: str) -> DefaulterConfiguration:
    """The configuration in `data`, YAML or JSON; `file` is its name in errors. Raises ConfigurationError."""
    documents = list(read_documents(data, file))
    if len(documents) > 1:
        raise ConfigurationError(file, documents[1].line, "", "expected one document, found more")
    if not documents:
        return DefaulterConfiguration()
    document = documents[0]
    if isinstance(document, BrokenDocument):
        raise ConfigurationError(file, document.line, "", document.message)
    if document.warnings:  # of a duplicate key the last would count: in a security policy that is no small thing
        raise ConfigurationError(file, document.warnings[0].line, "", document.warnings[0].problem)
    return _convert(document, file)


def _convert(document: Document, file: str) -> DefaulterConfiguration:
    value: Any = document.value
    try:
        return msgspec.convert(value, DefaulterConfiguration)
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at `")
        field = path.rpartition("$")[2].removesuffix("`").lstrip(".")
        unknown = _UNKNOWN.fullmatch(problem)
        if unknown:
            field, problem = f"{field}.{unknown[1]}".lstrip("."), "unknown field"
        raise ConfigurationError(file, line_of_field(document, field), field, problem) from None
