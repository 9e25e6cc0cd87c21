"""A certificate for one's own machine: `serve --self-signed DIR`.

A CA signs one serving certificate, and its key is then thrown away without being written: whoever adds `ca.crt` to a
trust store trusts this one certificate, and no file on disk can sign another. So both are renewed together.

Validity: 90 days, from five minutes ago (clocks differ); renewed in the last third, also while the certificate is
served. Keys: EC P-256. In a cluster, a Secret holds the certificate instead (`--managed-certificates`), or cert-manager
writes the files.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from webhook.certificates.issuing import (
    SKEW,
    Validity,
    certificate_pem,
    general_names,
    issue_authority,
    issue_serving,
    key_pem,
    new_key,
)
from webhook.errors import CertificateError

LOCAL_NAMES: Final = ("localhost", "127.0.0.1", "::1")
VALIDITY: Final = timedelta(days=90)

_CA_NAME: Final = "pod-security-defaulter local CA"
_EVERY_SECONDS: Final = 3600.0

_LOG: Final = logging.getLogger(__name__)


class CertificateFiles(NamedTuple):
    """The paths of a serving certificate: the CA to trust, the certificate, and its key."""

    ca: Path
    cert: Path
    key: Path


def ensure_certificate(directory: Path, *, now: datetime, names: Sequence[str] = LOCAL_NAMES) -> CertificateFiles:
    """Make or renew the certificate in `directory` if that is necessary.

    Args:
        directory: is created with mode 0700. The key gets mode 0600, the certificates 0644. Each file is replaced as a
            whole.
        now: the time, with its zone.
        names: the DNS names and IP addresses that the certificate must have, and no others.

    Returns:
        The paths of the certificate, which is good now.

    Raises:
        CertificateError: the directory has a certificate that was not made here, or cannot be written.
    """
    files = CertificateFiles(directory / "ca.crt", directory / "tls.crt", directory / "tls.key")
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_foreign(files)
        if not _is_good(files, names, now):
            _write_new(files, names, now)
    except OSError as error:
        raise CertificateError(f"{error.filename or directory}: {error.strerror}") from error
    return files


async def keep_certificate(directory: Path, *, every_seconds: float = _EVERY_SECONDS) -> NoReturn:
    """Renew the certificate in `directory` when it is due, until cancelled. The server follows the files itself."""
    while True:
        await asyncio.sleep(every_seconds)
        try:
            ensure_certificate(directory, now=datetime.now(UTC))
        except CertificateError as error:
            _LOG.error("cannot renew certificate: %s", error)


def _refuse_foreign(files: CertificateFiles) -> None:
    present = [path for path in (files.ca, files.cert) if path.exists()]
    if files.key.exists() and not present:
        raise CertificateError(f"{files.key}: was not made here and is not overwritten; name another directory")
    for path in present:
        try:
            issuer = x509.load_pem_x509_certificate(path.read_bytes()).issuer.rfc4514_string()
        except ValueError:
            issuer = ""
        if issuer != f"CN={_CA_NAME}":
            raise CertificateError(f"{path}: was not made here and is not overwritten; name another directory")


def _is_good(files: CertificateFiles, names: Sequence[str], now: datetime) -> bool:
    try:
        ca = x509.load_pem_x509_certificate(files.ca.read_bytes())
        cert = x509.load_pem_x509_certificate(files.cert.read_bytes())
        key = load_pem_private_key(files.key.read_bytes(), password=None)
        cert.verify_directly_issued_by(ca)
        subject_names = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (FileNotFoundError, InvalidSignature, TypeError, ValueError, x509.ExtensionNotFound):
        return False
    start, end = cert.not_valid_before_utc, cert.not_valid_after_utc
    return (
        start <= now
        and end - now > (end - start) / 3
        and set(subject_names) == set(general_names(names))
        and cert.public_key() == key.public_key()
    )


def _write_new(files: CertificateFiles, names: Sequence[str], now: datetime) -> None:
    ca_key, key = new_key(), new_key()
    validity = Validity(now - SKEW, now - SKEW + VALIDITY)
    ca = issue_authority(_CA_NAME, ca_key, validity)
    cert = issue_serving(ca, ca_key, key.public_key(), names, validity)
    _replace(files.ca, certificate_pem(ca), 0o644)
    _replace(files.key, key_pem(key), 0o600)
    _replace(files.cert, certificate_pem(cert), 0o644)


def _replace(path: Path, content: bytes, mode: int) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise
