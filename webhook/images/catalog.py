"""The facts of images that a server uses, aged as time goes by."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, NoReturn, TypeAlias

from patches import Images
from webhook.images.facts import Entries, current_facts

_REFRESH_SECONDS: Final = 60.0

UseImages: TypeAlias = Callable[[Images], None]
"""A function that puts facts into use."""


class ImageCatalog:
    """Merges the entries of several origins. Of two entries for one image, that of the later origin counts."""

    def __init__(
        self,
        tag_age: Callable[[], timedelta],
        use: UseImages,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Start empty.

        Args:
            tag_age: returns how long what was seen of a tag holds.
            use: called with the facts whenever they change.
            now: returns the time.
        """
        self._tag_age = tag_age
        self._use = use
        self._now = now
        self._entries: dict[str, Entries] = {}
        self._in_use = Images({})

    def put(self, origin: str, entries: Entries) -> None:
        """Replace the entries of an origin. The first call for each origin decides their order."""
        self._entries[origin] = entries
        self.refresh()

    def refresh(self) -> None:
        """Drop what has become too old, and put the rest into use if it changed."""
        facts = {
            reference: known
            for entries in self._entries.values()
            for reference, known in current_facts(entries, self._now(), self._tag_age()).items()
        }
        images = Images(facts)
        if images != self._in_use:
            self._in_use = images
            self._use(images)

    def counts(self) -> dict[str, int]:
        """Return the number of entries by source, those that are too old included."""
        return Counter(str(entry.source) for entries in self._entries.values() for entry in entries.values())

    async def run(self) -> NoReturn:
        """Refresh every minute until cancelled."""
        while True:
            await asyncio.sleep(_REFRESH_SECONDS)
            self.refresh()
