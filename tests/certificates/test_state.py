"""What `certs` says of certificates."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from webhook.certificates.authority import Lifetimes, plan_step
from webhook.certificates.issuing import certificate_pem
from webhook.certificates.material import Material
from webhook.certificates.self_signed import ensure_certificate
from webhook.certificates.state import CertificateReport, cluster_state
from webhook.cli import main

NOW: Final = datetime(2030, 1, 31, 12, tzinfo=UTC)
NAMES: Final = ("psd.psd-system.svc",)


def material() -> Material:
    """A CA and what it signed."""
    made = Material()
    while (step := plan_step(made, NAMES, NOW, Lifetimes(), None)) is not None:
        made = step.material
    return made


def configuration(*bundles: bytes) -> dict[str, Any]:
    """A webhook configuration with a webhook for each bundle."""
    return {"webhooks": [{"clientConfig": {"caBundle": base64.b64encode(bundle).decode()}} for bundle in bundles]}


def state(held: Material, mutating: dict[str, Any] | None, now: datetime = NOW) -> CertificateReport:
    """The state of an install without a validating webhook configuration."""
    return cluster_state("here", held, {"mutating": mutating, "validating": None}, NAMES, now)


def test_all_well() -> None:
    """Both certificates, whom they are signed by, and webhooks that trust them."""
    held = material()
    pem = certificate_pem(*held.bundle)
    told = state(held, configuration(pem, pem))
    assert told.problems == []
    ca, serving = told.certificates
    assert (ca.role, serving.role) == ("ca", "serving")
    assert ca.signed_by == serving.signed_by == ca.serial
    assert serving.names == list(NAMES)
    assert (ca.days_left, serving.days_left) == (360, 90)
    assert not ca.rotation_due
    assert [(row.kind, row.exists, row.webhooks, row.trusting) for row in told.configurations] == [
        ("mutating", True, 2, 2),
        ("validating", False, 0, 0),
    ]


def test_due() -> None:
    """In the last third it is due, which is not a problem yet."""
    held = material()
    told = state(held, configuration(certificate_pem(*held.bundle)), NOW + timedelta(days=61))
    assert [row.rotation_due for row in told.certificates] == [False, True]
    assert told.problems == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"bundle": ()}, "there is no CA"),
        ({"ca_key": None}, "the CA's key is missing"),
        ({"serving": None}, "there is no serving certificate"),
        ({"serving_key": None}, "its key is missing"),
        ({"bundle": material().bundle}, "the serving certificate is not signed by any CA here"),
    ],
)
def test_broken(change: dict[str, Any], problem: str) -> None:
    """What is missing, or does not belong to the rest."""
    held = material()
    told = state(held._replace(**change), configuration(certificate_pem(*held.bundle)))
    assert any(problem in text for text in told.problems), told.problems


def test_other_names() -> None:
    """A certificate for another Service."""
    held = material()
    told = cluster_state("here", held, {}, ("other.svc",), NOW)
    assert any("is not for other.svc" in text for text in told.problems)


def test_expired() -> None:
    """A certificate that has ended, by its serial number; and one whose time has not come."""
    held = material()
    whole = configuration(certificate_pem(*held.bundle))
    serial = f"{held.serving.serial_number:x}" if held.serving else ""
    assert state(held, whole, NOW + timedelta(days=91)).problems == [f"the serving certificate {serial} has expired"]
    early = state(held, whole, NOW - timedelta(days=1)).problems
    assert f"the serving certificate {serial} does not hold yet" in early


@pytest.mark.parametrize("bundle", [b"", b"garbage", certificate_pem(*material().bundle)])
def test_another_bundle(bundle: bytes) -> None:
    """One webhook of two trusts something else, or nothing."""
    held = material()
    told = state(held, configuration(certificate_pem(*held.bundle), bundle))
    assert told.problems == ["the mutating webhook configuration has another caBundle than the Secret"]


def test_nobody_asks() -> None:
    """Without any webhook configuration nothing would happen at all."""
    assert state(material(), None).problems == ["there is no webhook configuration: no API server asks us"]


def test_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command shows a file's certificate, as a table and as JSON; its key is nowhere."""
    files = ensure_certificate(tmp_path, now=datetime.now(UTC))
    assert main(["certs", "--tls-cert", str(files.cert)]) == 0
    table = capsys.readouterr().out
    assert "localhost, 127.0.0.1, ::1" in table
    assert "PRIVATE" not in table
    assert main(["certs", "--tls-cert", str(files.cert), "-o", "json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["certificates"]
    assert row["names"] == ["localhost", "127.0.0.1", "::1"]
    assert 89 < row["daysLeft"] < 91


def test_an_expired_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Something is wrong: 1, and the reason."""
    files = ensure_certificate(tmp_path, now=datetime.now(UTC) - timedelta(days=100))
    assert main(["certs", "--tls-cert", str(files.cert)]) == 1
    assert "has expired" in capsys.readouterr().out


@pytest.mark.parametrize("content", [None, "garbage"])
def test_an_unreadable_file(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None) -> None:
    """It cannot be told: 2."""
    path = tmp_path / "tls.crt"
    if content is not None:
        path.write_text(content)
    assert main(["certs", "--tls-cert", str(path)]) == 2
    assert "tls.crt: " in capsys.readouterr().err


def test_no_cluster(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A kubeconfig that is not there: 2."""
    assert main(["certs", "--kubeconfig", str(tmp_path / "none")]) == 2
    assert "error: no connection to a cluster" in capsys.readouterr().err
