"""The preview over HTTP: `POST /preview`, its OpenAPI description, and the page.

Locally anyone may use it, on loopback only. The Origin header gives away another site's page, the Host header a foreign
name that resolves to this machine (DNS rebinding); both are refused. In a cluster it needs a bearer token. A few
threads do the work.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import msgspec
from aiohttp import web

from patches import DefaulterConfiguration
from webhook.documents.reader import Document, flatten, read_documents
from webhook.errors import (
    BrokenDocument,
    DefaulterError,
    InvalidParameter,
    NotAcceptable,
    PermissionDenied,
    RequestError,
    TooManyRequests,
    UnsupportedBody,
    http_status,
)
from webhook.gatherers.gatherer import PreviewGatherer
from webhook.page.assets import HEADERS, Asset, asset_of, load_assets
from webhook.preview.authorizer import Authorizer
from webhook.preview.bounds import Bounds, check_bounds
from webhook.preview.preview import PreviewOptions, Surroundings, namespaces_of, preview
from webhook.preview.requests import BODY_TYPES, Form, Problem, encoded, form_of, is_namespace, options_of
from webhook.server.bodies import is_encoded, read_body
from webhook.server.openapi import description
from webhook.server.rate_limiter import RateLimiter

PREVIEW_BODY_LIMIT: Final = 4 * 1024 * 1024
"""Bytes. More than the largest object that an API server accepts, yet only seconds of work."""
MOST_NAMESPACES: Final = 32
"""How many namespaces one request may name. Each costs requests to the API server."""

_LOG: Final = logging.getLogger("webhook.server")
_BOUNDS: Final = Bounds()
_BODY_SECONDS: Final = 20.0
_WORKERS: Final = 2
_MOST_PENDING: Final = 12
"""Requests whose body is in memory: being read, waiting for a thread, or at work. Others must try again."""
_MOST_PENDING_PER_CALLER: Final = 4
"""The same for a single caller."""
_RATE: Final = 5.0
_BURST: Final = 20
_ADDRESS_RATE: Final = 20.0
_ADDRESS_BURST: Final = 60


def create_preview_app(
    gatherer: PreviewGatherer, configuration: Callable[[], DefaulterConfiguration], authorizer: Authorizer | None
) -> web.Application:
    """Create the application of previews.

    Args:
        gatherer: where namespaces come from.
        configuration: returns the configuration in use.
        authorizer: decides who may use it. None allows everyone; the application must then listen on loopback only.
    """
    app = web.Application(client_max_size=PREVIEW_BODY_LIMIT, middlewares=[_handle_errors])
    endpoint = _Endpoint(gatherer, configuration, authorizer)
    app.router.add_post("/preview", endpoint.preview)
    app.router.add_get("/openapi.json", _asset_handler(_openapi(description(needs_token=authorizer is not None))))
    assets = load_assets()
    app.router.add_get("/", _asset_handler(assets["index.html"]))
    for name, asset in assets.items():
        app.router.add_get(f"/static/{name}", _asset_handler(asset))
    app.on_cleanup.append(endpoint.close)
    return app


class _Endpoint:
    def __init__(
        self,
        gatherer: PreviewGatherer,
        configuration: Callable[[], DefaulterConfiguration],
        authorizer: Authorizer | None,
    ) -> None:
        self._gatherer = gatherer
        self._configuration = configuration
        self._authorizer = authorizer
        self._addresses = RateLimiter(_ADDRESS_RATE, _ADDRESS_BURST)
        self._callers = RateLimiter(_RATE, _BURST)
        self._threads = ThreadPoolExecutor(_WORKERS, "preview")
        self._pending: Counter[str] = Counter()

    async def close(self, _: web.Application) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def preview(self, request: web.Request) -> web.Response:
        """`POST /preview`."""
        _check_rate(self._addresses, request.remote or "")
        user = None
        if self._authorizer is None:
            _check_is_local(request)
        else:
            user = await self._authorizer.user(request.headers.get("Authorization", ""))
            _check_rate(self._callers, user.username)
        form, options = _read_request(request)
        caller = request.remote or "" if user is None else user.username
        if self._pending.total() >= _MOST_PENDING or self._pending[caller] >= _MOST_PENDING_PER_CALLER:
            raise TooManyRequests("too many previews at once: try again", headers={"Retry-After": "1"})
        self._pending[caller] += 1  # from here on the request holds memory
        try:
            documents = await self._run_in_thread(_read_manifests, await read_body(request, _BODY_SECONDS))
            namespaces = namespaces_of(documents, options)
            if user is not None and self._authorizer is not None:
                if len(namespaces) > MOST_NAMESPACES:
                    raise InvalidParameter(f"the objects name more than {MOST_NAMESPACES} namespaces")
                await self._authorizer.check(user, namespaces)
            gathered = await self._gatherer.gather_all([name for name in namespaces if is_namespace(name)])
            surroundings = Surroundings(gathered, self._configuration(), self._gatherer.server_minor)
            text = await self._run_in_thread(_encode_preview, documents, surroundings, options, form)
        finally:
            self._pending[caller] -= 1
            if not self._pending[caller]:
                del self._pending[caller]
        return web.Response(text=text, content_type=form.value, charset="utf-8", headers=_no_store())

    async def _run_in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)


def _read_manifests(body: bytes) -> list[Document | BrokenDocument]:
    documents = list(flatten(read_documents(body, "manifest")))
    check_bounds(documents, _BOUNDS)
    return documents


def _encode_preview(
    documents: list[Document | BrokenDocument], surroundings: Surroundings, options: PreviewOptions, form: Form
) -> str:
    return encoded(preview(documents, surroundings, options)[0], form)


def _read_request(request: web.Request) -> tuple[Form, PreviewOptions]:
    options = options_of(request.query.items())
    form = form_of(",".join(request.headers.getall("Accept", [])))
    if form is None:
        raise NotAcceptable(f"there are {', '.join(Form)}", field="Accept")
    if is_encoded(request):
        raise UnsupportedBody("send the body as it is: nothing is decoded", field="Content-Encoding")
    if request.content_type not in BODY_TYPES:
        raise UnsupportedBody(f"expected one of {', '.join(BODY_TYPES)}", field="Content-Type")
    return form, options


def _check_rate(limiter: RateLimiter, caller: str) -> None:
    seconds = limiter.take(caller, asyncio.get_running_loop().time())
    if seconds:
        raise TooManyRequests("too many previews: try again", headers={"Retry-After": str(math.ceil(seconds))})


def _check_is_local(request: web.Request) -> None:
    host = _split_url(f"//{request.host}")
    if host is None or not is_loopback(host.hostname or ""):
        raise PermissionDenied("this preview is for this machine: ask for localhost", field="Host")
    origin = request.headers.get("Origin")
    if origin is not None:
        page = _split_url(origin)
        if page is None or page.netloc != request.host:
            raise PermissionDenied("another site's page may not ask", field="Origin")


def _split_url(text: str) -> SplitResult | None:
    """The parts of a URL; None if it is malformed, such as an IPv6 address with a missing bracket."""
    try:
        return urlsplit(text)
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Whether a host name or address is loopback."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@web.middleware
async def _handle_errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn every error into a Problem, and add the page's headers to every response."""
    try:
        response = await handler(request)
    except DefaulterError as error:
        response = _refusal(error)
    except web.HTTPException as error:
        kept = {name: value for name, value in error.headers.items() if name == "Allow"}
        response = _problem(error.status, Problem(error.reason), kept)
    except Exception:  # noqa: BLE001 (logged without the request, which contains a token)
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


def _asset_handler(asset: Asset) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(request: web.Request) -> web.Response:
        """`GET /`, the files of the page, and the OpenAPI description."""
        headers = {"ETag": asset.etag}
        if any(tag.value in ("*", asset.etag.strip('"')) for tag in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        return web.Response(body=asset.body, headers={**headers, "Content-Type": asset.content_type})

    return handler
