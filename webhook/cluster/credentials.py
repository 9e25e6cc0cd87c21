"""Where an API server is, and what we show it: from the files of a pod, or from a kubeconfig."""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, NamedTuple

from webhook.errors import ClusterError

_TOKEN_SECONDS: Final = 60.0
"""A token is read anew after this time: kubelet replaces the file long before the old one expires."""


async def _anonymous() -> str | None:
    return None


class Credentials(NamedTuple):
    """How to reach one API server.

    Attributes:
        url: of the API server.
        namespace: that of the kubeconfig's context, or of our own pod.
        tls: whom to trust, and our client certificate.
        server_name: the name that the server's certificate has to have; None for that in the URL.
        proxy: the proxy that the kubeconfig names.
        authorization: returns the header of that name, asked for each request. Raises ClusterError, OSError.
    """

    url: str
    namespace: str = "default"
    tls: ssl.SSLContext | None = None
    server_name: str | None = None
    proxy: str | None = None
    authorization: Callable[[], Awaitable[str | None]] = _anonymous


class TokenFile:
    """The token of our ServiceAccount, which kubelet replaces from time to time."""

    def __init__(self, path: Path) -> None:
        """Read it. Raises ClusterError, OSError."""
        self._path = path
        self._read()

    async def authorization(self) -> str:
        """The header, with a token that is a minute old at most. Raises ClusterError, OSError."""
        if time.monotonic() - self._read_at > _TOKEN_SECONDS:
            self._read()
        return self._header

    def _read(self) -> None:
        token = self._path.read_text(encoding="utf-8").strip()
        if not token:
            raise ClusterError(0, f"{self._path} is empty")
        self._header, self._read_at = f"Bearer {token}", time.monotonic()


def of_pod(directory: Path) -> Credentials:
    """The credentials that kubelet puts in a directory of every pod, and the address that it puts in its environment.

    Raises:
        ClusterError: something is not there.
        OSError: a file cannot be read.
        ValueError: a file is not text.
    """
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        raise ClusterError(0, "KUBERNETES_SERVICE_HOST or KUBERNETES_SERVICE_PORT is not set")
    return Credentials(
        url=f"https://{f'[{host}]' if ':' in host else host}:{port}",
        namespace=(directory / "namespace").read_text(encoding="utf-8").strip(),
        tls=ssl.create_default_context(cafile=str(directory / "ca.crt")),
        authorization=TokenFile(directory / "token").authorization,
    )
