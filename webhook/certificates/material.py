"""The content of our Secret: the CAs to trust, the newest one's key, the serving certificate and its key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from webhook.certificates.issuing import certificate_pem, general_names, key_pem

BUNDLE: Final = "ca.crt"
AUTHORITY_KEY: Final = "ca.key"
SERVING: Final = "tls.crt"
SERVING_KEY: Final = "tls.key"


class Material(NamedTuple):
    """The parts of the Secret that can be read. Each may be missing, and may not fit the others.

    Attributes:
        bundle: the CAs to trust, the newest one first.
        ca_key: the key of the newest CA.
        serving: the serving certificate.
        serving_key: its key.
    """

    bundle: tuple[x509.Certificate, ...] = ()
    ca_key: ec.EllipticCurvePrivateKey | None = None
    serving: x509.Certificate | None = None
    serving_key: PrivateKeyTypes | None = None

    @property
    def signer(self) -> x509.Certificate | None:
        """The CA that `ca_key` belongs to."""
        if self.ca_key is None:
            return None
        public = self.ca_key.public_key()
        return next((ca for ca in self.bundle if _is_authority(ca) and ca.public_key() == public), None)

    @property
    def issuer(self) -> x509.Certificate | None:
        """The CA that signed the serving certificate."""
        if self.serving is None:
            return None
        return next((ca for ca in self.bundle if _is_authority(ca) and is_signed_by(self.serving, ca)), None)

    def can_serve(self, names: Sequence[str], now: datetime) -> bool:
        """Whether a client that trusts the bundle accepts a server with this certificate and key for these names."""
        issuer = self.issuer
        return (
            issuer is not None
            and self.serving is not None
            and self.serving_key is not None
            and self.serving.public_key() == self.serving_key.public_key()
            and is_valid(issuer, now)
            and is_valid(self.serving, now)
            and set(general_names(names)) == set(_subject_names(self.serving))
        )


def parse_material(data: Mapping[str, bytes]) -> Material:
    """Read the data of a Secret. Parts that cannot be read count as missing."""
    ca_key = _parse_key(data.get(AUTHORITY_KEY))
    return Material(
        bundle=_parse_bundle(data.get(BUNDLE)),
        ca_key=ca_key if isinstance(ca_key, ec.EllipticCurvePrivateKey) else None,
        serving=next(iter(_parse_bundle(data.get(SERVING))), None),
        serving_key=_parse_key(data.get(SERVING_KEY)),
    )


def material_data(material: Material) -> dict[str, bytes]:
    """Encode the parts that are there as the data of a Secret."""
    data = {BUNDLE: certificate_pem(*material.bundle)}
    if material.ca_key is not None:
        data[AUTHORITY_KEY] = key_pem(material.ca_key)
    if material.serving is not None and material.serving_key is not None:
        data[SERVING] = certificate_pem(material.serving)
        data[SERVING_KEY] = key_pem(material.serving_key)
    return data


def is_valid(certificate: x509.Certificate, now: datetime) -> bool:
    """Whether the certificate is valid at this time, by its own dates."""
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def is_signed_by(certificate: x509.Certificate, ca: x509.Certificate) -> bool:
    """Whether `ca` signed the certificate."""
    try:
        certificate.verify_directly_issued_by(ca)
    except (InvalidSignature, TypeError, ValueError):
        return False
    return True


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def _subject_names(certificate: x509.Certificate) -> x509.SubjectAlternativeName | tuple[()]:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()


def _parse_bundle(pem: bytes | None) -> tuple[x509.Certificate, ...]:
    try:
        return tuple(x509.load_pem_x509_certificates(pem or b""))
    except ValueError:
        return ()


def _parse_key(pem: bytes | None) -> PrivateKeyTypes | None:
    try:
        return load_pem_private_key(pem or b"", password=None)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        return None
