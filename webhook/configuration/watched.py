"""The configuration file of a running server: looked at again and again, and taken over when it has changed.

A ConfigMap's volume swaps a symbolic link, an editor renames one file over another: what counts is what the path leads
to.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from patches.policy.configuration import DefaulterConfiguration
from webhook.configuration.reader import combined, read_files
from webhook.errors import ConfigurationError

_POLL_SECONDS: Final = 0.25
_DIGITS: Final = 12
_LOG: Final = logging.getLogger("webhook.configuration")


class Loaded(NamedTuple):
    """A configuration and its generation, "default" without a file.

    Else the first 12 hex digits of the file's SHA-256; of several, as `cat DIRECTORY/*.yaml | sha256sum` prints it.
    """

    configuration: DefaulterConfiguration
    generation: str


Apply: TypeAlias = Callable[[Loaded], None]
_Look: TypeAlias = tuple[tuple[str, int, int, int], ...]


class WatchedConfiguration:
    """Holds the last good configuration. `problem` says what is wrong with the file as it is now, "" for nothing."""

    def __init__(self, path: Path | None) -> None:
        """Read the file. Raises ConfigurationError."""
        self._path = path
        self._look: _Look | None = None
        self.problem = ""
        self.loaded = Loaded(DefaulterConfiguration(), "default")
        if path is not None:
            self._look = _look(path)
            self.loaded = _load(path)

    async def run(self, apply: Apply) -> None:
        """Call `apply` with each new configuration, in one step of the event loop; for ever."""
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            self.check(apply)

    def check(self, apply: Apply) -> None:
        """Look once. A file that is gone or bad changes nothing but `problem`, and is logged once."""
        if self._path is None:
            return
        look = _look(self._path)
        if look == self._look:
            return
        self._look = look
        try:
            loaded = _load(self._path)
        except ConfigurationError as error:
            self.problem = str(error)
            _LOG.error("the configuration %s stays: %s", self.loaded.generation, error)
            return
        self.problem = ""
        if loaded.generation != self.loaded.generation:
            self.loaded = loaded
            apply(loaded)
            _LOG.info("configuration %s", loaded.generation)


def _look(path: Path) -> _Look | None:
    """What tells one state of the file, or of the files of a directory, from another. None: there is nothing."""
    try:
        files = [path, *sorted(path.iterdir())] if path.is_dir() else [path]
        return tuple((str(file.resolve()), *_marks(file.stat())) for file in files)
    except OSError:
        return None


def _marks(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_mtime_ns, status.st_size


def _load(path: Path) -> Loaded:
    files = read_files(path)
    generation = hashlib.sha256(b"".join(files.values())).hexdigest()[:_DIGITS]
    return Loaded(combined(files), generation)
