"""Reads the documents of files, directories and standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from webhook.documents.reader import Document, flatten, read_documents
from webhook.errors import BrokenDocument, InputError

_SUFFIXES: Final = (".yaml", ".yml", ".json")


def read_files(names: Iterable[str]) -> Iterator[Document | BrokenDocument]:
    """Yield the documents of files, of the manifests below directories, and of standard input for `-`.

    Raises:
        InputError: if a file cannot be opened.
    """
    for source, data in read_inputs(names):
        yield from flatten(read_documents(data, source))


def read_inputs(names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the files that `read_files` reads. Raises InputError as it does."""
    for name in names:
        yield from _read(name)


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
