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


class Served(NamedTuple):
    """What a server proves itself by: a PEM chain, its own certificate first, and that one's unencrypted PEM key.

    The names are what messages call them, such as the files they came from.
    """

    chain: bytes
    key: bytes
    chain_name: str
    key_name: str

    @classmethod
    def read(cls, cert: Path, key: Path) -> Served:
        """Read the two files. Raises CertificateError where one cannot be read."""
        return cls(read_file(cert), read_file(key), str(cert), str(key))

    def certificate(self) -> x509.Certificate:
        """The server's own certificate. Raises CertificateError."""
        return parse_certificates(self.chain, self.chain_name)[0]


def server_context(cert: Path, key: Path, client_ca: Path | None = None) -> ssl.SSLContext:
    """Make a server's TLS context from a PEM chain, its own certificate first, and that one's unencrypted PEM key.

    With `client_ca`, only clients with a certificate of one of the CAs in that file get through the handshake.
    Raises CertificateError, naming the file, where one is missing, is not PEM, or does not belong to the other.
    """
    authority = None if client_ca is None else (read_file(client_ca), str(client_ca))
    return context_of(Served.read(cert, key), authority)


def context_of(served: Served, client_ca: tuple[bytes, str] | None = None) -> ssl.SSLContext:
    """As `server_context`, from what has been read; `client_ca` is its PEM and its name. Raises CertificateError."""
    if served.certificate().public_key() != _parse_key(served.key, served.key_name).public_key():
        raise CertificateError(f"{served.key_name}: is not the key of the certificate {served.chain_name}")
    context = bare_context(client_ca)
    try:
        with _as_file(served.chain + b"\n" + served.key) as file:
            context.load_cert_chain(file)
    except (OSError, ssl.SSLError) as error:  # a policy of OpenSSL's, such as a key that is too short
        raise CertificateError(f"{served.chain_name}: cannot be served: {error}") from error
    return context


def bare_context(client_ca: tuple[bytes, str] | None = None) -> ssl.SSLContext:
    """A server's context that has no certificate yet. Raises CertificateError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if client_ca is not None:
        trusted = certificate_pem(*parse_certificates(*client_ca)).decode("ascii")
        context.load_verify_locations(cadata=trusted)
        context.verify_mode = ssl.CERT_REQUIRED
        context.options |= ssl.OP_NO_TICKET  # a resumed session is not asked again
        context.num_tickets = 0
    return context


def read_file(path: Path) -> bytes:
    """What is in the file. Raises CertificateError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise CertificateError(f"{path}: {error.strerror}") from error


def parse_certificates(pem: bytes, name: str) -> list[x509.Certificate]:
    """The certificates of a chain or bundle that messages call `name`. Raises CertificateError."""
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
def _as_file(content: bytes) -> Iterator[str]:
    """The path of a file with this content, for as long as the block lasts: OpenSSL reads keys from files only.

    In memory where the system can do that, so that a key reaches no disk; else in a file for our user alone.
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
