"""The endpoints of admission. A handler decodes the review, calls the reviewer and encodes the response."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from functools import lru_cache
from time import perf_counter
from typing import Final, NamedTuple, TypeAlias

from aiohttp import web

from webhook.errors import ObjectTooLarge, RequestError, UnsupportedBody, http_status
from webhook.review import respond
from webhook.review.codec import (
    ANSWER_LIMIT,
    AdmissionRequest,
    AdmissionResponse,
    RequestHead,
    decode_head,
    decode_review,
    encode_review,
)
from webhook.review.reviewer import Reviewer, Run
from webhook.server.bodies import is_encoded, read_body
from webhook.server.lanes import LARGE, Lane, LargeReviews, SmallReviews
from webhook.server.readiness import Readiness
from webhook.telemetry.admissions import AdmissionRecorder
from webhook.telemetry.metrics import CONTENT_TYPE, Metrics

BODY_LIMIT: Final = 2 * 3 * 1024 * 1024 + 1024 * 1024
"""Bytes. An API server accepts objects of up to 3 MiB; a review carries two of them and a little more."""

LONGEST_PATIENCE: Final = 30.0
"""Seconds. No API server waits longer for a webhook."""
_SECOND: Final = 1.0
_DISTINCT_TIMEOUTS: Final = 128
"""How many to remember: a webhook configuration has one for all its requests."""
_DURATION: Final = re.compile(r"(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+(?:\.[0-9]+)?)s)?(?:([0-9]+)ms)?")
_LOG: Final = logging.getLogger("webhook.server")

REVIEWER: Final = web.AppKey("reviewer", Reviewer)
LARGE_REVIEWS: Final = web.AppKey("large_reviews", LargeReviews)
READINESS: Final = web.AppKey("readiness", Readiness)
METRICS: Final = web.AppKey("metrics", Metrics)
ADMISSIONS: Final = web.AppKey("admissions", AdmissionRecorder)
_SMALL_REVIEWS: Final = SmallReviews()

_Ask: TypeAlias = Callable[[AdmissionRequest, Run, float], Awaitable[AdmissionResponse]]


class _Answer(NamedTuple):
    """An answer, to whom, and as it is sent."""

    request: RequestHead
    response: AdmissionResponse
    body: bytes


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


async def _review(request: web.Request, endpoint: str, ask: _Ask) -> web.Response:
    app = request.app
    admissions = app[ADMISSIONS]
    clock = asyncio.get_running_loop().time
    start = perf_counter()  # the loop's clock stands while a handler runs
    deadline = clock() + patience(request.query.get("timeout", ""))
    size = request.content_length
    lane: Lane = _SMALL_REVIEWS if size is not None and size <= LARGE else app[LARGE_REVIEWS]
    try:
        if is_encoded(request):
            raise UnsupportedBody("send the body as it is: no Content-Encoding is decoded")
        async with lane.room(size, deadline):
            body = await read_body(request, round(deadline - clock(), 3))
            answer = await _answer(app[REVIEWER], ask, body, lane, deadline)
    except RequestError as error:
        admissions.record_undecodable(endpoint, perf_counter() - start)
        return web.Response(status=http_status(error), text=f"{error}\n")
    answered = web.Response(body=answer.body, content_type="application/json")
    if not app[READINESS].serving:
        answered.force_close()  # a review sent on this connection later would be lost when it closes
    admissions.record(endpoint, answer.request, answer.response, perf_counter() - start)
    return answered


async def _answer(reviewer: Reviewer, ask: _Ask, body: bytes, lane: Lane, deadline: float) -> _Answer:
    """Answer the review in a body by `deadline`. Raises RequestError if there is nobody to answer to."""
    review: RequestHead | None = None
    try:
        async with lane.turn(len(body), deadline):
            review = request = await lane.run(decode_review, body)
            response = await ask(request, lane.run, deadline)
            return await lane.run(_encode, reviewer, review, response)
    except ObjectTooLarge as error:
        review = decode_head(body)
        response = reviewer.answer_too_large(review, str(error))
    except TimeoutError:
        review = review or decode_head(body)
        response = reviewer.answer_unknown(review, lane.late)
    except Exception:
        if review is None:
            raise
        _LOG.exception("review %.80r failed", review.uid)
        response = respond.errored(review.uid, "internal error")
    return _encode(reviewer, review, response)


def _encode(reviewer: Reviewer, request: RequestHead, response: AdmissionResponse) -> _Answer:
    body = encode_review(response)
    if len(body) > ANSWER_LIMIT:
        problem = f"the answer would have {len(body)} bytes; at most {ANSWER_LIMIT} are sent"
        response = reviewer.answer_too_large(request, problem)
        body = encode_review(response)
    return _Answer(request, response, body)


@lru_cache(_DISTINCT_TIMEOUTS)
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
