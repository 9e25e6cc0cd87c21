"""Follows a file of kind ImageFacts."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final, NoReturn

from webhook.errors import ConfigurationError
from webhook.file_follower import FileFollower
from webhook.images.catalog import ImageCatalog
from webhook.images.facts import Entries, read_image_facts

_ORIGIN: Final = "file"
_EVERY_SECONDS: Final = 1.0


def load_image_facts(path: Path) -> Entries:
    """Read the file at `path`. Raises ConfigurationError if it cannot be read."""
    return read_image_facts(_read(path), str(path))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(str(path), 0, "", error.strerror or "cannot be read") from None


class ImageFactsFile:
    """Keeps a catalog equal to a file."""

    def __init__(self, path: Path, catalog: ImageCatalog) -> None:
        """Read the file. Raises ConfigurationError if it cannot be read."""
        self._name = str(path)
        self._catalog = catalog
        content = _read(path)
        self._use(content)
        self._follower = FileFollower("facts of images", partial(_read, path), content)

    @property
    def problem(self) -> str:
        """Why the file as it is now is not in use; "" if it is."""
        return self._follower.problem

    def check(self) -> None:
        """Read the file once, and use it if it has changed."""
        self._follower.check(self._use)

    async def run(self) -> NoReturn:
        """Check the file every second until cancelled."""
        await self._follower.run(self._use, every_seconds=_EVERY_SECONDS)

    def _use(self, content: bytes) -> None:
        self._catalog.put(_ORIGIN, read_image_facts(content, self._name))
