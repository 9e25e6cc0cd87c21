"""Follows the API server's own minor version, which is what `latest` means in the cluster."""

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
_LOG: Final = logging.getLogger("webhook.gatherers")


class _Version(msgspec.Struct):
    minor: str


async def follow_version(client: ClusterClient, on_version: Callable[[int], None], again: asyncio.Event) -> None:
    """Ask for the minor version at once, then each minute. Runs until cancelled; logs errors and tries again.

    Args:
        client: the cluster.
        on_version: called with each answer.
        again: asks at once whenever it is set.
    """
    backoff = Backoff()
    while True:
        again.clear()
        try:
            on_version(read_minor(await client.get("/version", seconds=_PATIENCE)))
        except (ClusterError, ValueError) as error:
            _LOG.warning("cannot learn the API server's version: %s", error)
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
    """Read the number in the answer of `/version`, which some clusters write as `33+`. Raises ValueError if none."""
    try:
        match = _MINOR.match(msgspec.json.decode(answer, type=_Version).minor)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None
    if match is None:
        raise ValueError("it is not a number")
    return int(match[0])
