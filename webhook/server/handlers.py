"""The endpoints of admission. A handler decodes the review, calls the reviewer and encodes the response."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from webhook.errors import RequestError, UnsupportedBody, http_status
from webhook.review import respond
from webhook.review.codec import AdmissionRequest, AdmissionResponse, decode_review, encode_review
from webhook.review.reviewer import Reviewer
from webhook.server.bodies import is_encoded, read_body
from webhook.server.readiness import Readiness
from webhook.telemetry.admissions import AdmissionRecorder
from webhook.telemetry.metrics import CONTENT_TYPE, Metrics

BODY_LIMIT: Final = 2 * 3 * 1024 * 1024 + 1024 * 1024
"""Bytes. An API server accepts objects of up to 3 MiB; a review carries two of them and a little more."""

LONGEST_PATIENCE: Final = 30.0
"""Seconds. No API server waits longer for a webhook."""
_SECOND: Final = 1.0
_DURATION: Final = re.compile(r"(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+(?:\.[0-9]+)?)s)?(?:([0-9]+)ms)?")
_LOG: Final = logging.getLogger("webhook.server")

REVIEWER: Final = web.AppKey("reviewer", Reviewer)


READINESS: Final = web.AppKey("readiness", Readiness)
METRICS: Final = web.AppKey("metrics", Metrics)
ADMISSIONS: Final = web.AppKey("admissions", AdmissionRecorder)


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
    """`GET /readyz`: 200 while the server wants requests, else 503; with `?verbose`, also the conditions."""
    readiness = request.app[READINESS]
    status = 200 if readiness.ready else 503
    if "verbose" in request.query:
        return web.Response(status=status, text=readiness.report())
    return web.Response(status=status, text="ok\n" if readiness.ready else "not ready\n")


async def metrics(request: web.Request) -> web.Response:
    """`GET /metrics`, for Prometheus."""
    return web.Response(body=request.app[METRICS].page(), headers={"Content-Type": CONTENT_TYPE})


async def _review(
    request: web.Request, endpoint: str, answer: Callable[[AdmissionRequest], Awaitable[AdmissionResponse]]
) -> web.Response:
    admissions = request.app[ADMISSIONS]
    clock = asyncio.get_running_loop().time
    seconds = patience(request.query.get("timeout", ""))
    start = clock()
    deadline = start + seconds
    try:
        if is_encoded(request):
            raise UnsupportedBody("send the body as it is: no Content-Encoding is decoded")
        review = decode_review(await read_body(request, seconds))
    except RequestError as error:
        admissions.record_undecodable(endpoint, clock() - start)
        return web.Response(status=http_status(error), text=f"{error}\n")
    except web.HTTPRequestEntityTooLarge:
        admissions.record_undecodable(endpoint, clock() - start)
        raise
    try:
        async with asyncio.timeout_at(deadline):
            response = await answer(review)
    except TimeoutError:
        response = request.app[REVIEWER].answer_unknown(review, "the namespace could not be looked up in time")
    except Exception:  # noqa: BLE001 (logged; a response with the uid is more useful than a broken connection)
        _LOG.exception("review %.80r failed", review.uid)
        response = respond.errored(review.uid, "internal error")
    answered = web.Response(body=encode_review(response), content_type="application/json")
    if not request.app[READINESS].serving:
        answered.force_close()  # a review sent on this connection later would be lost when it closes
    admissions.record(endpoint, review, response, clock() - start)
    return answered


def patience(timeout: str) -> float:
    """How long a review may take, so that the answer arrives before the API server gives up.

    Args:
        timeout: the `?timeout=` of the request, a Go duration. If it is missing or malformed, it counts as the longest
            time that an API server waits.

    Returns:
        Seconds: one less than the timeout, but at least half of it.
    """
    match = _DURATION.fullmatch(timeout)
    seconds = 0.0
    if match is not None:
        hours, minutes, whole, millis = (float(part or 0) for part in match.groups())
        seconds = hours * 3600 + minutes * 60 + whole + millis / 1000
    seconds = min(seconds or LONGEST_PATIENCE, LONGEST_PATIENCE)
    return max(seconds - _SECOND, seconds / 2)
