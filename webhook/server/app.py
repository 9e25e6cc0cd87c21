"""Creates the applications and serves them until SIGTERM."""

from __future__ import annotations

import asyncio
import gc
import signal
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Final, NamedTuple, TypeAlias

from aiohttp import web

from webhook.review.reviewer import Reviewer
from webhook.server.handlers import (
    ADMISSIONS,
    BODY_LIMIT,
    LARGE_REVIEWS,
    LONGEST_PATIENCE,
    METRICS,
    READINESS,
    REVIEWER,
    healthz,
    metrics,
    mutate,
    readyz,
    validate,
)
from webhook.server.lanes import LargeReviews
from webhook.server.memory import keep_one_heap
from webhook.server.readiness import Readiness
from webhook.telemetry.admissions import AdmissionRecorder
from webhook.telemetry.metrics import Metrics

GRACE_SECONDS: Final = LONGEST_PATIENCE
"""How long requests in flight may take after SIGTERM: longer than any of them may wait."""


OnStart: TypeAlias = Callable[[Sequence[int]], Awaitable[None]]


class Site(NamedTuple):
    """An application and where it listens. Without a TLS context it speaks plain HTTP."""

    app: web.Application
    host: str
    port: int
    context: ssl.SSLContext | None = None


def create_app(reviewer: Reviewer, readiness: Readiness, counts: Metrics | None = None) -> web.Application:
    """Create the application for admission.

    Args:
        reviewer: answers the reviews.
        readiness: answers the probes.
        counts: counts the reviews; None for metrics that nobody reads.
    """
    app = web.Application(client_max_size=BODY_LIMIT)
    app[REVIEWER] = reviewer
    app[ADMISSIONS] = AdmissionRecorder(counts or Metrics())
    app[LARGE_REVIEWS] = LargeReviews()
    app.on_cleanup.append(_end_large_reviews)
    app.router.add_post("/mutate", mutate)
    app.router.add_post("/validate", validate)
    _add_health(app, readiness)
    return app


async def _end_large_reviews(app: web.Application) -> None:
    app[LARGE_REVIEWS].close()


def create_health_app(readiness: Readiness, counts: Metrics) -> web.Application:
    """Create the application for probes and Prometheus."""
    app = web.Application()
    app[METRICS] = counts
    app.router.add_get("/metrics", metrics)
    _add_health(app, readiness)
    return app


def _add_health(app: web.Application, readiness: Readiness) -> None:
    app[READINESS] = readiness
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)


def tune_collector() -> None:
    """Make garbage collection rare: loaded modules stay, and a review leaves no reference cycles behind."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


async def serve(
    sites: Sequence[Site],
    readiness: Readiness,
    on_start: OnStart,
    *,
    drain_seconds: float = 0.0,
) -> None:
    """Serve until SIGTERM or SIGINT, then finish the requests in flight.

    Args:
        sites: the applications to serve.
        readiness: becomes ready once every site listens, and not ready at the signal.
        on_start: called with the port of each site.
        drain_seconds: how long to accept requests after the signal, because clients need time to notice.

    Raises:
        OSError: if an address cannot be listened on. The message names it.
    """
    async with AsyncExitStack() as stack:
        ports = [await _listen(stack, site) for site in sites]
        tune_collector()
        keep_one_heap()
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, stop.set)
        readiness.serving = True
        await on_start(ports)
        await stop.wait()
        readiness.serving = False
        await asyncio.sleep(drain_seconds)


def create_runner(app: web.Application, grace_seconds: float) -> web.AppRunner:
    """Create the runner of an application.

    It decompresses no body: no client of ours compresses, and a few bytes could expand to gigabytes.
    """
    return web.AppRunner(app, access_log=None, shutdown_timeout=grace_seconds, auto_decompress=False)


async def _listen(stack: AsyncExitStack, site: Site) -> int:
    runner = create_runner(site.app, GRACE_SECONDS)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    try:
        await web.TCPSite(runner, site.host, site.port, ssl_context=site.context).start()
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(error.errno, f"cannot listen on {site.host}:{site.port}: {reason}") from None
    port: int = runner.addresses[0][1]
    return port
