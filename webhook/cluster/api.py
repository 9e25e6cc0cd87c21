"""A connection to one API server, through kubernetes-asyncio's client: who we are, TLS and tokens are its work.

Bodies stay bytes: a caller decodes the few fields it uses, so that 10,000 listed objects never become as many models.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import aiohttp
import msgspec
from kubernetes_asyncio.client import ApiClient, Configuration
from kubernetes_asyncio.config import ConfigException
from kubernetes_asyncio.config.incluster_config import InClusterConfigLoader
from kubernetes_asyncio.config.kube_config import KubeConfigLoader, load_kube_config

from webhook.errors import ClusterError

JSON_PATCH: Final = "application/json-patch+json"

_SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_USER_AGENT: Final = "pod-security-defaulter"  # what audit logs and managedFields call us
_AUTH: Final = ["BearerToken"]
_PROBES: Final = {"TCP_KEEPIDLE": 20, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
"""A connection whose other end is gone without a word breaks off after 35 seconds."""
_BURST: Final = 64
"""Events handed on at a time, so that a storm of them does not keep reviews waiting."""
_LINE_LIMIT: Final = 16 * 1024 * 1024
"""Bytes of one watch event. An object has at most 3 MiB in an API server."""


class _Ask(NamedTuple):
    """A request."""

    method: str
    path: str
    query: Mapping[str, str] | None
    body: Any = None
    content_type: str = "application/json"

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class _Status(msgspec.Struct):
    """`meta/v1` Status, as far as it counts."""

    message: str = ""


class Cluster:
    """A connection. Close it at the end."""

    def __init__(self, client: ApiClient, namespace: str) -> None:
        """Use `connect`. `namespace` is that of the kubeconfig's context, or of our own pod."""
        self._client = client
        self.namespace = namespace

    @classmethod
    async def connect(cls, kubeconfig: Path | None = None, context: str | None = None) -> Self:
        """In a pod by its ServiceAccount, else by the kubeconfig ($KUBECONFIG, ~/.kube/config). Raises ClusterError.

        Nothing is asked yet: an API server that is away is found out by the first request.
        """
        configuration = Configuration()
        try:
            if kubeconfig is None and context is None and _SERVICE_ACCOUNT.is_dir():
                InClusterConfigLoader(str(_SERVICE_ACCOUNT / "token"), str(_SERVICE_ACCOUNT / "ca.crt")).load_and_set(
                    configuration
                )
                namespace = (_SERVICE_ACCOUNT / "namespace").read_text(encoding="utf-8").strip()
            else:
                file = None if kubeconfig is None else str(kubeconfig)
                loader: KubeConfigLoader = await load_kube_config(file, context, configuration, persist_config=False)
                current: Any = loader.current_context
                namespace = current["context"].get("namespace") or "default"
            client = ApiClient(configuration)
            client.user_agent = _USER_AGENT
            return cls(client, namespace)
        except (ConfigException, OSError, ValueError, KeyError, TypeError) as error:
            raise ClusterError(0, f"no connection to a cluster: {error}") from error

    async def close(self) -> None:
        """Close the connection."""
        await self._client.close()

    async def get(self, path: str, query: Mapping[str, str] | None = None, *, seconds: float = 30) -> bytes:
        """GET an object or a list. Raises ClusterError."""
        async with self._answer(_Ask("GET", path, query), aiohttp.ClientTimeout(total=seconds)) as response:
            return await response.read()

    async def send(
        self, method: str, path: str, body: Any, *, content_type: str = "application/json", seconds: float = 30
    ) -> bytes:
        """PATCH, POST or PUT, and return the answer's body. Raises ClusterError."""
        ask = _Ask(method, path, None, body, content_type)
        async with self._answer(ask, aiohttp.ClientTimeout(total=seconds)) as response:
            return await response.read()

    @asynccontextmanager
    async def watch(
        self, path: str, query: Mapping[str, str], *, quiet_seconds: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The lines of a watch, as they come. Raises ClusterError, also where none comes for `quiet_seconds`."""
        patience = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=quiet_seconds)
        async with self._answer(_Ask("GET", path, {**query, "watch": "1"}), patience) as response:
            _probe(response)
            yield _lines(response)

    @asynccontextmanager
    async def _answer(self, ask: _Ask, patience: aiohttp.ClientTimeout) -> AsyncIterator[aiohttp.ClientResponse]:
        try:
            response: aiohttp.ClientResponse = await self._client.call_api(
                ask.path,
                ask.method,
                query_params=list((ask.query or {}).items()),
                header_params={"Accept": "application/json", "Content-Type": ask.content_type},
                body=ask.body,
                auth_settings=_AUTH,
                _preload_content=False,
                _request_timeout=patience,
            )
            async with response:
                if response.status >= HTTPStatus.BAD_REQUEST:
                    raise ClusterError(response.status, f"{ask}: {response.status} {_message(await response.read())}")
                yield response
        except (aiohttp.ClientError, ConfigException, OSError) as error:  # the token is read again now and then
            raise ClusterError(0, f"{ask}: {str(error) or type(error).__name__}") from error


def _probe(response: aiohttp.ClientResponse) -> None:
    """Have the kernel ask now and then whether the other end is still there: a watch may be silent for a minute."""
    connection = response.connection
    sock = None
    if connection is not None and connection.transport is not None:  # else it has ended already
        sock = connection.transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _PROBES.items():
            if hasattr(socket, name):  # not everywhere
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Lines of any length up to the limit: the client's own reader stops at its buffer's size."""
    rest = bytearray()
    async for chunk in response.content.iter_any():
        rest += chunk
        if b"\n" not in chunk:
            if len(rest) > _LINE_LIMIT:
                raise ClusterError(0, f"an event of more than {_LINE_LIMIT} bytes")
            continue
        *lines, last = rest.split(b"\n")
        rest = bytearray(last)
        for number, line in enumerate(lines):
            if number % _BURST == 0:
                await asyncio.sleep(0)
            if line:
                yield bytes(line)


def _message(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Status).message
    except msgspec.MsgspecError:
        return body[:200].decode(errors="replace")
