"""The ConfigMaps of our namespace that hold what was learnt of images.

One is enough for most clusters. An object may have 1 MiB, so a book that does not fit is spread over four by the hash
of the reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from zlib import crc32

from webhook.images.facts import Entries, ImageEntry, write_image_facts

NAME: Final = "pod-security-defaulter-images"
NAMES: Final = (NAME, f"{NAME}-1", f"{NAME}-2", f"{NAME}-3")
KEY: Final = "images.yaml"
SHARD_BYTES: Final = 900_000
"""The most that is written to one ConfigMap."""


def write_shards(entries: Entries) -> Mapping[str, str]:
    """Return the content of each ConfigMap, by name, in the order to write them; "" for one that is not needed.

    A reference that moves to another shard is written there before it is removed here. Entries that do not fit into
    four are left out, the last by name first.
    """
    text = write_image_facts(entries)
    if len(text.encode()) <= SHARD_BYTES:
        return {NAME: text, **dict.fromkeys(NAMES[1:], "")}
    shards: dict[str, dict[str, ImageEntry]] = {name: {} for name in NAMES}
    for reference in sorted(entries):
        shards[NAMES[crc32(reference.encode()) % len(NAMES)]][reference] = entries[reference]
    return {name: _fitting(shards[name]) for name in reversed(NAMES)}


def _fitting(entries: dict[str, ImageEntry]) -> str:
    text = write_image_facts(entries)
    while len(text.encode()) > SHARD_BYTES:
        for reference in sorted(entries)[-max(1, len(entries) // 20) :]:
            del entries[reference]
        text = write_image_facts(entries)
    return text
