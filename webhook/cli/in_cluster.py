"""The parts of a server that follow a cluster: its namespaces, and a certificate kept in it."""

from __future__ import annotations

import argparse
import os
import ssl
from collections.abc import Iterable
from contextlib import AsyncExitStack

from aiohttp import web

from patches.policy.configuration import DefaulterConfiguration
from webhook.certificates.authority import Lifetimes
from webhook.certificates.managed import ManagedCertificate
from webhook.cli.parts import Parts, certificate_conditions, certificate_gauges
from webhook.cluster.api import ClusterClient
from webhook.errors import ClusterError, InputError
from webhook.preview.access import Access
from webhook.server.previews import create_preview_app
from webhook.server.readiness import Condition
from webhook.sources.live import LiveSource
from webhook.telemetry.gauges import Gauge, cache_gauges, certificate_expiry, leader


async def connected(options: argparse.Namespace, stack: AsyncExitStack) -> ClusterClient:
    """A connection, closed at the end. Raises InputError."""
    try:
        cluster = await ClusterClient.connect(options.kubeconfig, options.context)
    except ClusterError as error:
        raise InputError(str(error)) from None
    stack.push_async_callback(cluster.close)
    return cluster


def live_source(cluster: ClusterClient, configuration: DefaulterConfiguration, parts: Parts) -> LiveSource:
    """Namespaces as the API server tells of them."""
    source = LiveSource(cluster, configuration)

    def conditions() -> Iterable[Condition]:
        for row in source.status():
            age = "never" if row.age_seconds is None else f"{row.age_seconds:.1f} s ago"
            yield Condition(f"cache {row.kind}", row.synced, f"{row.objects} objects, last heard of {age}")
        known = source.minor is not None
        yield Condition("API server", known, f"v1.{source.minor}" if known else "its version is not known yet")

    def gauges() -> Iterable[Gauge]:
        for row in source.status():
            yield from cache_gauges(row.kind, synced=row.synced, objects=row.objects, age_seconds=row.age_seconds)

    parts.add(source.run, conditions, gauges)
    return source


def previews(options: argparse.Namespace, cluster: ClusterClient, source: LiveSource) -> web.Application | None:
    """The previews, if they are asked for: for who may create pods."""
    return None if options.preview_port is None else create_preview_app(source.described, Access(cluster))


def managed_certificate(cluster: ClusterClient, options: argparse.Namespace, parts: Parts) -> ssl.SSLContext:
    """The TLS context of the certificate in our Secret. Raises InputError and CertificateError."""
    if options.tls_cert or options.tls_key or options.self_signed:
        raise InputError("--managed-certificates makes its own: leave out --tls-cert, --tls-key and --self-signed")
    lifetimes = Lifetimes() if options.certificate_lifetime is None else Lifetimes.of(options.certificate_lifetime)
    certificate = ManagedCertificate(
        cluster, own_namespace(options, cluster), options.inject_ca, lifetimes, client_ca=options.client_ca
    )

    def gauges() -> Iterable[Gauge]:
        yield leader(is_leader=certificate.is_leader)
        if certificate.authority_expiry is not None:
            yield certificate_expiry("ca", certificate.authority_expiry)
        yield from certificate_gauges(certificate)()

    parts.add(certificate.run, certificate_conditions(certificate), gauges)
    return certificate.context


def own_namespace(options: argparse.Namespace, cluster: ClusterClient) -> str:
    """Where our own objects are."""
    return options.own_namespace or os.environ.get("POD_NAMESPACE") or cluster.namespace
