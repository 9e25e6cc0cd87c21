"""What is held of every body that is sent to us: it is read as it came."""

from __future__ import annotations

from typing import Final

from aiohttp import web

_IDENTITY: Final = "identity"


def is_encoded(request: web.Request) -> bool:
    """Whether the body is compressed. Then it is refused: no runner of ours decodes one (see `create_runner`)."""
    return request.headers.get("Content-Encoding", _IDENTITY) != _IDENTITY
