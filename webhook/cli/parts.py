"""The parts of a server that every one has: metrics, the configuration it follows, TLS from files."""

from __future__ import annotations

import argparse
import ssl
from collections.abc import Callable, Collection, Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from aiohttp import web

from patches.policy.configuration import DefaulterConfiguration
from webhook.certificates.files import FileCertificate
from webhook.certificates.self_signed import ensure_certificate, keep_certificate
from webhook.configuration.file import ConfigurationFile, LoadedConfiguration
from webhook.errors import InputError
from webhook.review.reviewer import Reviewer
from webhook.server.previews import create_preview_app, is_loopback
from webhook.server.readiness import Condition, Conditions
from webhook.sources.manifests import ManifestSource
from webhook.sources.state import Source
from webhook.telemetry.gauges import Gauge, Gauges, build_info, certificate_expiry, configuration_gauges
from webhook.telemetry.metrics import Metrics

Work: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
"""Something that runs until it is cancelled."""


@dataclass(slots=True)
class Parts:
    """What is told of a server, and what runs beside it."""

    metrics: Metrics = field(default_factory=Metrics)
    conditions: list[Conditions] = field(default_factory=list)
    background: list[Work] = field(default_factory=list)

    def add(self, work: Work, conditions: Conditions, gauges: Gauges) -> None:
        """Run `work` beside the server, and tell how it is."""
        self.background.append(work)
        self.conditions.append(conditions)
        self.metrics.gauges.append(gauges)


class Configurable(Source, Protocol):
    """A source that can change its configuration."""

    def configure(self, configuration: DefaulterConfiguration) -> None:
        """Answer by this configuration from now on."""


def following(watched: ConfigurationFile, source: Configurable, parts: Parts) -> Reviewer:
    """A reviewer that answers by the configuration as the file has it."""
    first, running = watched.loaded, version("pod-security-defaulter")  # read from files: once, not at each scrape
    reviewer = Reviewer(first.configuration, source, generation=first.generation, tally=parts.metrics)

    def apply(loaded: LoadedConfiguration) -> None:
        source.configure(loaded.configuration)
        reviewer.configure(loaded.configuration, loaded.generation)

    def conditions() -> Iterable[Condition]:  # a bad file is told, but what was good before still serves
        yield Condition("configuration", ok=True, detail=f"{watched.loaded.generation} {watched.problem}")

    def gauges() -> Iterable[Gauge]:
        yield build_info(running)
        yield from configuration_gauges(watched.loaded.generation, reloaded=not watched.problem)

    parts.add(partial(watched.run, apply), conditions, gauges)
    return reviewer


def tls(options: argparse.Namespace, parts: Parts) -> tuple[ssl.SSLContext, Path]:
    """The TLS context of a certificate in files, and the file a client verifies it by.

    Raises CertificateError and InputError.
    """
    if options.self_signed is not None and (options.tls_cert or options.tls_key):
        raise InputError("--self-signed makes its own certificate: leave out --tls-cert and --tls-key")
    if options.self_signed is not None:
        made = ensure_certificate(options.self_signed, now=datetime.now(UTC))
        cert, key, authority = made.cert, made.key, made.ca
        parts.background.append(partial(keep_certificate, options.self_signed))
    elif options.tls_cert is not None and options.tls_key is not None:
        cert, key, authority = options.tls_cert, options.tls_key, options.tls_cert
    else:
        raise InputError("admission is served over TLS: give --tls-cert and --tls-key, or --self-signed DIR")
    files = FileCertificate(cert, key, options.client_ca)
    parts.add(files.run, certificate_conditions(files), certificate_gauges(files))
    return files.context, authority


def local_previews(options: argparse.Namespace, source: ManifestSource) -> web.Application | None:
    """The previews of a server without a cluster, if they are asked for. Raises InputError."""
    if options.preview_port is None:
        return None
    if not is_loopback(preview_host(options)):
        raise InputError("without --cluster nobody can be asked who is calling: --preview-host has to be of loopback")

    async def describe(_: Collection[str]) -> ManifestSource:
        return source.copy()

    return create_preview_app(describe, None)


def preview_host(options: argparse.Namespace) -> str:
    """Where previews are served."""
    host: str = options.host if options.preview_host is None else options.preview_host
    return host


class Certificate(Protocol):
    """A serving certificate that may be replaced while it is served."""

    @property
    def expiry(self) -> datetime | None:
        """When it ends; None as long as there is none."""


def certificate_conditions(certificate: Certificate) -> Conditions:
    """Ready once there is one that is valid."""

    def conditions() -> Iterable[Condition]:
        end = certificate.expiry
        if end is None:
            yield Condition("certificate", ok=False, detail="there is none yet")
        else:
            yield Condition("certificate", datetime.now(UTC) < end, f"until {end.isoformat(timespec='seconds')}")

    return conditions


def certificate_gauges(certificate: Certificate) -> Gauges:
    """When it ends."""

    def gauges() -> Iterable[Gauge]:
        end = certificate.expiry
        if end is not None:
            yield certificate_expiry("serving", end)

    return gauges
