"""The composition root: builds a server and its background tasks from typed options.

Without a cluster, manifests describe the namespaces; with one, the API server does.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from patches import DefaulterConfiguration, Images
from webhook.certificates.authority import Lifetimes
from webhook.certificates.files import FileCertificate
from webhook.certificates.self_signed import ensure_certificate, keep_certificate
from webhook.configuration.file import ConfigurationFile
from webhook.errors import InputError
from webhook.gatherers.files import add_files
from webhook.gatherers.gatherer import Gatherer, PreviewGatherer
from webhook.gatherers.manifests import ManifestGatherer
from webhook.images.catalog import ImageCatalog
from webhook.preview.authorizer import Authorizer
from webhook.review.namespace_cache import NamespaceCache
from webhook.review.reviewer import Reviewer
from webhook.server.app import Site, create_app, create_health_app
from webhook.server.options import ServerOptions, TlsOptions
from webhook.server.parts import (
    Parts,
    Work,
    add_configuration,
    add_image_catalog,
    add_image_file,
    add_live_gatherer,
    certificate_conditions,
    certificate_gauges,
)
from webhook.server.previews import create_preview_app, is_loopback
from webhook.server.readiness import Readiness
from webhook.telemetry.gauges import Gauge, certificate_expiry, leader

if TYPE_CHECKING:  # the client is large, and a stand-alone server needs none
    from webhook.cluster.api import ClusterClient
    from webhook.gatherers.live import LiveGatherer


@dataclass(frozen=True, slots=True)
class Server:
    """A server, ready to run.

    Attributes:
        sites: what it serves and where, by a name for people.
        readiness: whether it wants traffic.
        background: the tasks that run beside it.
        authority: CA file with which a local client verifies it; None if the cluster keeps the certificate.
        notes: lines for the operator about the options.
    """

    sites: Mapping[str, Site]
    readiness: Readiness
    background: Sequence[Work]
    authority: Path | None
    notes: Sequence[str] = ()


class _ServingCertificate(NamedTuple):
    """A TLS context, and the CA file with which a local client verifies it."""

    context: ssl.SSLContext | None
    authority: Path | None


class ServerGatherer(Gatherer, PreviewGatherer, Protocol):
    """A gatherer for both reviews and previews."""

    def use_images(self, images: Images) -> None:
        """Replace what is known of images, in every namespace."""


async def build_server(
    options: ServerOptions, stack: AsyncExitStack, *, gatherer: ServerGatherer | None = None
) -> Server:
    """Build a server.

    Args:
        options: what to serve, and how.
        stack: closes the connections once the server has ended.
        gatherer: where namespaces come from, followed by the caller; None for the source that the options name.
            With a cluster, its other parts (images, certificates, who may preview) are still the cluster's.

    Raises:
        InputError: if options contradict each other or name an unreadable file.
        ClusterError: if there is no cluster to connect to.
    """
    _check_options(options)
    parts = Parts()
    file = ConfigurationFile(options.config)
    notes: list[str] = []
    client = await _connect(options, stack) if options.cluster else None
    live = None
    if gatherer is None and client is not None:
        gatherer = live = _live_gatherer(client)
        add_live_gatherer(parts, live)
    elif gatherer is None:
        manifests = ManifestGatherer()
        notes = add_files(manifests, options.objects)
        gatherer = manifests
    namespaces = NamespaceCache(gatherer, file.loaded.configuration, file.loaded.generation)
    add_configuration(parts, file, namespaces, partial(_follow_what_counts, live))
    if client is not None or options.images is not None:
        _add_images(options, parts, add_image_catalog(parts, gatherer.use_images, namespaces), client)
    if options.tls.managed_certificates and client is not None:
        serving = _add_managed_certificate(options, client, parts)
    elif options.admission or options.cluster:
        serving = _add_file_certificate(options.tls, parts)
    else:  # nothing but a preview on loopback, in plain HTTP
        serving = _ServingCertificate(None, None)
    readiness = Readiness(parts.conditions)
    sites: dict[str, Site] = {}
    if options.admission:
        app = create_app(Reviewer(namespaces, parts.metrics.count_evaluation), readiness, parts.metrics)
        sites["admission"] = Site(app, options.host, options.port, serving.context)
    if options.health_port is not None:
        health = create_health_app(readiness, parts.metrics)
        sites["health and metrics"] = Site(health, options.health_host or options.host, options.health_port)
    if options.preview_port is not None:
        app = create_preview_app(
            gatherer, lambda: namespaces.configuration, None if client is None else Authorizer(client)
        )
        context = None if client is None else serving.context
        sites["the preview page"] = Site(app, _preview_host(options), options.preview_port, context)
    return Server(sites, readiness, parts.background, serving.authority, notes)


def _check_options(options: ServerOptions) -> None:
    """Raise InputError if options contradict each other."""
    tls = options.tls
    if tls.managed_certificates and not options.cluster:
        raise InputError("--managed-certificates are kept in a cluster: add --cluster")
    if tls.managed_certificates and (tls.tls_cert or tls.tls_key or tls.self_signed):
        raise InputError("--managed-certificates makes its own: leave out --tls-cert, --tls-key and --self-signed")
    if tls.self_signed is not None and (tls.tls_cert or tls.tls_key):
        raise InputError("--self-signed makes its own certificate: leave out --tls-cert and --tls-key")
    if options.cluster and options.objects:
        raise InputError("--cluster asks the API server: leave out --objects")
    if not options.cluster and options.preview_port is not None and not is_loopback(_preview_host(options)):
        raise InputError("without --cluster nobody can be asked who is calling: --preview-host has to be of loopback")
    if not options.admission and options.health_port is None and options.preview_port is None:
        raise InputError("--no-admission leaves nothing to serve: add --preview-port")


def _follow_what_counts(live: LiveGatherer | None, configuration: DefaulterConfiguration) -> None:
    """Follow what only some configurations ask for."""
    if live is None:
        return
    live.follow_nodes(needed=configuration.settings.run_as_non_root.asks_nodes)
    live.follow_bindings(needed=configuration.settings.automount_service_account_token.asks_for_bindings)


def _preview_host(options: ServerOptions) -> str:
    return options.host if options.preview_host is None else options.preview_host


async def _connect(options: ServerOptions, stack: AsyncExitStack) -> ClusterClient:
    from webhook.cluster.connection import connect  # noqa: PLC0415 (as above)

    return await stack.enter_async_context(connect(options.connection))


def _live_gatherer(client: ClusterClient) -> LiveGatherer:
    from webhook.gatherers.live import LiveGatherer  # noqa: PLC0415 (as above)

    return LiveGatherer(client)


def _add_images(options: ServerOptions, parts: Parts, catalog: ImageCatalog, client: ClusterClient | None) -> None:
    """Follow what is known of images: from the cluster, and from a file, which outranks it."""
    if client is not None:
        from webhook.certificates.objects import own_objects  # noqa: PLC0415 (it needs the client)
        from webhook.images.config_map import follow_config_maps  # noqa: PLC0415

        namespace = own_objects(options.connection, client).namespace
        parts.background.append(follow_config_maps(client, namespace, catalog).run)
    if options.images is not None:
        add_image_file(parts, options.images, catalog)


def _add_file_certificate(options: TlsOptions, parts: Parts) -> _ServingCertificate:
    """Serve a certificate from files, and reload it when they change."""
    if options.self_signed is not None:
        made = ensure_certificate(options.self_signed, now=datetime.now(UTC))
        cert, key, authority = made.cert, made.key, made.ca
        parts.background.append(partial(keep_certificate, options.self_signed))
    elif options.tls_cert is not None and options.tls_key is not None:
        cert, key, authority = options.tls_cert, options.tls_key, options.tls_cert
    else:
        raise InputError("admission is served over TLS: give --tls-cert and --tls-key, or --self-signed DIR")
    certificate = FileCertificate(cert, key, options.client_ca)
    parts.add(certificate.run, certificate_conditions(certificate), certificate_gauges(certificate))
    return _ServingCertificate(certificate.context, authority)


def _add_managed_certificate(options: ServerOptions, client: ClusterClient, parts: Parts) -> _ServingCertificate:
    """Serve the certificate in our Secret, and renew it."""
    from webhook.certificates.managed import ManagedCertificate  # noqa: PLC0415 (it needs the client)
    from webhook.certificates.objects import own_objects  # noqa: PLC0415

    tls = options.tls
    lifetimes = Lifetimes() if tls.certificate_lifetime is None else Lifetimes.of(tls.certificate_lifetime)
    own = own_objects(options.connection, client)
    certificate = ManagedCertificate(client, own, tls.inject_ca, lifetimes, client_ca=tls.client_ca)

    def gauges() -> Iterable[Gauge]:
        yield leader(is_leader=certificate.is_leader)
        if certificate.authority_expiry is not None:
            yield certificate_expiry("ca", certificate.authority_expiry)
        yield from certificate_gauges(certificate)()

    parts.add(certificate.run, certificate_conditions(certificate), gauges)
    return _ServingCertificate(certificate.context, None)
