"""A serving certificate, and the CA of clients, from files that cert-manager or an operator replaces."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, NoReturn, TypeVar

from webhook.certificates.live_context import LiveContext
from webhook.certificates.tls import ClientCA, KeyPair
from webhook.file_follower import FileFollower

T = TypeVar("T")

EVERY_SECONDS: Final = 5.0
_LOG: Final = logging.getLogger(__name__)


class FileCertificate:
    """A certificate in files, served as they are replaced. If the new files are bad, the old certificate stays."""

    def __init__(self, cert: Path, key: Path, client_ca: Path | None = None) -> None:
        """Read the files. Raises CertificateError if they cannot be served."""
        self._client_ca = None if client_ca is None else ClientCAFile(client_ca)
        self._live = LiveContext(None if self._client_ca is None else self._client_ca.first)
        pair = KeyPair.read(cert, key)
        self._live.serve(pair)
        self._follower = FileFollower("certificate", partial(KeyPair.read, cert, key), pair)

    @property
    def context(self) -> ssl.SSLContext:
        """For the listener; stays the same."""
        return self._live.context

    @property
    def expiry(self) -> datetime | None:
        """When the certificate that is served expires."""
        return self._live.expiry

    async def run(self, *, every_seconds: float = EVERY_SECONDS) -> NoReturn:
        """Follow the files until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follower.run(_log_after(self._live.serve), every_seconds=every_seconds))
            if self._client_ca is not None:
                tasks.create_task(self._client_ca.run(self._live, every_seconds=every_seconds))
        raise AssertionError  # neither task ends


class ClientCAFile:
    """A file with the CA that clients need a certificate of.

    Attributes:
        first: what was in the file at the start.
    """

    def __init__(self, path: Path) -> None:
        """Read the file. Raises CertificateError if it cannot be read."""
        self.first = ClientCA.read(path)
        self._follower = FileFollower("client CA", partial(ClientCA.read, path), self.first)

    async def run(self, live: LiveContext, *, every_seconds: float = EVERY_SECONDS) -> NoReturn:
        """Have `live` trust what is in the file, until cancelled."""
        await self._follower.run(_log_after(live.trust), every_seconds=every_seconds)


def _log_after(use: Callable[[T], None]) -> Callable[[T], None]:
    def use_and_log(content: T) -> None:
        use(content)
        _LOG.info("certificate files have changed and are in use")

    return use_and_log
