"""The options of a server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from webhook.cluster.options import ConnectionOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsOptions:
    """Where the serving certificate comes from: files, a local certificate, or one that is managed in the cluster.

    Attributes:
        tls_cert: certificate chain, PEM.
        tls_key: its key, PEM.
        self_signed: directory in which to create or reuse a local certificate.
        managed_certificates: whether to keep a CA and a certificate in our Secret.
        inject_ca: which webhook configurations get the managed CA: `mutating`, `validating`.
        certificate_lifetime: seconds that managed serving certificates are valid; None for 90 days.
        client_ca: answer only clients with a certificate of this CA, PEM; None for all clients.
    """

    tls_cert: Path | None = None
    tls_key: Path | None = None
    self_signed: Path | None = None
    managed_certificates: bool = False
    inject_ca: Sequence[str] = ()
    certificate_lifetime: float | None = None
    client_ca: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """The options of a server.

    Attributes:
        config: configuration file or directory; None for the default configuration.
        objects: manifests that describe namespaces, without a cluster.
        images: file of kind ImageFacts; None for none.
        host: address to listen on.
        port: port of admission; 0 for any free one.
        health_host: address for probes and metrics; None for `host`.
        health_port: port for probes and metrics; None for none.
        preview_host: address for previews; None for `host`.
        preview_port: port for previews; None for none.
        admission: whether to answer reviews.
        cluster: whether to follow the namespaces of a cluster.
        tls: where the serving certificate comes from.
        connection: how to reach the cluster.
    """

    config: Path | None = None
    objects: Sequence[Path] = ()
    images: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8443
    health_host: str | None = None
    health_port: int | None = None
    preview_host: str | None = None
    preview_port: int | None = None
    admission: bool = True
    cluster: bool = False
    tls: TlsOptions = field(default_factory=TlsOptions)
    connection: ConnectionOptions = field(default_factory=ConnectionOptions)
