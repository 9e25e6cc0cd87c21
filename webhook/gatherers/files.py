"""Reads the manifest files of `--objects` into a gatherer."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from webhook.documents.document import line_of_field
from webhook.documents.files import read_files
from webhook.errors import BrokenDocument, InputError, InvalidObject
from webhook.gatherers.manifests import ManifestGatherer


def add_files(gatherer: ManifestGatherer, paths: Iterable[Path]) -> list[str]:
    """Add the cluster objects below `paths` to a gatherer.

    Returns:
        A line for each object that is not used, because it says nothing about a namespace.

    Raises:
        InputError: if a document cannot be read. The message names file, line and field.
    """
    unused = []
    for document in read_files(map(str, paths)):
        place = f"{document.source}:{document.line}"
        if isinstance(document, BrokenDocument):
            raise InputError(f"{place}: {document.message}")
        try:
            used = gatherer.add(document.value)
        except InvalidObject as error:
            raise InputError(f"{document.source}:{line_of_field(document, error.field)}: {error}") from None
        if not used:
            unused.append(f"{place}: says nothing about a namespace, so it is not used")
    return unused
