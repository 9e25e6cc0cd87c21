"""The composition root: an application, and serving it until told to stop."""

from __future__ import annotations

import asyncio
import gc
import signal
import ssl
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from webhook.review.reviewer import Reviewer
from webhook.server.handlers import (
    BODY_LIMIT,
    LONGEST_PATIENCE,
    READINESS,
    REVIEWER,
    Readiness,
    healthz,
    mutate,
    readyz,
    validate,
)

GRACE_SECONDS: Final = LONGEST_PATIENCE
"""How long requests under way may take once the server is told to stop: as long as any of them may wait, and more."""


def create_app(reviewer: Reviewer, readiness: Readiness) -> web.Application:
    """The application that answers with `reviewer`."""
    app = web.Application(client_max_size=BODY_LIMIT)
    app[REVIEWER] = reviewer
    app[READINESS] = readiness
    app.router.add_post("/mutate", mutate)
    app.router.add_post("/validate", validate)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    return app


def tune_collector() -> None:
    """Spare requests the cycle collector's rounds: what is loaded stays, and a review leaves no cycles behind."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


async def serve(
    reviewer: Reviewer,
    host: str,
    port: int,
    context: ssl.SSLContext,
    started: Callable[[int], Awaitable[None]],
) -> None:
    """Serve until SIGTERM or SIGINT; then finish what is under way. `started` is told the port. Raises OSError."""
    readiness = Readiness()
    runner = web.AppRunner(create_app(reviewer, readiness), access_log=None, shutdown_timeout=GRACE_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, ssl_context=context).start()
        tune_collector()
        readiness.ready = True
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, stop.set)
        await started(runner.addresses[0][1])
        await stop.wait()
        readiness.ready = False
    finally:
        await runner.cleanup()
