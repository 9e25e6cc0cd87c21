"""A certificate for one's own machine: `serve --self-signed DIR`.

A CA signs one serving certificate and its key is then thrown away, never written: whoever adds `ca.crt` to a trust
store trusts this one certificate, and no file on disk can sign another. So the two live and are renewed together.

Validity: 90 days, from five minutes ago (clocks differ), renewed at the first start in the last third. Keys: EC P-256.
In a cluster let cert-manager, or whatever issues certificates there, write the files instead.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import tempfile
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from webhook.certificates.errors import CertificateError

LOCAL_NAMES: Final = ("localhost", "127.0.0.1", "::1")
VALIDITY: Final = timedelta(days=90)
SKEW: Final = timedelta(minutes=5)

_CA_NAME: Final = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pod-security-defaulter local CA")])
_SERVING_NAME: Final = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pod-security-defaulter")])


class CertificateFiles(NamedTuple):
    """Where a serving certificate lies: the CA to trust, the certificate, its key."""

    ca: Path
    cert: Path
    key: Path


def ensure_certificate(directory: Path, *, now: datetime, names: Sequence[str] = LOCAL_NAMES) -> CertificateFiles:
    """Return the certificate in `directory` for exactly these DNS names and IP addresses; make or renew it if need be.

    `now` is aware. A new directory gets mode 0700; the key has 0600, the certificates 0644. A file is replaced whole.
    Raises CertificateError where the directory holds a certificate that was not made here, or cannot be written.
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


def _refuse_foreign(files: CertificateFiles) -> None:
    present = [path for path in (files.ca, files.cert) if path.exists()]
    if files.key.exists() and not present:
        raise CertificateError(f"{files.key}: was not made here and is not overwritten; name another directory")
    for path in present:
        try:
            issuer = x509.load_pem_x509_certificate(path.read_bytes()).issuer
        except ValueError:
            issuer = None
        if issuer != _CA_NAME:
            raise CertificateError(f"{path}: was not made here and is not overwritten; name another directory")


def _is_good(files: CertificateFiles, names: Sequence[str], now: datetime) -> bool:
    try:
        ca = x509.load_pem_x509_certificate(files.ca.read_bytes())
        cert = x509.load_pem_x509_certificate(files.cert.read_bytes())
        key = load_pem_private_key(files.key.read_bytes(), password=None)
        cert.verify_directly_issued_by(ca)
        served = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (FileNotFoundError, InvalidSignature, TypeError, ValueError, x509.ExtensionNotFound):
        return False
    start, end = cert.not_valid_before_utc, cert.not_valid_after_utc
    return (
        start <= now
        and end - now > (end - start) / 3
        and set(served) == set(_general_names(names))
        and cert.public_key() == key.public_key()
    )


def _write_new(files: CertificateFiles, names: Sequence[str], now: datetime) -> None:
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = _ca(ca_key, now)
    cert = _serving(ca, ca_key, key.public_key(), names, now)
    _replace(files.ca, ca.public_bytes(Encoding.PEM), 0o644)
    _replace(files.key, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
    _replace(files.cert, cert.public_bytes(Encoding.PEM), 0o644)


def _ca(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    return (
        _builder(_CA_NAME, key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )


def _serving(
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    public_key: ec.EllipticCurvePublicKey,
    names: Sequence[str],
    now: datetime,
) -> x509.Certificate:
    ca_id = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return (
        _builder(_SERVING_NAME, public_key, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_general_names(names)), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ca_id), critical=False)
        .sign(ca_key, hashes.SHA256())
    )


def _builder(subject: x509.Name, public_key: ec.EllipticCurvePublicKey, now: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(_CA_NAME)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now - SKEW + VALIDITY)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _general_names(names: Sequence[str]) -> list[x509.GeneralName]:
    return [_general_name(name) for name in names]


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


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
