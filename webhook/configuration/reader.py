"""Read the configuration from one file, or from the files of a directory, which are merged."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from patches import DefaulterConfiguration
from webhook.documents.document import Document
from webhook.documents.typed import convert, read_single
from webhook.errors import ConfigurationError

_WITH_OFF: Final = (("mode",), ("observer", "heal"))
"""The settings of which `off` is a value."""
_SUFFIXES: Final = (".yaml", ".yml", ".json")


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
        document = _read(data, file)
        if document is not None:
            convert(document.value, DefaulterConfiguration, document)
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
    document = _read(data, file)
    return DefaulterConfiguration() if document is None else convert(document.value, DefaulterConfiguration, document)


def _read(data: bytes, file: str) -> Document | None:
    """Read the document of a file, with the word `off` where YAML 1.1, as Kubernetes reads it, has made false of it."""
    document = read_single(data, file)
    if document is not None:
        _restore_off(document.value)
    return document


def configuration_in(document: Document, at: str) -> DefaulterConfiguration:
    """The configuration in a field of a document, which may have metadata. Raises ConfigurationError if it is wrong."""
    value = {name: part for name, part in document.value[at].items() if name != "metadata"}
    _restore_off(value)
    return convert(value, DefaulterConfiguration, document, (at,))


def _restore_off(value: Any) -> None:
    for *parents, key in _WITH_OFF:
        place = value
        for parent in parents:
            place = place.get(parent) if isinstance(place, dict) else None
        if isinstance(place, dict) and place.get(key) is False:
            place[key] = "off"
