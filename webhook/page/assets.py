"""Loads the files of the page from the installed package."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Final, NamedTuple

CONTENT_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

HEADERS: Final = MappingProxyType(
    {
        "Content-Security-Policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-cache",
    },
)
"""The headers of every file. The page runs only this server's files, and sends requests only to this server."""


class Asset(NamedTuple):
    """One file.

    Attributes:
        body: its bytes.
        content_type: value of the Content-Type header.
        etag: a strong ETag of the bytes, with its quotes.
    """

    body: bytes
    content_type: str
    etag: str


def asset_of(body: bytes, content_type: str) -> Asset:
    """Make an asset, with the ETag of its bytes."""
    return Asset(body, content_type, f'"{hashlib.sha256(body).hexdigest()[:32]}"')


def load_assets() -> Mapping[str, Asset]:
    """Read the files, by name: `index.html` for `/`, and every file for `/static/NAME`. Call it once."""
    assets = {}
    for file in (files(__package__) / "static").iterdir():
        content_type = CONTENT_TYPES.get(PurePosixPath(file.name).suffix)
        if content_type is not None:
            assets[file.name] = asset_of(file.read_bytes(), content_type)
    return MappingProxyType(assets)
