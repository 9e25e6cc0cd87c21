"""`serve`: admission over HTTPS. Stand-alone, namespaces are what the `--objects` say; in a cluster, what it says."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import ssl
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

from aiohttp import web

from webhook.cli import inputs
from webhook.cli.demo import show
from webhook.cli.parts import Parts, Work, following, local_previews, preview_host, tls
from webhook.configuration.file import ConfigurationFile
from webhook.errors import CertificateError, ConfigurationError, InputError
from webhook.review.reviewer import Reviewer
from webhook.server.app import Site, create_app, create_health_app, serve
from webhook.server.readiness import Readiness
from webhook.telemetry.logs import configure_logs

_LOG: Final = logging.getLogger("webhook.cli")

if sys.platform == "win32":  # uvloop has no wheels there
    _run = asyncio.run
else:
    from uvloop import run as _run


def run(options: argparse.Namespace) -> int:
    """Serve until told to stop; returns the exit status."""
    configure_logs(options.log_format, options.log_level)
    try:
        _run(_serve(options))
    except (ConfigurationError, InputError, CertificateError) as error:
        return _failed(options, str(error))
    except OSError as error:
        return _failed(options, error.strerror or str(error))
    return 0


def _say(options: argparse.Namespace, text: str) -> None:
    """To people on standard output, to collectors as a line of the log."""
    if options.log_format == "json":
        _LOG.info("%s", text)
    else:
        print(text, flush=True)


def _failed(options: argparse.Namespace, problem: str) -> int:
    if options.log_format == "json":
        _LOG.critical("%s", problem)
    else:
        print(f"error: {problem}", file=sys.stderr)
    return 2


async def _serve(options: argparse.Namespace) -> None:
    async with contextlib.AsyncExitStack() as stack:
        parts = Parts()
        reviewer, context, authority, previews = await _assembled(options, parts, stack)
        readiness = Readiness(parts.conditions)
        sites = {}
        if options.admission:
            app = create_app(reviewer, readiness, parts.metrics)
            sites["admission"] = Site(app, options.host, options.port, context)
        if options.health_port is not None:
            health = create_health_app(readiness, parts.metrics)
            sites["health and metrics"] = Site(health, options.health_host or options.host, options.health_port)
        if previews is not None:
            own = context if options.cluster else None
            sites["the preview page"] = Site(previews, preview_host(options), options.preview_port, own)
        if not sites:
            raise InputError("--no-admission leaves nothing to serve: add --preview-port")

        async def started(ports: Sequence[int]) -> None:
            for (what, site), port in zip(sites.items(), ports, strict=True):
                _say(options, f"serving {what} on {_address(site, port)}")
            if options.demo and authority is not None and options.admission:
                await show(_address(sites["admission"], ports[0]), authority)

        async with _beside(parts.background):
            await serve(list(sites.values()), readiness, started, drain_seconds=options.drain_seconds)


async def _assembled(
    options: argparse.Namespace, parts: Parts, stack: contextlib.AsyncExitStack
) -> tuple[Reviewer, ssl.SSLContext, Path | None, web.Application | None]:
    """The reviewer, the TLS context, the file by which a local client trusts the server, and the previews."""
    watched = ConfigurationFile(options.config)
    configuration = watched.loaded.configuration
    if not options.cluster:
        if options.managed_certificates:
            raise InputError("--managed-certificates are kept in a cluster: add --cluster")
        context, authority = tls(options, parts)
        source = inputs.source_of(configuration, options.objects)
        return following(watched, source, parts), context, authority, local_previews(options, source)
    if options.objects:
        raise InputError("--cluster asks the API server: leave out --objects")
    from webhook.cli import in_cluster  # noqa: PLC0415 (the client is large, and stand-alone needs none)

    cluster = await in_cluster.connected(options, stack)
    live = in_cluster.live_source(cluster, configuration, parts)
    reviewer, previews = following(watched, live, parts), in_cluster.previews(options, cluster, live)
    if options.managed_certificates:
        return reviewer, in_cluster.managed_certificate(cluster, options, parts), None, previews
    return reviewer, *tls(options, parts), previews


@contextlib.asynccontextmanager
async def _beside(background: Sequence[Work]) -> AsyncIterator[None]:
    """What runs beside the server: a bug in it ends the process, so that it is seen and started again."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work()) for work in background]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None


def _address(site: Site, port: int) -> str:
    scheme = "http" if site.context is None else "https"
    host = f"[{site.host}]" if ":" in site.host else site.host or "*"
    return f"{scheme}://{host}:{port}"
