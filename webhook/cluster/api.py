"""The client of one API server.

Bodies stay bytes: a caller decodes the few fields that it uses, so that 10,000 listed objects never become models.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, NamedTuple, Self
from urllib.parse import urlencode
from weakref import WeakSet

import aiohttp
import msgspec

from webhook.cluster.credentials import Credentials, of_pod
from webhook.cluster.proxies import proxy_of
from webhook.errors import ClusterError

JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
APPLY_PATCH: Final = "application/apply-patch+yaml"
"""A server-side apply. JSON is YAML too."""

_SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_USER_AGENT: Final = "pod-security-defaulter"  # what audit logs and managedFields call us
_KEEPALIVE: Final = {"TCP_KEEPIDLE": 20, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
"""A connection breaks off after 35 seconds if its other end has vanished."""
_CLOSE_TURNS: Final = 1000
"""Turns of the event loop, a millisecond each, within which asyncio closes a socket that was shut down."""
_BURST: Final = 64
"""After so many events other tasks get a turn, so that a storm of events does not keep reviews waiting."""
_READ_BUFFER: Final = 2 * 1024 * 1024
_LINE_LIMIT: Final = 16 * 1024 * 1024
"""The limit of one watch event, in bytes. An API server stores objects of at most 3 MiB."""


class _Request(NamedTuple):
    method: str
    path: str
    query: Mapping[str, str] | None
    body: Any = None
    content_type: str = "application/json"

    @property
    def target(self) -> str:
        """The path with its query."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path

    @property
    def data(self) -> str | None:
        """The body as JSON, in ASCII: text of anybody's may have half a character."""
        return None if self.body is None else json.dumps(self.body)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class _ListMeta(msgspec.Struct):
    continue_: str = msgspec.field(name="continue", default="")


class _Status(msgspec.Struct):
    """`meta/v1` Status: the fields that are read."""

    message: str = ""
    metadata: _ListMeta = msgspec.field(default_factory=_ListMeta)


class ClusterClient:
    """A client of one API server. Close it at the end.

    Attributes:
        namespace: that of the kubeconfig's context, or of our own pod.
    """

    def __init__(self, credentials: Credentials) -> None:
        """Open a session for these credentials; `connect` finds some. Needs a running event loop."""
        self.namespace = credentials.namespace
        self._credentials = credentials
        self._proxy = credentials.proxy or proxy_of(credentials.url)
        self._sockets: WeakSet[socket.socket] = WeakSet()
        # Without trust_env, which would send the credentials of ~/.netrc to the API server.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=credentials.tls or True, socket_factory=self._new_socket),
            headers={"Accept": "application/json", "User-Agent": _USER_AGENT},
            read_bufsize=_READ_BUFFER,
        )

    @classmethod
    async def connect(cls, kubeconfig: Path | None = None, context: str | None = None) -> Self:
        """Read the credentials: without arguments, in a pod, those of its ServiceAccount; else those of a kubeconfig.

        Nothing is sent yet: if the API server cannot be reached, the first request fails.

        Args:
            kubeconfig: the file; by default $KUBECONFIG or ~/.kube/config.
            context: the context in it; by default its current one.

        Raises:
            ClusterError: there are no credentials that can be used.
        """
        try:
            if kubeconfig is None and context is None and _SERVICE_ACCOUNT.is_dir():
                return cls(of_pod(_SERVICE_ACCOUNT))
            from webhook.cluster.kubeconfig import of_kubeconfig  # noqa: PLC0415 (34 MiB that no pod needs)

            return cls(await of_kubeconfig(kubeconfig, context))
        except (ClusterError, OSError, ValueError, KeyError, TypeError) as error:
            raise ClusterError(0, f"no connection to a cluster: {error}") from error

    async def close(self) -> None:
        """Close the connections, also those that were given up a moment ago and that asyncio has yet to close."""
        await self._session.close()
        left = [sock for sock in self._sockets if sock.fileno() != -1]
        for sock in left:
            with suppress(OSError):  # the other end has closed it
                sock.shutdown(socket.SHUT_RDWR)
        for _ in range(_CLOSE_TURNS):
            if all(sock.fileno() == -1 for sock in left):
                break
            await asyncio.sleep(0.001)

    async def get(self, path: str, query: Mapping[str, str] | None = None, *, seconds: float = 30) -> bytes:
        """GET an object or a list. Raises ClusterError if that fails or takes more than `seconds`."""
        async with self._call(_Request("GET", path, query), aiohttp.ClientTimeout(total=seconds)) as response:
            return await response.read()

    async def send(  # noqa: PLR0913 (the last three have defaults and go by name)
        self,
        method: str,
        path: str,
        body: Any,
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        seconds: float = 30,
    ) -> bytes:
        """PATCH, POST or PUT, and return the body of the answer. Raises ClusterError like `get`."""
        request = _Request(method, path, query, body, content_type)
        async with self._call(request, aiohttp.ClientTimeout(total=seconds)) as response:
            return await response.read()

    @asynccontextmanager
    async def watch(
        self, path: str, query: Mapping[str, str], *, quiet_seconds: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open a watch, and yield its lines as they arrive.

        Raises:
            ClusterError: the watch failed, or no line arrived for `quiet_seconds`.
        """
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=quiet_seconds)
        async with self._call(_Request("GET", path, {**query, "watch": "1"}), timeout) as response:
            yield _lines(response)

    async def _authorization(self, request: _Request) -> str | None:
        try:
            return await self._credentials.authorization()
        except ClusterError as error:
            raise ClusterError(0, f"{request}: {error}") from error

    def _new_socket(self, address: aiohttp.AddrInfoType) -> socket.socket:
        """Have the kernel check whether the other end still exists: a watch may be silent for a minute."""
        family, kind, protocol, *_ = address
        sock = socket.socket(family, kind, protocol)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE.items():
            if hasattr(socket, name):  # not everywhere
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        self._sockets.add(sock)
        return sock

    @asynccontextmanager
    async def _call(self, request: _Request, limits: aiohttp.ClientTimeout) -> AsyncIterator[aiohttp.ClientResponse]:
        try:
            headers = {"Content-Type": request.content_type}
            if authorization := await self._authorization(request):
                headers["Authorization"] = authorization
            response = await self._session.request(
                request.method,
                self._credentials.url + request.target,
                data=request.data,
                headers=headers,
                proxy=self._proxy,
                server_hostname=self._credentials.server_name,
                timeout=limits,
            )
            async with response:
                if response.status >= HTTPStatus.BAD_REQUEST:
                    status = _read_status(await response.read())
                    text = f"{request}: {response.status} {status.message}"
                    raise ClusterError(response.status, text, status.metadata.continue_)
                yield response
        except (aiohttp.ClientError, OSError) as error:
            raise ClusterError(0, f"{request}: {str(error) or type(error).__name__}") from error


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Split the body into lines up to the limit. The client's own `readline` fails on lines longer than its buffer."""
    rest = bytearray()
    async for chunk in response.content.iter_any():
        rest += chunk
        if b"\n" not in chunk:
            if len(rest) > _LINE_LIMIT:
                raise ClusterError(0, f"a watch event has more than {_LINE_LIMIT} bytes")
            continue
        *lines, last = rest.split(b"\n")
        rest = bytearray(last)
        for number, line in enumerate(lines):
            if number % _BURST == 0:
                await asyncio.sleep(0)
            if line:
                yield bytes(line)


def _read_status(body: bytes) -> _Status:
    try:
        return msgspec.json.decode(body, type=_Status)
    except msgspec.MsgspecError:
        return _Status(body[:200].decode(errors="replace"))
