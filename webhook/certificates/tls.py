"""The TLS settings of the server.

Protocols: TLS 1.2 and newer, as kube-apiserver speaks them. Ciphers: the defaults of the linked OpenSSL, which its
distributor maintains.
"""

from __future__ import annotations

import contextlib
import os
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from webhook.certificates.issuing import certificate_pem
from webhook.errors import CertificateError


class KeyPair(NamedTuple):
    """A server's certificate and private key.

    Attributes:
        chain: PEM; the server's own certificate comes first.
        key: PEM, not encrypted.
        chain_name: what messages call the chain, such as the file that it came from.
        key_name: what messages call the key.
    """

    chain: bytes
    key: bytes
    chain_name: str
    key_name: str

    @classmethod
    def read(cls, cert: Path, key: Path) -> KeyPair:
        """Read the two files. Raises CertificateError if one of them cannot be read."""
        return cls(read_file(cert), read_file(key), str(cert), str(key))

    def certificate(self) -> x509.Certificate:
        """The server's own certificate. Raises CertificateError if the chain is not PEM."""
        return parse_certificates(self.chain, self.chain_name)[0]


class ClientCA(NamedTuple):
    """The CAs that clients need a certificate of: a bundle in PEM, and what messages call it."""

    pem: bytes
    name: str

    @classmethod
    def read(cls, path: Path) -> ClientCA:
        """Read the file. Raises CertificateError if it cannot be read."""
        return cls(read_file(path), str(path))


def server_context(pair: KeyPair, client_ca: ClientCA | None = None) -> ssl.SSLContext:
    """Make a server's TLS context.

    Args:
        pair: what the server proves itself by.
        client_ca: if given, only clients with a certificate of one of these CAs get through the handshake.

    Raises:
        CertificateError: a part is not PEM, or the key is not that of the certificate. The message begins with its
            name.
    """
    if pair.certificate().public_key() != _parse_key(pair.key, pair.key_name).public_key():
        raise CertificateError(f"{pair.key_name}: is not the key of the certificate {pair.chain_name}")
    context = bare_context(client_ca)
    try:
        with _temporary_file(pair.chain + b"\n" + pair.key) as file:
            context.load_cert_chain(file)
    except (OSError, ssl.SSLError) as error:  # a policy of OpenSSL's, such as a key that is too short
        raise CertificateError(f"{pair.chain_name}: cannot be served: {error}") from error
    return context


def bare_context(client_ca: ClientCA | None = None) -> ssl.SSLContext:
    """Make a server's TLS context that has no certificate yet. Raises CertificateError if the CA is not PEM."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if client_ca is not None:
        trusted = certificate_pem(*parse_certificates(*client_ca)).decode("ascii")
        context.load_verify_locations(cadata=trusted)
        context.verify_mode = ssl.CERT_REQUIRED
        context.options |= ssl.OP_NO_TICKET  # a resumed session would not be asked for its certificate again
        context.num_tickets = 0
    return context


def read_file(path: Path) -> bytes:
    """Read a file. Raises CertificateError if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise CertificateError(f"{path}: {error.strerror}") from error


def parse_certificates(pem: bytes, name: str) -> list[x509.Certificate]:
    """Parse a chain or bundle, which messages call `name`. Raises CertificateError if it is not PEM."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise CertificateError(f"{name}: is not a certificate in PEM format") from error


def _parse_key(pem: bytes, name: str) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(pem, password=None)
    except TypeError as error:
        raise CertificateError(f"{name}: the key is encrypted; a server needs it without a password") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateError(f"{name}: is not a private key in PEM format") from error


@contextlib.contextmanager
def _temporary_file(content: bytes) -> Iterator[str]:
    """Yield the path of a file that has this content while the block runs: OpenSSL reads keys only from files.

    The file is in memory if the system supports that, so that a key reaches no disk; else only our user can read it.
    """
    if hasattr(os, "memfd_create"):
        with open(os.memfd_create("certificate"), "wb", buffering=0) as file:  # noqa: PTH123 (a descriptor)
            file.write(content)
            yield f"/proc/self/fd/{file.fileno()}"
    else:
        with tempfile.TemporaryDirectory() as directory:  # mode 0700
            path = Path(directory, "certificate")
            path.touch(mode=0o600)
            path.write_bytes(content)
            yield str(path)
