"""The configuration of a running server, which follows its file or directory."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, NoReturn, TypeAlias

from patches import DefaulterConfiguration, configuration_warnings
from webhook.configuration.reader import combine, read_files
from webhook.file_follower import FileFollower

_EVERY_SECONDS: Final = 0.25
_DIGITS: Final = 12
_LOG: Final = logging.getLogger("webhook.configuration")


class LoadedConfiguration(NamedTuple):
    """A configuration and its generation.

    Attributes:
        configuration: what the files say.
        generation: the first 12 hexadecimal digits of the SHA-256 of the file, or of a directory's files one after the
            other by name; "default" without a file.
    """

    configuration: DefaulterConfiguration
    generation: str


Apply: TypeAlias = Callable[[LoadedConfiguration], None]


class ConfigurationFile:
    """The configuration at a path, or the default one without a path.

    Attributes:
        loaded: the configuration in use.
    """

    def __init__(self, path: Path | None) -> None:
        """Read the file or directory. Raises ConfigurationError."""
        read: Callable[[], dict[str, bytes]] = dict if path is None else partial(read_files, path)
        files = read()
        self._follower = FileFollower("configuration", read, files)
        self.loaded = _load(files)
        _log_warnings(self.loaded)

    @property
    def problem(self) -> str:
        """Why the file as it is now is not in use; "" if it is."""
        return self._follower.problem

    async def run(self, apply: Apply) -> NoReturn:
        """Check the file again and again, until cancelled; `apply` runs in one step of the event loop."""
        await self._follower.run(partial(self._use, apply), every_seconds=_EVERY_SECONDS)

    def check(self, apply: Apply) -> None:
        """Read the file once, and call `apply` with a new configuration. A bad file changes only `problem`."""
        self._follower.check(partial(self._use, apply))

    def _use(self, apply: Apply, files: Mapping[str, bytes]) -> None:
        loaded = _load(files)
        if loaded.generation != self.loaded.generation:
            self.loaded = loaded
            apply(loaded)
            _LOG.info("configuration %s is in use", loaded.generation)
            _log_warnings(loaded)


def _load(files: Mapping[str, bytes]) -> LoadedConfiguration:
    generation = hashlib.sha256(b"".join(files.values())).hexdigest()[:_DIGITS] if files else "default"
    return LoadedConfiguration(combine(files), generation)


def _log_warnings(loaded: LoadedConfiguration) -> None:
    for warning in configuration_warnings(loaded.configuration):
        _LOG.warning("configuration %s: %s", loaded.generation, warning)
