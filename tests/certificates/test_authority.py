"""Rotation as a pure plan: what comes next, and that whatever may be trusted fits whatever may be served."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from webhook.certificates.authority import Lifetimes, is_due, plan_step, repair
from webhook.certificates.issuing import Validity, issue_authority, issue_serving, new_key
from webhook.certificates.material import Material, material_data, parse_material

NOW: Final = datetime(2030, 1, 31, 12, tzinfo=UTC)
NAMES: Final = ("psd.psd-system.svc", "psd.psd-system.svc.cluster.local")
HOUR: Final = Lifetimes.of(3600)

T = TypeVar("T")


def settled(
    material: Material, now: datetime = NOW, lifetimes: Lifetimes = HOUR, injected: datetime | None = None
) -> tuple[Material, list[str]]:
    """The material once there is no step left to take now, and the steps taken."""
    taken: list[str] = []
    while (step := plan_step(material, NAMES, now, lifetimes, injected)) is not None:
        material = step.material
        taken.append(step.what)
        assert len(taken) < 5, taken
    return material, taken


def verify(bundle: tuple[x509.Certificate, ...], serving: x509.Certificate | None, now: datetime) -> None:
    """Verify as a client does that trusts `bundle`, for every name. Raises VerificationError."""
    assert serving is not None
    for name in NAMES:
        policy = PolicyBuilder().store(Store(list(bundle))).time(now)
        policy.build_server_verifier(x509.DNSName(name)).verify(serving, [])


def foreign(now: datetime = NOW, names: tuple[str, ...] = NAMES) -> Material:
    """A whole and fitting certificate that another authority made, whose key we do not have."""
    ca_key, key = new_key(), new_key()
    validity = Validity(now - timedelta(hours=1), now + timedelta(hours=1))
    ca = issue_authority("somebody else", ca_key, validity)
    return Material((ca,), None, issue_serving(ca, ca_key, key.public_key(), names, validity), key)


def test_from_nothing() -> None:
    """A CA first, so that it can be trusted; then, without waiting, what it signs. Then nothing is left to do."""
    made, steps = settled(Material())
    assert steps == ["a new CA", "a serving certificate"]
    assert made.can_serve(NAMES, NOW)
    verify(made.bundle, made.serving, NOW)


def test_the_secret_holds_it_all() -> None:
    """What is written to the Secret and read back is the same."""
    made, _ = settled(Material())
    again = parse_material(material_data(made))
    assert material_data(again) == material_data(made)
    assert (again.bundle, again.serving) == (made.bundle, made.serving)
    assert again.signer == made.bundle[0]


@pytest.mark.parametrize(
    ("seconds", "settle", "overlap"),
    [(90 * 86400, 300, 1800), (3600, 180, 1080), (60, 3, 18)],
    ids=["default", "hour", "minute"],
)
def test_lifetimes(seconds: int, settle: int, overlap: int) -> None:
    """Five minutes and half an hour, less where certificates live only for hours; four lives of one for the CA."""
    lifetimes = Lifetimes.of(seconds)
    assert lifetimes.authority.total_seconds() == 4 * seconds
    assert lifetimes.settle.total_seconds() == settle
    assert lifetimes.overlap.total_seconds() == overlap


def test_validity() -> None:
    """90 days and 360 days, from five minutes ago."""
    made, _ = settled(Material(), lifetimes=Lifetimes())
    assert made.serving is not None
    for certificate, days in ((made.serving, 90), (made.bundle[0], 360)):
        assert certificate.not_valid_before_utc == NOW - timedelta(minutes=5)
        assert certificate.not_valid_after_utc == NOW + timedelta(days=days)


def test_whatever_is_trusted_fits_whatever_is_served() -> None:
    """Over generations of CAs, bundles late by the settle time and certificates late by the overlap all verify."""
    material, now, injected = Material(), NOW, None
    bundles: list[tuple[datetime, tuple[x509.Certificate, ...]]] = []
    servings: list[tuple[datetime, x509.Certificate]] = []
    seen: list[str] = []
    while now < NOW + timedelta(hours=14):
        step = plan_step(material, NAMES, now, HOUR, injected)
        if step is not None:
            if step.material.bundle != material.bundle:
                bundles = [(now, step.material.bundle), *bundles]
                injected = now + timedelta(seconds=20)  # it took the leader a while
            if step.material.serving is not None and step.material.serving != material.serving:
                servings = [(now, step.material.serving), *servings]
            material = step.material
            seen.append(step.what)
        bundles = still_there(bundles, now, HOUR.settle)
        servings = still_there(servings, now, HOUR.overlap - HOUR.settle)
        for _, bundle in bundles:
            for _, serving in servings:
                verify(bundle, serving, now)
        now += timedelta(seconds=30)
    rotation = ["a new CA", "a serving certificate of the new CA", "the old CA has left"]
    rest = [what for what in seen if what != "the serving certificate renewed"]
    assert rest[:2] == ["a new CA", "a serving certificate"]
    assert rest[2:] == rotation * 4 + rest[14:]
    assert seen.count("the serving certificate renewed") > 8


def still_there(known: list[tuple[datetime, T]], now: datetime, late: timedelta) -> list[tuple[datetime, T]]:
    """Of things newest first, each with its beginning, those that somebody may still have."""
    return [thing for index, thing in enumerate(known) if index == 0 or now < known[index - 1][0] + late]


def test_a_third_before_its_end() -> None:
    """Two thirds into its life a certificate is due, not before; the CA stays."""
    made, _ = settled(Material())
    later = NOW - timedelta(minutes=5) + timedelta(minutes=65) * 2 / 3
    assert settled(made, later - timedelta(seconds=1))[1] == []
    renewed, steps = settled(made, later)
    assert steps == ["the serving certificate renewed"]
    assert renewed.bundle == made.bundle
    assert renewed.serving_key != made.serving_key


def test_a_shorter_lifetime_counts_at_once() -> None:
    """An operator who shortens lifetimes does not wait for the end of the long ones."""
    made, _ = settled(Material(), lifetimes=Lifetimes())
    later = NOW + timedelta(hours=1)
    assert settled(made, later, Lifetimes())[1] == []
    assert settled(made, later, HOUR)[1] == ["the serving certificate renewed"]


@pytest.fixture(name="joined")
def one_that_a_new_ca_has_joined() -> tuple[Material, datetime]:
    """A rotation whose first step was taken at the time that is given with it."""
    made, _ = settled(Material())
    now = NOW + timedelta(hours=3)
    made, _ = settled(made, now - timedelta(minutes=30))
    step = plan_step(made, NAMES, now, HOUR, NOW)
    assert step is not None
    assert step.what == "a new CA"
    assert step.material.bundle[1:] == made.bundle
    assert step.material.serving == made.serving
    return step.material, now


@pytest.mark.parametrize("late", [None, HOUR.settle - timedelta(seconds=1)], ids=["never", "just now"])
def test_the_new_ca_does_not_sign_before_it_is_trusted(
    joined: tuple[Material, datetime], late: timedelta | None
) -> None:
    """Not before all configurations have had the bundle for the settle time, however long that takes."""
    material, now = joined
    now += timedelta(minutes=30)
    assert plan_step(material, NAMES, now, HOUR, None if late is None else now - late) is None


def test_a_certificate_that_ends_waits_for_nobody(joined: tuple[Material, datetime]) -> None:
    """Where the bundle could never be injected, the new CA signs once the old certificate has ended: it cannot harm."""
    material, now = joined
    assert material.serving is not None
    now = material.serving.not_valid_after_utc + timedelta(seconds=1)
    step = plan_step(material, NAMES, now, HOUR, None)
    assert step is not None
    assert step.what == "a serving certificate"


def test_an_expired_ca_leaves(joined: tuple[Material, datetime]) -> None:
    """Whatever else is the matter: a CA that has expired is not in the next content."""
    material, now = joined
    now = material.bundle[1].not_valid_after_utc + timedelta(seconds=1)
    final, _ = settled(material, now)
    assert final.bundle == material.bundle[:1]
    verify(final.bundle, final.serving, now)


def test_all_expired() -> None:
    """After a long sleep all is new at once: nothing that was is trusted any more."""
    made, _ = settled(Material())
    later = NOW + timedelta(days=30)
    anew, steps = settled(made, later)
    assert steps == ["a new CA", "a serving certificate"]
    assert not set(anew.bundle) & set(made.bundle)
    verify(anew.bundle, anew.serving, later)


def test_other_names() -> None:
    """A certificate for other names is replaced at once, by the same CA."""
    made, _ = settled(Material())
    step = plan_step(made, ("other.svc",), NOW, HOUR, NOW)
    assert step is not None
    assert step.what == "a serving certificate"
    assert step.material.can_serve(("other.svc",), NOW)
    assert step.material.bundle == made.bundle


def test_a_foreign_certificate_that_fits_is_replaced_with_overlap() -> None:
    """It goes on being trusted and served until our CA is known, and only then is replaced."""
    strange = foreign()
    material, steps = settled(strange)
    assert steps == ["a new CA"]
    assert material.serving == strange.serving
    verify(material.bundle, material.serving, NOW)
    material, steps = settled(material, NOW + HOUR.settle, injected=NOW)
    assert steps == ["a serving certificate of the new CA"]
    material, steps = settled(material, NOW + HOUR.settle + HOUR.overlap, injected=NOW)
    assert steps == ["the old CA has left"]
    assert strange.bundle[0] not in material.bundle


@pytest.mark.parametrize("part", ["ca.crt", "ca.key", "tls.crt", "tls.key"])
@pytest.mark.parametrize("content", [None, b"garbage", "another"], ids=["missing", "garbage", "another"])
def test_a_broken_part(part: str, content: bytes | str | None) -> None:
    """A replica that knew nothing before makes good whichever part is missing, unreadable, or of something else."""
    data = material_data(settled(Material())[0])
    data.pop(part)
    if content is not None:
        data[part] = content if isinstance(content, bytes) else material_data(settled(Material())[0])[part]
    material, _ = settled(parse_material(data))
    assert material.can_serve(NAMES, NOW)
    assert material.signer is not None
    verify(material.bundle, material.serving, NOW)


@pytest.mark.parametrize("part", ["ca.crt", "tls.crt", "tls.key"])
def test_what_was_known_is_put_back(part: str) -> None:
    """Of a Secret that was spoilt nothing is lost, as long as somebody remembers."""
    known, _ = settled(Material())
    spoilt = parse_material({**material_data(known), part: b"garbage"})
    assert repair(spoilt, known, NAMES, NOW) is known
    assert repair(spoilt, None, NAMES, NOW) is spoilt
    after = NOW + timedelta(days=1)
    assert repair(spoilt, known, NAMES, after) is spoilt, "what is known has expired"


def test_an_emptied_secret_asks_for_a_new_ca() -> None:
    """All is new in the end, but nothing that is served is untrusted meanwhile."""
    known, _ = settled(Material())
    material, steps = settled(repair(Material(), known, NAMES, NOW))
    assert steps == ["a new CA"]
    assert material.serving == known.serving
    assert material.bundle[1:] == known.bundle


def test_what_stands_is_not_put_back() -> None:
    """A Secret that somebody restored, and that fits, is what counts."""
    known, other = settled(Material())[0], foreign()
    assert repair(other, known, NAMES, NOW) is other


def test_due_by_its_own_life() -> None:
    """Without a configured lifetime, two thirds of what it was issued for count."""
    made, _ = settled(Material(), lifetimes=Lifetimes())
    assert made.serving is not None
    assert not is_due(made.serving, NOW + timedelta(days=59))
    assert is_due(made.serving, NOW + timedelta(days=60))


def test_no_certificate_outlives_its_ca() -> None:
    """Where a CA has less time left than a certificate would have, the certificate ends with it."""
    made, _ = settled(Material(), lifetimes=HOUR)
    made = made._replace(serving=None, serving_key=None)
    step = plan_step(made, NAMES, NOW, Lifetimes(timedelta(days=90)), None)
    assert step is not None
    assert step.material.serving is not None
    assert step.material.serving.not_valid_after_utc == made.bundle[0].not_valid_after_utc


def test_keys_are_not_shown() -> None:
    """What might end up in a log has no key in it."""
    made, _ = settled(Material())
    assert "PRIVATE" not in repr(made)
