"""The preview over HTTP: `POST /preview`, its description, and the page.

Locally it is open, on loopback only; a page of another site is turned away by its Origin, a name that was made to lead
here (DNS rebinding) by its Host. In a cluster it asks for a bearer token. The work is done in threads, a few at a time.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeAlias
from urllib.parse import SplitResult, urlsplit

import msgspec
from aiohttp import web

from webhook.documents.reader import Document, flatten, read_documents
from webhook.errors import (
    BrokenDocument,
    DefaulterError,
    InvalidParameter,
    LateBody,
    NotAcceptable,
    PermissionDenied,
    RequestError,
    TooManyRequests,
    UnreadableBody,
    UnsupportedBody,
    http_status,
)
from webhook.page.assets import HEADERS, Asset, asset_of, load_assets
from webhook.preview.access import Access
from webhook.preview.bounds import Bounds, check_bounds
from webhook.preview.preview import Options, namespaces_of, preview
from webhook.preview.requests import BODY_TYPES, Form, Problem, encoded, form_of, is_namespace, options_of
from webhook.server.bodies import is_encoded
from webhook.server.openapi import description
from webhook.server.pace import Pace
from webhook.sources.manifests import ManifestSource

PREVIEW_BODY_LIMIT: Final = 4 * 1024 * 1024
"""Bytes. More than any one object an API server takes, and the work for it is bounded to seconds."""
MOST_NAMESPACES: Final = 32
"""Namespaces that the objects of one request may name, each of which costs a question to the API server."""

_LOG: Final = logging.getLogger("webhook.server")
_BOUNDS: Final = Bounds()
_BODY_SECONDS: Final = 20.0
_WORKERS: Final = 2
_AT_ONCE: Final = 12
"""Requests whose bodies are read, wait for a thread or are worked on; more are told to come again."""
_EACH_AT_ONCE: Final = 4
"""Of one caller."""
_RATE: Final = 5.0
_BURST: Final = 20
_ADDRESS_RATE: Final = 20.0
_ADDRESS_BURST: Final = 60

Describe: TypeAlias = Callable[[Collection[str]], Awaitable[ManifestSource]]
"""What is known of these namespaces, as a source that the request may add to."""


def create_preview_app(describe: Describe, access: Access | None) -> web.Application:
    """The application. Without `access` it is open, and must listen on loopback only."""
    app = web.Application(client_max_size=PREVIEW_BODY_LIMIT, middlewares=[_explained])
    endpoint = _Endpoint(describe, access)
    app.router.add_post("/preview", endpoint.preview)
    app.router.add_get("/openapi.json", _asset(_openapi(description(needs_token=access is not None))))
    assets = load_assets()
    app.router.add_get("/", _asset(assets["index.html"]))
    for name, asset in assets.items():
        app.router.add_get(f"/static/{name}", _asset(asset))
    app.on_cleanup.append(endpoint.close)
    return app


class _Endpoint:
    def __init__(self, describe: Describe, access: Access | None) -> None:
        self._describe = describe
        self._access = access
        self._addresses = Pace(_ADDRESS_RATE, _ADDRESS_BURST)
        self._each = Pace(_RATE, _BURST)
        self._threads = ThreadPoolExecutor(_WORKERS, "preview")
        self._under_way: Counter[str] = Counter()

    async def close(self, _: web.Application) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def preview(self, request: web.Request) -> web.Response:
        """`POST /preview`."""
        _take(self._addresses, request.remote or "")
        user = None
        if self._access is None:
            _check_is_local(request)
        else:
            user = await self._access.user(request.headers.get("Authorization", ""))
            _take(self._each, user.username)
        form, options = _asked(request)
        caller = request.remote or "" if user is None else user.username
        if self._under_way.total() >= _AT_ONCE or self._under_way[caller] >= _EACH_AT_ONCE:
            raise TooManyRequests("too many previews at once: try again", headers={"Retry-After": "1"})
        self._under_way[caller] += 1  # from here on it holds memory: its body first
        try:
            documents = await self._work(_read, await _body(request))
            namespaces = namespaces_of(documents, options)
            if user is not None and self._access is not None:
                if len(namespaces) > MOST_NAMESPACES:
                    raise InvalidParameter(f"the objects name more than {MOST_NAMESPACES} namespaces")
                await self._access.check(user, namespaces)
            source = await self._describe([name for name in namespaces if is_namespace(name)])
            text = await self._work(_answer, documents, source, options, form)
        finally:
            self._under_way[caller] -= 1
            if not self._under_way[caller]:
                del self._under_way[caller]
        return web.Response(text=text, content_type=form.value, charset="utf-8", headers=_no_store())

    async def _work(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)


def _read(body: bytes) -> list[Document | BrokenDocument]:
    documents = list(flatten(read_documents(body, "manifest")))
    check_bounds(documents, _BOUNDS)
    return documents


def _answer(documents: list[Document | BrokenDocument], source: ManifestSource, options: Options, form: Form) -> str:
    return encoded(preview(documents, source, options)[0], form)


def _asked(request: web.Request) -> tuple[Form, Options]:
    options = options_of(request.query.items())
    form = form_of(",".join(request.headers.getall("Accept", [])))
    if form is None:
        raise NotAcceptable(f"there are {', '.join(Form)}", field="Accept")
    if is_encoded(request):
        raise UnsupportedBody("send the body as it is: nothing is decoded", field="Content-Encoding")
    if request.content_type not in BODY_TYPES:
        raise UnsupportedBody(f"expected one of {', '.join(BODY_TYPES)}", field="Content-Type")
    return form, options


async def _body(request: web.Request) -> bytes:
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        raise LateBody(f"the body did not arrive within {_BODY_SECONDS:g} s") from None
    except (web.RequestPayloadError, ConnectionError):
        raise UnreadableBody("the body broke off, or is not encoded as its headers say") from None


def _take(pace: Pace, caller: str) -> None:
    seconds = pace.wait(caller, asyncio.get_running_loop().time())
    if seconds:
        raise TooManyRequests("too many previews: try again", headers={"Retry-After": str(math.ceil(seconds))})


def _check_is_local(request: web.Request) -> None:
    host = _address(f"//{request.host}")
    if host is None or not is_loopback(host.hostname or ""):
        raise PermissionDenied("this preview is for this machine: ask for localhost", field="Host")
    origin = request.headers.get("Origin")
    if origin is not None:
        page = _address(origin)
        if page is None or page.netloc != request.host:
            raise PermissionDenied("another site's page may not ask", field="Origin")


def _address(text: str) -> SplitResult | None:
    """The parts of an address; None where it is none, as with one half of the brackets of an IPv6 address."""
    try:
        return urlsplit(text)
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Whether a host, by name or address, is this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@web.middleware
async def _explained(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Every answer with the page's headers, every refusal as a Problem."""
    try:
        response = await handler(request)
    except DefaulterError as error:
        response = _refusal(error)
    except web.HTTPRequestEntityTooLarge:
        response = _problem(413, Problem(f"more than {PREVIEW_BODY_LIMIT} bytes"))
    except web.HTTPException as error:
        kept = {name: value for name, value in error.headers.items() if name == "Allow"}
        response = _problem(error.status, Problem(error.reason), kept)
    except Exception:  # noqa: BLE001 (logged without the request, which holds a token)
        _LOG.exception("a preview failed")
        response = _problem(500, Problem("internal error"))
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _refusal(error: DefaulterError) -> web.Response:
    if isinstance(error, RequestError):
        return _problem(http_status(error), Problem(str(error), error.field), error.headers)
    return _problem(http_status(error), Problem(str(error)))


def _problem(status: int, problem: Problem, headers: Mapping[str, str] | None = None) -> web.Response:
    body = msgspec.json.encode(problem)
    return web.Response(
        status=status, body=body, content_type="application/json", headers={**_no_store(), **(headers or {})}
    )


def _no_store() -> dict[str, str]:
    return {"Cache-Control": "no-store"}


def _openapi(document: Mapping[str, Any]) -> Asset:
    return asset_of(msgspec.json.encode(document), "application/json")


def _asset(asset: Asset) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(request: web.Request) -> web.Response:
        """`GET /`, the files of the page, and the description."""
        headers = {"ETag": asset.etag}
        if any(tag.value in ("*", asset.etag.strip('"')) for tag in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        return web.Response(body=asset.body, headers={**headers, "Content-Type": asset.content_type})

    return handler
