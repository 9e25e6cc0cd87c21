"""Our own authority: what the Secret's next content is, one step at a time.

A CA is replaced with overlap, so that at every moment the webhook configurations trust what every replica serves:

1. the new CA joins the bundle; the serving certificate stays that of the old one, whose key is thrown away;
2. the bundle is injected into the webhook configurations, and API servers get time to learn it;
3. the serving certificate is issued by the new CA, and every replica gets time to load it;
4. the old CA leaves the bundle.

Nothing here asks the clock or the cluster: a leader that is cut off at any point is followed by one that goes on from
what the Secret says.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Self

from cryptography import x509

from webhook.certificates.issuing import SKEW, Validity, issue_authority, issue_serving, new_key
from webhook.certificates.material import Material, holds

AUTHORITY_NAME: Final = "pod-security-defaulter CA"

_LONGEST_SETTLE: Final = timedelta(minutes=5)
_SETTLES_IN_A_LIFE: Final = 20
_OVERLAP_SETTLES: Final = 6
"""Less than the two thirds of a life after which a renewal begins it anew."""


class Lifetimes(NamedTuple):
    """How long certificates live. All follows from the serving certificate's life."""

    serving: timedelta = timedelta(days=90)

    @classmethod
    def of(cls, seconds: float) -> Self:
        """Lifetimes where a serving certificate lives this long."""
        return cls(timedelta(seconds=seconds))

    @property
    def authority(self) -> timedelta:
        """Of a CA."""
        return 4 * self.serving

    @property
    def settle(self) -> timedelta:
        """From the injection of a bundle to the first certificate that needs it."""
        return min(_LONGEST_SETTLE, self.serving / _SETTLES_IN_A_LIFE)

    @property
    def overlap(self) -> timedelta:
        """From a serving certificate of the new CA to the old CA's leaving: time for a replica that was cut off."""
        return _OVERLAP_SETTLES * self.settle


class Step(NamedTuple):
    """The Secret's next content, and what is new in it."""

    material: Material
    what: str


def repaired(current: Material, known: Material | None, names: Sequence[str], now: datetime) -> Material:
    """What to go on from, where somebody has spoilt the Secret: what was last known to be good, if it still is.

    An emptied Secret asks for new certificates: the known ones go on being served and trusted while a new CA, as at
    any rotation, takes over.
    """
    if known is None or current.stands(names, now) or not known.stands(names, now):
        return current
    return known._replace(ca_key=None) if current == Material() else known


def plan(
    current: Material, names: Sequence[str], now: datetime, lifetimes: Lifetimes, injected: datetime | None
) -> Step | None:
    """The next step, or None where there is none to take now.

    `injected` is since when all webhook configurations have had the whole bundle, as far as known; None: they have not.
    """
    material = current._replace(bundle=tuple(ca for ca in current.bundle if holds(ca, now)))
    if not material.stands(names, now):
        material = material._replace(serving=None, serving_key=None)
    signer = material.signer
    if signer is None or is_due(signer, now, lifetimes.authority):
        return Step(_joined_by_new_authority(material, now, lifetimes), "a new CA")
    if material.serving is None:
        return Step(_served_anew(material, signer, names, now, lifetimes), "a serving certificate")
    if material.issuer != signer:
        if injected is not None and now - injected >= lifetimes.settle:
            return Step(_served_anew(material, signer, names, now, lifetimes), "a serving certificate of the new CA")
    elif is_due(material.serving, now, lifetimes.serving):
        return Step(_served_anew(material, signer, names, now, lifetimes), "the serving certificate renewed")
    elif len(material.bundle) > 1 and now - _issued(material.serving) >= lifetimes.overlap:
        return Step(material._replace(bundle=(signer,)), "the old CA has left")
    return None if material.bundle == current.bundle else Step(material, "an expired CA has left")


def is_due(certificate: x509.Certificate, now: datetime, lifetime: timedelta | None = None) -> bool:
    """Whether two thirds of its life are over; of `lifetime`, where that is shorter than what it was issued for."""
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if lifetime is not None:
        end = min(end, start + _skew(lifetime) + lifetime)
    return now >= start + (end - start) * 2 / 3


def _joined_by_new_authority(material: Material, now: datetime, lifetimes: Lifetimes) -> Material:
    key = new_key()
    ca = issue_authority(AUTHORITY_NAME, key, _validity(now, lifetimes.authority))
    return material._replace(bundle=(ca, *material.bundle), ca_key=key)


def _served_anew(
    material: Material, signer: x509.Certificate, names: Sequence[str], now: datetime, lifetimes: Lifetimes
) -> Material:
    assert material.ca_key is not None  # noqa: S101 (there is no signer without it)
    key = new_key()
    start, end = _validity(now, lifetimes.serving)
    validity = Validity(start, min(end, signer.not_valid_after_utc))
    serving = issue_serving(signer, material.ca_key, key.public_key(), names, validity)
    return material._replace(serving=serving, serving_key=key)


def _validity(now: datetime, lifetime: timedelta) -> Validity:
    return Validity(now - _skew(lifetime), now + lifetime)


def _skew(lifetime: timedelta) -> timedelta:
    return min(SKEW, lifetime / 10)


def _issued(certificate: x509.Certificate) -> datetime:
    span = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return certificate.not_valid_before_utc + min(SKEW, span / 11)  # a tenth of a life is an eleventh of the span
