"""What several commands read: configuration, cluster objects and documents."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from patches.policy.configuration import DefaulterConfiguration
from patches.standards.levels import NEWEST_MINOR
from webhook.configuration.reader import load_configuration
from webhook.documents.document import line_of_field
from webhook.documents.reader import Document, flatten, read_documents
from webhook.errors import BrokenDocument, InputError, InvalidObject
from webhook.sources.manifests import ManifestSource

_SUFFIXES: Final = (".yaml", ".yml", ".json")


def configuration(path: Path | None) -> DefaulterConfiguration:
    """The configuration file, or the default. Raises ConfigurationError."""
    return load_configuration(path)


def source_of(config: DefaulterConfiguration, paths: Sequence[Path], *, newest: int = NEWEST_MINOR) -> ManifestSource:
    """The cluster objects below `paths`. Raises InputError, also for an object that says nothing about a namespace."""
    source = ManifestSource(config, newest=newest)
    for document in documents_of([str(path) for path in paths]):
        place = f"{document.source}:{document.line}"
        if isinstance(document, BrokenDocument):
            raise InputError(f"{place}: {document.message}")
        try:
            known = source.add(document.value)
        except InvalidObject as error:
            raise InputError(f"{document.source}:{line_of_field(document, error.field)}: {error}") from None
        if not known:
            print(f"{place}: says nothing about a namespace, so it is not used", file=sys.stderr)
    return source


def documents_of(names: Sequence[str]) -> Iterator[Document | BrokenDocument]:
    """The documents of files, of the manifests below directories, and of standard input for `-`. Raises InputError."""
    for name in names:
        for label, data in _read(name):
            yield from flatten(read_documents(data, label))


def _read(name: str) -> Iterator[tuple[str, bytes]]:
    try:
        if name == "-":
            yield "<stdin>", sys.stdin.buffer.read()
            return
        path = Path(name)
        if not path.is_dir():
            yield name, path.read_bytes()
            return
        for file in sorted(path.rglob("*")):
            if file.suffix in _SUFFIXES and file.is_file():
                yield str(file), file.read_bytes()
    except OSError as error:
        raise InputError(f"{error.filename or name}: {error.strerror}") from None
