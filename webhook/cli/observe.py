"""`observe`: follows the pods of a cluster, and learns from them what their images need."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

from webhook.cli.background import run_background, run_loop
from webhook.cli.options import ObserveOptions
from webhook.errors import DefaulterError, exit_status
from webhook.observer.build import build_observer
from webhook.server.app import Site, create_health_app, serve
from webhook.server.readiness import Readiness
from webhook.telemetry.logs import configure_logs

OPTIONS: Final = ObserveOptions


def run(options: ObserveOptions) -> int:
    """Observe until SIGTERM or SIGINT, and return the exit status."""
    configure_logs(options.log_format, options.log_level)
    try:
        run_loop(_observe(options))
    except DefaulterError as error:
        print(f"error: {error}", file=sys.stderr)
        return exit_status(error)
    except OSError as error:
        print(f"error: {error.strerror or error}", file=sys.stderr)
        return 2
    return 0


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
                print(f"serving health and metrics on http://{options.health_host}:{port}", flush=True)

        async with run_background(parts.background):
            await serve(sites, readiness, announce)
