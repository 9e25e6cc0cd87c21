"""`serve`: serves admission over HTTPS. `--objects` describe the namespaces, or the cluster does with `--cluster`."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

from webhook.cli.background import run_background, run_loop
from webhook.cli.demo import show
from webhook.cli.options import ServeOptions
from webhook.errors import DefaulterError, exit_status
from webhook.server.app import Site, serve
from webhook.server.build import build_server
from webhook.telemetry.logs import configure_logs

OPTIONS: Final = ServeOptions
_LOG: Final = logging.getLogger("webhook.cli")


def run(options: ServeOptions) -> int:
    """Serve until SIGTERM or SIGINT, and return the exit status."""
    configure_logs(options.log_format, options.log_level)
    try:
        run_loop(_serve(options))
    except DefaulterError as error:
        _report_failure(options, str(error))
        return exit_status(error)
    except OSError as error:
        _report_failure(options, error.strerror or str(error))
        return 2
    return 0


def _report(options: ServeOptions, text: str) -> None:
    """Print a line for people, or log it for log collectors."""
    if options.log_format == "json":
        _LOG.info("%s", text)
    else:
        print(text, flush=True)


def _report_failure(options: ServeOptions, problem: str) -> None:
    if options.log_format == "json":
        _LOG.critical("%s", problem)
    else:
        print(f"error: {problem}", file=sys.stderr)


async def _serve(options: ServeOptions) -> None:
    async with AsyncExitStack() as stack:
        server = await build_server(options.server, stack)
        for note in server.notes:
            print(note, file=sys.stderr)

        async def announce(ports: Sequence[int]) -> None:
            for (what, site), port in zip(server.sites.items(), ports, strict=True):
                _report(options, f"serving {what} on {_address(site, port)}")
            admission = server.sites.get("admission")
            if options.demo and server.authority is not None and admission is not None:
                await show(_address(admission, ports[0]), server.authority)

        async with run_background(server.background):
            sites = list(server.sites.values())
            await serve(sites, server.readiness, announce, drain_seconds=options.drain_seconds)


def _address(site: Site, port: int) -> str:
    scheme = "http" if site.context is None else "https"
    host = f"[{site.host}]" if ":" in site.host else site.host or "*"
    return f"{scheme}://{host}:{port}"
