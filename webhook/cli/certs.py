"""`certs`: shows the state of certificates in the cluster or in a file. It never prints keys."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from webhook.certificates.injection import CONFIGURATIONS
from webhook.certificates.objects import own_objects, secret_material
from webhook.certificates.state import CertificateReport, CertificateState, chain_state, cluster_state
from webhook.certificates.tls import parse_certificates, read_file
from webhook.cli.options import CertsOptions
from webhook.cluster.api import ClusterClient
from webhook.cluster.connection import connect
from webhook.cluster.options import ConnectionOptions
from webhook.documents.writer import to_json
from webhook.errors import ClusterError, InputError
from webhook.review.messages import printable

OPTIONS: Final = CertsOptions
_HEADINGS: Final = ("", "SERIAL", "FROM", "UNTIL", "DAYS LEFT", "SIGNED BY", "ROTATION")
_SHORT: Final = 16
"""Digits of a serial number in the table: enough to tell certificates apart."""


def run(options: CertsOptions) -> int:
    """Print the state of the certificates.

    Returns:
        The exit status: 0 if all is well, 1 if there is a problem.

    Raises:
        InputError: if there is no such file or Secret, or it cannot be read.
        ClusterError: if the cluster does not answer.
    """
    state = _file_state(options.tls_cert) if options.tls_cert else asyncio.run(_secret_state(options.connection))
    if options.output == "json":
        sys.stdout.write(to_json(state))
    else:
        print("\n".join(_table(state)))
    return 1 if state.problems else 0


def _file_state(path: Path) -> CertificateReport:
    return chain_state(str(path), parse_certificates(read_file(path), str(path)), datetime.now(UTC))


async def _secret_state(options: ConnectionOptions) -> CertificateReport:
    async with connect(options) as client:
        own = own_objects(options, client)
        secret = await _get(client, own.secret_path)
        configurations = {kind: await _get(client, f"{path}/{own.name}") for kind, path in CONFIGURATIONS.items()}
        lease = await _get(client, own.lease_path)
    if secret is None:
        hint = "is it --own-namespace or --own-secret that differs?"
        raise InputError(f"there is no Secret {own.secret} in namespace {own.namespace}: {hint}")
    names, source = own.served_names, f"Secret {own.namespace}/{own.secret}"
    state = cluster_state(source, secret_material(secret), configurations, names, datetime.now(UTC))
    state.leader = ((lease or {}).get("spec") or {}).get("holderIdentity")
    return state


async def _get(client: ClusterClient, path: str) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(await client.get(path), type=dict[str, Any])
    except ClusterError as error:
        if error.not_found:
            return None
        raise


def _table(state: CertificateReport) -> Iterator[str]:
    yield printable(state.source)
    rows = [_HEADINGS, *map(_cells, state.certificates)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    for certificate in state.certificates:
        names = f" for {', '.join(certificate.names)}" if certificate.names else ""
        yield printable(f"{certificate.role} {certificate.serial[:_SHORT]}: {certificate.subject}{names}")
    for configuration in state.configurations:
        trust = f"{configuration.trusting} of {configuration.webhooks} webhooks trust these CAs"
        yield f"{configuration.kind} webhook configuration: {trust if configuration.exists else 'none'}"
    if state.configurations:
        yield f"leader: {printable(state.leader or 'none')}"
    yield from (f"problem: {printable(problem)}" for problem in state.problems)


def _cells(row: CertificateState) -> Sequence[str]:
    start, end = (moment.strftime("%Y-%m-%d %H:%M") for moment in (row.not_before, row.not_after))
    signer = "itself" if row.signed_by == row.serial else row.signed_by[:_SHORT] or "unknown"
    due = "due" if row.rotation_due else "not due"
    return row.role, row.serial[:_SHORT], start, end, f"{row.days_left:.1f}", signer, due
