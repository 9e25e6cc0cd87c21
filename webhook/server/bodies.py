"""What holds for every request body: it is read as it was sent."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

from webhook.errors import LateBody, TooMuchWork, UnreadableBody

_IDENTITY: Final = "identity"


def is_encoded(request: web.Request) -> bool:
    """Whether the body is compressed. Such a body is refused, because `create_runner` decompresses none."""
    return request.headers.get("Content-Encoding", _IDENTITY) != _IDENTITY


async def read_body(request: web.Request, seconds: float) -> bytes:
    """Read the body of a request.

    Raises:
        TooMuchWork: if it is longer than the application allows.
        LateBody: if it does not arrive within `seconds`.
        UnreadableBody: if it breaks off, or is not encoded as its headers say.
    """
    try:
        if request.content.is_eof():  # all of it is here, as nearly always: nothing to wait for
            return await request.read()
        async with asyncio.timeout(seconds):
            return await request.read()
    except web.HTTPRequestEntityTooLarge:  # aiohttp would keep it, and the body with it, until a garbage collection
        raise TooMuchWork(f"more than {request.client_max_size} bytes") from None
    except TimeoutError:
        raise LateBody(f"the body did not arrive within {seconds:g} s") from None
    except (web.RequestPayloadError, ConnectionError):
        raise UnreadableBody("the body broke off, or is not encoded as its headers say") from None
