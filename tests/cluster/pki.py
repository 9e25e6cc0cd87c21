"""Certificates of a control plane that lives for one test session: one authority for servers, clients and etcd."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_VALIDITY: Final = timedelta(days=1)
_SKEW: Final = timedelta(minutes=5)
_SIGNS: Final = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


class KeyPair(NamedTuple):
    """A certificate and its key, as files."""

    cert: Path
    key: Path


class Authority:
    """Signs certificates and writes them, with their keys, into one directory."""

    def __init__(self, directory: Path, names: Sequence[str] = ()) -> None:
        """Make a new authority; its certificate is `self.cert`. All that it issues serves these names too."""
        self._directory = directory
        self._names = ("localhost", "127.0.0.1", *names)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        builder = (
            self._builder(self._name, self._key)
            .add_extension(constraints, critical=True)
            .add_extension(_SIGNS, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
        )
        self.cert = directory / "ca.crt"
        self.cert.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))

    def issue(self, name: str, *groups: str) -> KeyPair:
        """A certificate for a user (of these groups), which also serves localhost and the names of the authority."""
        key = ec.generate_private_key(ec.SECP256R1())
        attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        subject = x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, name)])
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        builder = (
            self._builder(subject, key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(usage, critical=False)
            .add_extension(self._key_identifier(), critical=False)
            .add_extension(x509.SubjectAlternativeName(map(_general_name, self._names)), critical=False)
        )
        stem = name.replace(":", "-")
        pair = KeyPair(self._directory / f"{stem}.crt", self._directory / f"{stem}.key")
        pair.cert.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))
        _write_key(pair.key, key)
        return pair

    def signing_keys(self, name: str) -> KeyPair:
        """A bare key pair, for the tokens of service accounts."""
        key = ec.generate_private_key(ec.SECP256R1())
        pair = KeyPair(self._directory / f"{name}.pub", self._directory / f"{name}.key")
        pair.cert.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        _write_key(pair.key, key)
        return pair

    def context(self, pair: KeyPair) -> ssl.SSLContext:
        """How a client with this certificate connects to a server of this authority."""
        context = ssl.create_default_context(cafile=self.cert)
        context.load_cert_chain(pair.cert, pair.key)
        return context

    def _key_identifier(self) -> x509.AuthorityKeyIdentifier:
        """Without it Python 3.13 takes no certificate."""
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _SKEW)
            .not_valid_after(now + _VALIDITY)
        )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
