"""`serve`: serves admission over HTTPS. `--objects` describe the namespaces, or the cluster does with `--cluster`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

from webhook.cli.background import report, run_background, run_to_end
from webhook.cli.demo import show
from webhook.cli.options import ServeOptions
from webhook.server.app import Site, serve
from webhook.server.build import build_server

OPTIONS: Final = ServeOptions


def run(options: ServeOptions) -> int:
    """Serve until SIGTERM or SIGINT, and return the exit status."""
    return run_to_end(options, _serve(options))


async def _serve(options: ServeOptions) -> None:
    async with AsyncExitStack() as stack:
        server = await build_server(options.server, stack)
        for note in server.notes:
            print(note, file=sys.stderr)

        async def announce(ports: Sequence[int]) -> None:
            for (what, site), port in zip(server.sites.items(), ports, strict=True):
                report(options, f"serving {what} on {_address(site, port)}")
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
