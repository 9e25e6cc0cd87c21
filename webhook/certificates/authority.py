"""Our own CA: the next content of the Secret, one step at a time.

A CA is replaced with overlap, so that at every moment the webhook configurations trust what every replica serves:

1. The new CA joins the bundle. The old CA's serving certificate stays; the old CA's key is thrown away.
2. The bundle is injected into the webhook configurations, and API servers get time to learn it.
3. The new CA issues the serving certificate, and every replica gets time to load it.
4. The old CA leaves the bundle.

Nothing here asks the clock or the cluster, and no progress is kept elsewhere: if a leader stops at any point, the next
one continues from what the Secret contains.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Self

from cryptography import x509

from webhook.certificates.issuing import SKEW, Validity, issue_authority, issue_serving, new_key
from webhook.certificates.material import Material, is_valid

AUTHORITY_NAME: Final = "pod-security-defaulter CA"

_LONGEST_SETTLE: Final = timedelta(minutes=5)
_SETTLES_IN_A_LIFE: Final = 20
_OVERLAP_SETTLES: Final = 6
"""The overlap is 6/20 of a serving certificate's lifetime: it ends before the renewal at 2/3 would restart it."""


class Lifetimes(NamedTuple):
    """How long certificates live. All other times follow from the serving certificate's lifetime."""

    serving: timedelta = timedelta(days=90)

    @classmethod
    def of(cls, seconds: float) -> Self:
        """Make the lifetimes for a serving certificate that lives this long."""
        return cls(timedelta(seconds=seconds))

    @property
    def authority(self) -> timedelta:
        """The lifetime of a CA."""
        return 4 * self.serving

    @property
    def settle(self) -> timedelta:
        """The time from the injection of a bundle to the first certificate that needs it."""
        return min(_LONGEST_SETTLE, self.serving / _SETTLES_IN_A_LIFE)

    @property
    def overlap(self) -> timedelta:
        """The time from the new CA's first serving certificate until the old CA leaves: a replica may be cut off."""
        return _OVERLAP_SETTLES * self.settle


class Step(NamedTuple):
    """The next content of the Secret, and what is new in it, for the log."""

    material: Material
    what: str


def repair(current: Material, good: Material | None, names: Sequence[str], now: datetime) -> Material:
    """Choose what to continue from if somebody has damaged the Secret.

    Args:
        current: what the Secret contains.
        good: what this replica last found good in it; None if nothing yet.
        names: the DNS names of our Service.
        now: the time, with its zone.

    Returns:
        `current`, if it can serve or `good` cannot; else `good`. If the Secret was emptied to get new certificates,
        `good` without the CA's key: it is served and trusted until the new CA takes over.
    """
    if good is None or current.can_serve(names, now) or not good.can_serve(names, now):
        return current
    return good._replace(ca_key=None) if current == Material() else good


def plan_step(
    current: Material, names: Sequence[str], now: datetime, lifetimes: Lifetimes, injected: datetime | None
) -> Step | None:
    """Plan the next step.

    Args:
        current: what the Secret contains.
        names: the DNS names of our Service.
        now: the time, with its zone.
        lifetimes: how long certificates live.
        injected: since when all webhook configurations are known to have the whole bundle; None if they do not.

    Returns:
        The step; None if there is nothing to do now.
    """
    material = current._replace(bundle=tuple(ca for ca in current.bundle if is_valid(ca, now)))
    if not material.can_serve(names, now):
        material = material._replace(serving=None, serving_key=None)
    signer = material.signer
    if signer is None or is_due(signer, now, lifetimes.authority):
        return Step(_add_authority(material, now, lifetimes), "a new CA")
    if material.serving is None:
        return Step(_issue_serving(material, signer, names, now, lifetimes), "a serving certificate")
    if material.issuer != signer:
        if injected is not None and now - injected >= lifetimes.settle:
            return Step(_issue_serving(material, signer, names, now, lifetimes), "a serving certificate of the new CA")
    elif is_due(material.serving, now, lifetimes.serving):
        return Step(_issue_serving(material, signer, names, now, lifetimes), "the serving certificate renewed")
    elif len(material.bundle) > 1 and now - _issue_time(material.serving) >= lifetimes.overlap:
        return Step(material._replace(bundle=(signer,)), "the old CA has left")
    return None if material.bundle == current.bundle else Step(material, "an expired CA has left")


def is_due(certificate: x509.Certificate, now: datetime, lifetime: timedelta | None = None) -> bool:
    """Whether two thirds of the certificate's lifetime are over, or of `lifetime` if that is shorter."""
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if lifetime is not None:
        end = min(end, start + _skew(lifetime) + lifetime)
    return now >= start + (end - start) * 2 / 3


def _add_authority(material: Material, now: datetime, lifetimes: Lifetimes) -> Material:
    key = new_key()
    ca = issue_authority(AUTHORITY_NAME, key, _validity(now, lifetimes.authority))
    return material._replace(bundle=(ca, *material.bundle), ca_key=key)


def _issue_serving(
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


def _issue_time(certificate: x509.Certificate) -> datetime:
    span = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return certificate.not_valid_before_utc + min(
        SKEW, span / 11
    )  # `_validity` backdates by a tenth of the lifetime: an eleventh of the span
