"""`serve`: admission over HTTPS, stand-alone: namespaces are what the `--objects` say."""

from __future__ import annotations

import argparse
import asyncio
import logging
import ssl
import sys
from datetime import UTC, datetime
from pathlib import Path

from webhook.certificates.errors import CertificateError
from webhook.certificates.self_signed import ensure_certificate
from webhook.certificates.tls import server_context
from webhook.cli import inputs
from webhook.cli.demo import show
from webhook.configuration.reader import ConfigurationError
from webhook.review.reviewer import Reviewer
from webhook.server.app import serve

if sys.platform == "win32":  # uvloop has no wheels there
    _run = asyncio.run
else:
    from uvloop import run as _run


def run(options: argparse.Namespace) -> int:
    """Serve until told to stop; returns the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        config = inputs.configuration(options.config)
        source = inputs.source_of(config, options.objects)
        context, authority = _tls(options)
    except (ConfigurationError, inputs.InputError, CertificateError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2

    async def started(port: int) -> None:
        host = f"[{options.host}]" if ":" in options.host else options.host
        address = f"https://{host}:{port}"
        print(f"serving admission on {address}", flush=True)
        if options.demo:
            await show(address, authority)

    try:
        _run(serve(Reviewer(config, source), options.host, options.port, context, started))
    except OSError as error:
        print(f"error: cannot listen on {options.host}:{options.port}: {error.strerror}", file=sys.stderr)
        return 2
    return 0


def _tls(options: argparse.Namespace) -> tuple[ssl.SSLContext, Path]:
    """The server's TLS context, and the file that a client verifies it by."""
    if options.self_signed is not None and (options.tls_cert or options.tls_key):
        raise inputs.InputError("--self-signed makes its own certificate: leave out --tls-cert and --tls-key")
    if options.self_signed is not None:
        files = ensure_certificate(options.self_signed, now=datetime.now(UTC))
        return server_context(files.cert, files.key), files.ca
    if options.tls_cert is None or options.tls_key is None:
        raise inputs.InputError("admission is served over TLS: give --tls-cert and --tls-key, or --self-signed DIR")
    return server_context(options.tls_cert, options.tls_key), options.tls_cert
