"""Requests and responses as values: what is between the protocol of registries and the network.

A protocol step is a generator that yields a `Request` and is sent the `Response`. It raises RegistryError if the
response cannot be used. What it yields decides everything: host, credentials, bounds, digest.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import NamedTuple, Protocol, TypeAlias, TypeVar
from urllib.parse import urljoin, urlsplit

from webhook.errors import RegistryError

T = TypeVar("T")

_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Sink(Protocol):
    """Reads a body while it arrives, so that a large one is never in memory."""

    def feed(self, data: bytes) -> None:
        """Read on."""


class Request(NamedTuple):
    """A request. Nothing but what stands here is sent.

    Attributes:
        url: where to; https.
        most_bytes: bytes of the body above which the response cannot be used.
        headers: what is asked for, and the credentials.
        form: fields to post; None for a GET.
        digest: what the body has to hash to; "" for any.
        sink: reads the body in place of the response's `body`; None for none.
    """

    url: str
    most_bytes: int
    headers: Mapping[str, str]
    form: Mapping[str, str] | None = None
    digest: str = ""
    sink: Sink | None = None


class Response(NamedTuple):
    """A response. Names of headers are in lower case; `body` is empty if a sink has read it; `url`: after redirects."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    url: str = ""


Steps: TypeAlias = Generator[Request, Response, T]
"""Requests one after the other, and in the end what was found out."""


def origin(url: str) -> str:
    """The scheme, host and port of a URL, whose credentials are of no use elsewhere.

    Raises:
        RegistryError: if it is no https URL.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 443
    except ValueError:
        raise RegistryError(f"{url[:200]!r} is no URL") from None
    if parts.scheme != "https" or not host:
        raise RegistryError(f"{url[:200]!r} is no https URL, and no other is asked")
    return f"https://{host}:{port}"


def send(request: Request) -> Steps[Response]:
    """Send a request, and follow redirects. Credentials stay with the host that they are for."""
    for _ in range(_MOST_REDIRECTS + 1):
        source = origin(request.url)
        response = yield request
        if response.status not in _REDIRECTS or request.form is not None:  # a form holds a secret: it goes nowhere else
            return response._replace(url=request.url)
        try:
            target = urljoin(request.url, response.headers.get("location", ""))
        except ValueError:
            raise RegistryError(f"{request.url} redirects to what is no URL") from None
        headers = request.headers
        if origin(target) != source:
            headers = {name: value for name, value in headers.items() if name != "Authorization"}
        request = request._replace(url=target, headers=headers)
    raise RegistryError(f"{request.url}: more than {_MOST_REDIRECTS} redirects")
