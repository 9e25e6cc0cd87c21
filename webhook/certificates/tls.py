"""The TLS settings of the server.

Protocols: TLS 1.2 and newer, as kube-apiserver speaks them. Ciphers: the defaults of the linked OpenSSL, which its
distributor maintains.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from webhook.certificates.errors import CertificateError


def server_context(cert: Path, key: Path) -> ssl.SSLContext:
    """Make a server's TLS context from a PEM chain, its own certificate first, and that one's unencrypted PEM key.

    Raises CertificateError, naming the file, where either is missing, is not PEM, or does not belong to the other.
    """
    own = _read_certificate(cert)
    if own.public_key() != _read_key(key).public_key():
        raise CertificateError(f"{key}: is not the key of the certificate {cert}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:  # a policy of OpenSSL's, such as a key that is too short
        raise CertificateError(f"{cert}: cannot be served: {error}") from error
    return context


def _read_certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(_read(path))[0]
    except ValueError as error:
        raise CertificateError(f"{path}: is not a certificate in PEM format") from error


def _read_key(path: Path) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(_read(path), password=None)
    except TypeError as error:
        raise CertificateError(f"{path}: the key is encrypted; a server needs it without a password") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateError(f"{path}: is not a private key in PEM format") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CertificateError(f"{path}: {error.strerror}") from error
