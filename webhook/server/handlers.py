"""The endpoints. Each handler decodes, asks the reviewer and encodes; anything else happens elsewhere."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from webhook.errors import UndecodableReview
from webhook.review import respond
from webhook.review.codec import Request, Response, decode_review, encode_review
from webhook.review.reviewer import Reviewer
from webhook.server.bodies import is_encoded
from webhook.server.readiness import Readiness
from webhook.telemetry.admissions import Admissions
from webhook.telemetry.metrics import CONTENT_TYPE, Metrics

BODY_LIMIT: Final = 2 * 3 * 1024 * 1024 + 1024 * 1024
"""Bytes. An API server takes objects of up to 3 MiB; a review carries two, and a little of its own."""

LONGEST_PATIENCE: Final = 30.0
"""Seconds. An API server waits no longer for a webhook."""
_SECOND: Final = 1.0
_DURATION: Final = re.compile(r"(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+(?:\.[0-9]+)?)s)?(?:([0-9]+)ms)?")
_LOG: Final = logging.getLogger("webhook.server")

REVIEWER: Final = web.AppKey("reviewer", Reviewer)


READINESS: Final = web.AppKey("readiness", Readiness)
METRICS: Final = web.AppKey("metrics", Metrics)
ADMISSIONS: Final = web.AppKey("admissions", Admissions)


async def mutate(request: web.Request) -> web.Response:
    """`POST /mutate`."""
    return await _review(request, "mutate", request.app[REVIEWER].mutate)


async def validate(request: web.Request) -> web.Response:
    """`POST /validate`."""
    return await _review(request, "validate", request.app[REVIEWER].validate)


async def healthz(_: web.Request) -> web.Response:
    """`GET /healthz`: the process answers."""
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    """`GET /readyz`: 200 while requests are wanted, 503 otherwise; with `?verbose`, what that depends on."""
    readiness = request.app[READINESS]
    status = 200 if readiness.ready else 503
    if "verbose" in request.query:
        return web.Response(status=status, text=readiness.told())
    return web.Response(status=status, text="ok\n" if readiness.ready else "not ready\n")


async def metrics(request: web.Request) -> web.Response:
    """`GET /metrics`, for Prometheus."""
    return web.Response(body=request.app[METRICS].page(), headers={"Content-Type": CONTENT_TYPE})


async def _review(
    request: web.Request, endpoint: str, answer: Callable[[Request], Awaitable[Response]]
) -> web.Response:
    admissions = request.app[ADMISSIONS]
    clock = asyncio.get_running_loop().time
    seconds = patience(request.query.get("timeout", ""))
    start = clock()
    deadline = start + seconds
    if is_encoded(request):
        admissions.undecodable(endpoint, clock() - start)
        return web.Response(status=415, text="send the body as it is: no Content-Encoding is decoded\n")
    try:
        async with asyncio.timeout_at(deadline):
            body = await request.read()
        review = decode_review(body)
    except (UndecodableReview, TimeoutError, web.RequestPayloadError, ConnectionError) as error:
        admissions.undecodable(endpoint, clock() - start)
        return _unreadable(error, seconds)
    except web.HTTPRequestEntityTooLarge:
        admissions.undecodable(endpoint, clock() - start)
        raise
    try:
        async with asyncio.timeout_at(deadline):
            response = await answer(review)
    except TimeoutError:
        response = request.app[REVIEWER].unlearnt(review, "the namespace could not be looked up in time")
    except Exception:  # noqa: BLE001 (logged; an answer with the uid tells more than a broken connection)
        _LOG.exception("review %.80r failed", review.uid)
        response = respond.errored(review.uid, "internal error")
    answered = web.Response(body=encode_review(response), content_type="application/json")
    if not request.app[READINESS].serving:
        answered.force_close()  # who went on using the connection would send a review into its end, and lose it
    admissions.answered(endpoint, review, response, clock() - start)
    return answered


def _unreadable(error: Exception, seconds: float) -> web.Response:
    match error:
        case UndecodableReview():
            return web.Response(status=400, text=f"{error}\n")
        case TimeoutError():
            return web.Response(status=408, text=f"the body did not arrive within {seconds:g} s\n")
    return web.Response(status=400, text="the body broke off, or is not encoded as its headers say\n")


def patience(timeout: str) -> float:
    """Seconds to answer within, from the caller's `?timeout=`, a Go duration: a second less than it will wait.

    The caller rounds its timeout up to whole seconds, so of one second half is kept. Without one, or with one that
    cannot be read, it is the longest that an API server waits.
    """
    match = _DURATION.fullmatch(timeout)
    seconds = 0.0
    if match is not None:
        hours, minutes, whole, millis = (float(part or 0) for part in match.groups())
        seconds = hours * 3600 + minutes * 60 + whole + millis / 1000
    seconds = min(seconds or LONGEST_PATIENCE, LONGEST_PATIENCE)
    return max(seconds - _SECOND, seconds / 2)
