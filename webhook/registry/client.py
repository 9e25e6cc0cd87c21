"""Sends the requests of a protocol step, over verified TLS, with bounds on bytes and time."""

from __future__ import annotations

import asyncio
import hashlib
import platform
import ssl
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self, TypeVar

import aiohttp
from aiohttp import hdrs

from patches import ImageFacts, ImageReference
from webhook.cluster.proxies import proxy_of
from webhook.errors import RegistryError
from webhook.registry.addresses import AllowedHosts, PublicResolver, check_address
from webhook.registry.authentication import Credentials
from webhook.registry.exchange import Request, Response, Steps
from webhook.registry.image import LooksInto, Platform, looks_into_none, read_image

T = TypeVar("T")

_USER_AGENT: Final = "pod-security-defaulter"
_CHUNK_BYTES: Final = 64 * 1024
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}


class RegistryClient:
    """Asks registries. A context manager; neither ~/.netrc nor a ServiceAccount's token is ever sent."""

    def __init__(
        self,
        hosts: AllowedHosts,
        *,
        context: ssl.SSLContext | None = None,
        request_seconds: float = 30.0,
        image_seconds: float = 120.0,
    ) -> None:
        """Prepare to ask.

        Args:
            hosts: which registries may be asked.
            context: whom to trust; None for the authorities of the system, or of SSL_CERT_FILE.
            request_seconds: how long one request may take.
            image_seconds: how long all requests for an image may take.
        """
        self._hosts = hosts
        self._context = context or ssl.create_default_context()
        self._platform = Platform(_ARCHITECTURES.get(platform.machine(), platform.machine()))
        self._timeout = aiohttp.ClientTimeout(total=request_seconds, sock_connect=10.0)
        self._image_seconds = image_seconds
        self._proxy = proxy_of("https://registry.invalid")

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            ssl=self._context, resolver=PublicResolver(self._hosts, self._proxy), use_dns_cache=False, limit=8
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=self._timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={hdrs.USER_AGENT: _USER_AGENT, hdrs.ACCEPT_ENCODING: "identity"},
            auto_decompress=False,
            trust_env=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._session.close()

    async def facts(
        self,
        reference: ImageReference,
        credentials: Credentials | None = None,
        looks_into: LooksInto = looks_into_none,
    ) -> ImageFacts:
        """Find out what the registry of an image says of it.

        Args:
            reference: the image.
            credentials: the user's for this registry; None for an anonymous user.
            looks_into: whether to look for file capabilities, which takes all layers of the image.

        Returns:
            What is known of it; without what its layers would tell where they cannot be had in time.

        Raises:
            RegistryError: if the registry may not be asked, refuses, does not answer in time, or answers what cannot
                be used. The message names the host.
        """
        if not self._hosts.allows(reference.host):
            raise RegistryError(f"{reference.host}: this registry is not among those that may be asked")
        try:
            return await self._run(read_image(reference, self._platform, credentials, looks_into))
        except RegistryError as error:
            raise RegistryError(f"{reference.host}: {error}", error.status) from None

    async def _run(self, steps: Steps[T]) -> T:
        """Send what a protocol step asks for until it is done. When the time is over, every request fails."""
        end = asyncio.get_running_loop().time() + self._image_seconds
        try:
            request = next(steps)
            while True:
                try:
                    async with asyncio.timeout_at(end):
                        response = await self._send(request)
                except TimeoutError:
                    request = steps.throw(RegistryError(f"no answer within {self._image_seconds:g} seconds"))
                except RegistryError as error:
                    request = steps.throw(error)
                else:
                    request = steps.send(response)
        except StopIteration as stop:
            result: T = stop.value
            return result

    async def _send(self, request: Request) -> Response:
        check_address(request.url, self._hosts)
        method = hdrs.METH_GET if request.form is None else hdrs.METH_POST
        try:
            async with self._session.request(
                method,
                request.url,
                headers=request.headers,
                data=request.form,
                allow_redirects=False,
                proxy=proxy_of(request.url),
            ) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                body = b"" if response.status != HTTPStatus.OK else await _read(response, request)
                return Response(response.status, headers, body)
        except (aiohttp.ClientError, OSError, ValueError) as error:  # ValueError: a URL that is none
            raise RegistryError(f"{_place(request.url)}: {str(error) or type(error).__name__}") from None


async def _read(response: aiohttp.ClientResponse, request: Request) -> bytes:
    """Read a body into the sink, or return it."""
    if response.content_length is not None and response.content_length > request.most_bytes:
        raise RegistryError(f"{_place(request.url)}: more than {request.most_bytes} bytes")
    algorithm, _, expected = request.digest.partition(":")
    hashed = hashlib.new(algorithm) if algorithm else None
    body = bytearray()
    length = 0
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        length += len(chunk)
        if length > request.most_bytes:
            raise RegistryError(f"{_place(request.url)}: more than {request.most_bytes} bytes")
        if hashed is not None:
            hashed.update(chunk)
        if request.sink is not None:
            await asyncio.to_thread(request.sink.feed, chunk)  # a few bytes may unpack to very many
        else:
            body += chunk
    if hashed is not None and hashed.hexdigest() != expected:
        raise RegistryError(f"{_place(request.url)}: the content does not have the digest {request.digest}")
    return bytes(body)


def _place(url: str) -> str:
    """A URL for a message, without its query, in which a storage of blobs has a signature."""
    return url.partition("?")[0]
