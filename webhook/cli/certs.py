"""`certs`: the state of certificates, in the cluster or in a file. Keys are never printed."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from webhook.certificates.injection import CONFIGURATIONS
from webhook.certificates.objects import NAME, SECRET, lease_path, secret_material, secrets_path, served_names
from webhook.certificates.state import CertificateState, State, chain_state, cluster_state
from webhook.certificates.tls import parse_certificates, read_file
from webhook.cli.in_cluster import connected, own_namespace
from webhook.cluster.api import ClusterClient
from webhook.errors import CertificateError, ClusterError, InputError
from webhook.review.messages import printable

_HEADINGS: Final = ("", "SERIAL", "FROM", "UNTIL", "DAYS LEFT", "SIGNED BY", "ROTATION")
_SHORT: Final = 16
"""Digits of a serial number in a table: enough to tell one from another."""


def run(options: argparse.Namespace) -> int:
    """Print the state; returns the exit status."""
    try:
        state = _of_file(options.tls_cert) if options.tls_cert else asyncio.run(_of_cluster(options))
    except (CertificateError, InputError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if options.output == "json":
        print(msgspec.json.format(msgspec.json.encode(state), indent=2).decode())
    else:
        print("\n".join(_table(state)))
    return 1 if state.problems else 0


def _of_file(path: Path) -> State:
    return chain_state(str(path), parse_certificates(read_file(path), str(path)), datetime.now(UTC))


async def _of_cluster(options: argparse.Namespace) -> State:
    async with AsyncExitStack() as stack:
        cluster = await connected(options, stack)
        namespace = own_namespace(options, cluster)
        try:
            secret = await _get(cluster, f"{secrets_path(namespace)}/{SECRET}")
            configurations = {kind: await _get(cluster, f"{path}/{NAME}") for kind, path in CONFIGURATIONS.items()}
            lease = await _get(cluster, lease_path(namespace))
        except ClusterError as error:
            raise InputError(str(error)) from error
    if secret is None:
        raise InputError(f"there is no Secret {SECRET} in namespace {namespace}: is it --own-namespace that differs?")
    names, now = served_names(namespace), datetime.now(UTC)
    state = cluster_state(f"Secret {namespace}/{SECRET}", secret_material(secret), configurations, names, now)
    state.leader = ((lease or {}).get("spec") or {}).get("holderIdentity")
    return state


async def _get(cluster: ClusterClient, path: str) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(await cluster.get(path), type=dict[str, Any])
    except ClusterError as error:
        if error.not_found:
            return None
        raise


def _table(state: State) -> Iterator[str]:
    yield printable(state.source)
    rows = [_HEADINGS, *map(_cells, state.certificates)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    for certificate in state.certificates:
        names = f" for {', '.join(certificate.names)}" if certificate.names else ""
        yield printable(f"{certificate.role} {certificate.serial[:_SHORT]}: {certificate.subject}{names}")
    for configuration in state.configurations:
        told = f"{configuration.trusting} of {configuration.webhooks} webhooks trust these CAs"
        yield f"{configuration.kind} webhook configuration: {told if configuration.exists else 'none'}"
    if state.configurations:
        yield f"leader: {printable(state.leader or 'none')}"
    yield from (f"problem: {printable(problem)}" for problem in state.problems)


def _cells(row: CertificateState) -> Sequence[str]:
    start, end = (moment.strftime("%Y-%m-%d %H:%M") for moment in (row.not_before, row.not_after))
    signer = "itself" if row.signed_by == row.serial else row.signed_by[:_SHORT] or "unknown"
    due = "due" if row.rotation_due else "not due"
    return row.role, row.serial[:_SHORT], start, end, f"{row.days_left:.1f}", signer, due
