"""The state of certificates, as `certs` prints it: which there are, their validity, and what is wrong with them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from cryptography import x509

from webhook.certificates.authority import is_due
from webhook.certificates.material import Material, is_signed_by, is_valid

_DAY: Final = timedelta(days=1)


class CertificateState(msgspec.Struct, rename="camel"):
    """A certificate. `signed_by` is the serial number of the CA; "" if the CA is unknown."""

    role: str
    subject: str
    names: list[str]
    serial: str
    not_before: datetime
    not_after: datetime
    days_left: float
    signed_by: str
    rotation_due: bool


class ConfigurationState(msgspec.Struct, rename="camel"):
    """A webhook configuration: whether it exists, how many webhooks it has, and how many of them trust the bundle."""

    kind: str
    exists: bool
    webhooks: int = 0
    trusting: int = 0


class CertificateReport(msgspec.Struct, rename="camel", omit_defaults=True):
    """The certificates of one source. `problems` are sentences; `leader` holds the Lease."""

    source: str
    certificates: list[CertificateState]
    problems: list[str]
    configurations: list[ConfigurationState] = []
    leader: str | None = None


def chain_state(source: str, chain: Sequence[x509.Certificate], now: datetime) -> CertificateReport:
    """Describe a chain in a file: the server's own certificate, then the CAs that signed it."""
    rows = [_row("ca" if index else "serving", cert, chain, now) for index, cert in enumerate(chain)]
    return CertificateReport(source, rows, list(_validity_problems(rows, now)))


def cluster_state(
    source: str,
    material: Material,
    configurations: Mapping[str, Mapping[str, Any] | None],
    names: Sequence[str],
    now: datetime,
) -> CertificateReport:
    """Describe the content of our Secret, and the webhook configurations by kind; None for one that does not exist."""
    rows = [_row("ca", ca, material.bundle, now) for ca in material.bundle]
    if material.serving is not None:
        rows.append(_row("serving", material.serving, material.bundle, now))
    states = [_configuration(kind, value, material.bundle) for kind, value in configurations.items()]
    problems = [*_material_problems(material, rows, names, now), *_configuration_problems(states)]
    return CertificateReport(source, rows, problems, states)


def _row(role: str, cert: x509.Certificate, authorities: Sequence[x509.Certificate], now: datetime) -> CertificateState:
    signer = next((ca for ca in authorities if is_signed_by(cert, ca)), None)
    return CertificateState(
        role,
        cert.subject.rfc4514_string(),
        _names(cert),
        f"{cert.serial_number:x}",
        cert.not_valid_before_utc,
        cert.not_valid_after_utc,
        round((cert.not_valid_after_utc - now) / _DAY, 1),
        "" if signer is None else f"{signer.serial_number:x}",
        is_due(cert, now),
    )


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return [str(name.value) for name in names]


def _configuration(
    kind: str, value: Mapping[str, Any] | None, bundle: Sequence[x509.Certificate]
) -> ConfigurationState:
    if value is None:
        return ConfigurationState(kind, exists=False)
    webhooks = value.get("webhooks") or ()
    trusting = sum(1 for webhook in webhooks if _trusted(webhook) == set(bundle))
    return ConfigurationState(kind, exists=True, webhooks=len(webhooks), trusting=trusting)


def _trusted(webhook: Mapping[str, Any]) -> set[x509.Certificate]:
    try:
        return set(x509.load_pem_x509_certificates(base64.b64decode(webhook["clientConfig"].get("caBundle") or "")))
    except (ValueError, binascii.Error):
        return set()


def _validity_problems(rows: Sequence[CertificateState], now: datetime) -> Iterator[str]:
    for row in rows:
        if now > row.not_after:
            yield f"the {row.role} certificate {row.serial} has expired"
        elif now < row.not_before:
            yield f"the {row.role} certificate {row.serial} does not hold yet"


def _material_problems(
    material: Material, rows: Sequence[CertificateState], names: Sequence[str], now: datetime
) -> Iterator[str]:
    yield from _validity_problems(rows, now)
    if not material.bundle:
        yield "there is no CA"
    elif material.signer is None:
        yield "the CA's key is missing, or is not that of any CA here"
    if material.serving is None:
        yield "there is no serving certificate"
    elif material.issuer is None:
        yield "the serving certificate is not signed by any CA here"
    elif is_valid(material.serving, now) and is_valid(material.issuer, now) and not material.can_serve(names, now):
        yield f"the serving certificate is not for {' and '.join(names)}, or its key is missing or another's"


def _configuration_problems(states: Sequence[ConfigurationState]) -> Iterator[str]:
    if not any(state.exists for state in states):
        yield "there is no webhook configuration: no API server asks us"
    for state in states:
        if state.trusting < state.webhooks:
            yield f"the {state.kind} webhook configuration has another caBundle than the Secret"
