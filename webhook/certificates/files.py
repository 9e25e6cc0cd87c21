"""A serving certificate, and the CA of clients, from files that somebody else replaces: cert-manager, an operator."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final, Generic, NoReturn, TypeVar

from webhook.certificates.live_context import LiveContext
from webhook.certificates.tls import Served, read_file
from webhook.errors import CertificateError

EVERY_SECONDS: Final = 5.0

_log: Final = logging.getLogger(__name__)

_Content = TypeVar("_Content")


class WatchedFiles:
    """The files' certificate, served by `context`. A bad one is told once, and what was good before still serves."""

    def __init__(self, cert: Path, key: Path, client_ca: Path | None = None) -> None:
        """Read the files. Raises CertificateError."""
        self._live = LiveContext(None if client_ca is None else read_authority(client_ca))
        served = Served.read(cert, key)
        self._live.serve(served)
        self._certificate = _Followed(lambda: Served.read(cert, key), served, self._live.serve)
        self._authority = None if client_ca is None else WatchedAuthority(client_ca, self._live)

    @property
    def context(self) -> ssl.SSLContext:
        """For the listener; stays the same."""
        return self._live.context

    @property
    def expiry(self) -> datetime | None:
        """When the certificate that is served ends."""
        return self._live.expiry

    async def run(self, *, every_seconds: float = EVERY_SECONDS) -> NoReturn:
        """Follow the files until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._certificate.run(every_seconds))
            if self._authority is not None:
                tasks.create_task(self._authority.run(every_seconds=every_seconds))
        raise AssertionError  # neither task ends


class WatchedAuthority:
    """The file of the CA that clients need a certificate of."""

    def __init__(self, path: Path, live: LiveContext) -> None:
        """Read the file. Raises CertificateError."""
        self._file = _Followed(lambda: read_authority(path), read_authority(path), live.trust)

    async def run(self, *, every_seconds: float = EVERY_SECONDS) -> NoReturn:
        """Follow the file until cancelled."""
        await self._file.run(every_seconds)


class _Followed(Generic[_Content]):
    """Reads every few seconds: a few kilobytes, and no way of replacing a file is missed."""

    def __init__(self, read: Callable[[], _Content], last: _Content, use: Callable[[_Content], None]) -> None:
        self._read = read
        self._last = last
        self._use = use
        self._problem = ""

    async def run(self, every_seconds: float) -> NoReturn:
        while True:
            await asyncio.sleep(every_seconds)
            self._look()

    def _look(self) -> None:
        problem = ""
        try:
            content = self._read()
            if content != self._last:
                self._use(content)
                self._last = content
                _log.info("certificate files have changed and are in use")
        except CertificateError as error:
            problem = str(error)
        if problem and problem != self._problem:
            _log.error("certificate files have changed and cannot be used; the ones before still are: %s", problem)
        self._problem = problem


def read_authority(path: Path) -> tuple[bytes, str]:
    """The CA of clients and its name, as LiveContext takes them. Raises CertificateError."""
    return read_file(path), str(path)
