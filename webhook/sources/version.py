"""The API server's own minor version, which is what `latest` means there: asked for again and again."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from typing import Final

import msgspec

from webhook.cluster.api import ClusterClient
from webhook.cluster.backoff import Backoff
from webhook.errors import ClusterError

_EVERY_SECONDS: Final = 60.0
_PATIENCE: Final = 5.0
_MINOR: Final = re.compile(r"[0-9]{1,4}")
_LOG: Final = logging.getLogger("webhook.sources")


class _Version(msgspec.Struct):
    minor: str


async def follow_version(cluster: ClusterClient, told: Callable[[int], None], again: asyncio.Event) -> None:
    """Tell the minor version at once, each minute and whenever `again` is set. Never returns, never fails."""
    backoff = Backoff()
    while True:
        again.clear()
        try:
            told(read_minor(await cluster.get("/version", seconds=_PATIENCE)))
        except (ClusterError, ValueError) as error:
            _LOG.warning("the API server's version is not known: %s", error)
            seconds = backoff.next()
        else:
            backoff.reset()
            seconds = _EVERY_SECONDS
        try:
            async with asyncio.timeout(seconds):
                await again.wait()
        except TimeoutError:
            continue


def read_minor(answer: bytes) -> int:
    """The number in the answer of `/version`, where some write `33+`. Raises ValueError."""
    try:
        match = _MINOR.match(msgspec.json.decode(answer, type=_Version).minor)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None
    if match is None:
        raise ValueError("it is not a number")
    return int(match[0])
