"""`observe`: follows the pods of a cluster, and learns from them what their images need."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

from webhook.cli.background import report, run_background, run_to_end
from webhook.cli.options import ObserveOptions
from webhook.observer.build import build_observer
from webhook.server.app import Site, create_health_app, serve
from webhook.server.readiness import Readiness

OPTIONS: Final = ObserveOptions


def run(options: ObserveOptions) -> int:
    """Observe until SIGTERM or SIGINT, and return the exit status."""
    return run_to_end(options, _observe(options))


async def _observe(options: ObserveOptions) -> None:
    async with AsyncExitStack() as stack:
        parts = await build_observer(options.config, options.connection, stack)
        readiness = Readiness(parts.conditions)
        sites = []
        if options.health_port is not None:
            app = create_health_app(readiness, parts.metrics)
            sites.append(Site(app, options.health_host, options.health_port))

        async def announce(ports: Sequence[int]) -> None:
            for port in ports:
                report(options, f"serving health and metrics on http://{options.health_host}:{port}")

        async with run_background(parts.background):
            await serve(sites, readiness, announce)
