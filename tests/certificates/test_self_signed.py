"""The local certificate: what is written, when it is kept, when it is renewed."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from webhook.certificates.issuing import SKEW
from webhook.certificates.self_signed import VALIDITY, CertificateFiles, ensure_certificate, keep_certificate
from webhook.certificates.tls import KeyPair, server_context
from webhook.errors import CertificateError

NOW = datetime(2030, 1, 31, 12, tzinfo=UTC)


def mode(path: Path) -> int:
    """Return the permission bits."""
    return path.stat().st_mode & 0o777


def contents(files: CertificateFiles) -> list[bytes]:
    """Return what the three files hold."""
    return [path.read_bytes() for path in files]


def test_files_and_modes(tmp_path: Path) -> None:
    """A new directory and the key are for the owner alone, and nothing but the three files is left."""
    previous = os.umask(0)
    try:
        files = ensure_certificate(tmp_path / "new" / "certs", now=NOW)
    finally:
        os.umask(previous)
    assert mode(files.ca.parent) == 0o700
    assert [mode(path) for path in files] == [0o644, 0o644, 0o600]
    assert sorted(path.name for path in files.ca.parent.iterdir()) == ["ca.crt", "tls.crt", "tls.key"]


def test_existing_directory_keeps_its_mode(tmp_path: Path) -> None:
    """A directory that somebody else made is used as it is."""
    tmp_path.chmod(0o755)
    ensure_certificate(tmp_path, now=NOW)
    assert mode(tmp_path) == 0o755


def test_validity_and_names(tmp_path: Path) -> None:
    """90 days from five minutes ago, for DNS names and addresses alike, for CA and certificate alike."""
    files = ensure_certificate(tmp_path, now=NOW, names=["psd.psd-system.svc", "10.0.0.1"])
    ca, cert = (x509.load_pem_x509_certificate(path.read_bytes()) for path in (files.ca, files.cert))
    served = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert served.get_values_for_type(x509.DNSName) == ["psd.psd-system.svc"]
    assert list(map(str, served.get_values_for_type(x509.IPAddress))) == ["10.0.0.1"]
    for certificate in (ca, cert):
        assert certificate.not_valid_before_utc == NOW - SKEW
        assert certificate.not_valid_after_utc == NOW - SKEW + VALIDITY


def test_kept_while_fresh(tmp_path: Path) -> None:
    """More than a third of its life left: nothing is written."""
    before = contents(ensure_certificate(tmp_path, now=NOW))
    later = NOW - SKEW + VALIDITY * 2 / 3 - timedelta(seconds=1)
    assert contents(ensure_certificate(tmp_path, now=later)) == before


@pytest.mark.parametrize(
    ("now", "names"),
    [
        pytest.param(NOW - SKEW + VALIDITY * 2 / 3, ["localhost"], id="last-third"),
        pytest.param(NOW + VALIDITY * 2, ["localhost"], id="expired"),
        pytest.param(NOW - timedelta(days=1), ["localhost"], id="not-yet-valid"),
        pytest.param(NOW, ["localhost", "10.0.0.1"], id="name-added"),
        pytest.param(NOW, ["example.com"], id="name-changed"),
    ],
)
def test_renewed(tmp_path: Path, now: datetime, names: list[str]) -> None:
    """Old, early, or for other names: the CA, the certificate and the key are all new, and belong together."""
    before = contents(ensure_certificate(tmp_path, now=NOW, names=["localhost"]))
    files = ensure_certificate(tmp_path, now=now, names=names)
    assert not set(contents(files)) & set(before)
    assert mode(files.key) == 0o600
    server_context(KeyPair.read(files.cert, files.key))


@pytest.mark.parametrize("which", ["ca", "cert", "key"])
def test_an_incomplete_set_is_renewed(tmp_path: Path, which: str) -> None:
    """A start that was cut short, or a deleted file, heals."""
    files = ensure_certificate(tmp_path, now=NOW)
    getattr(files, which).unlink()
    ensure_certificate(tmp_path, now=NOW)
    server_context(KeyPair.read(files.cert, files.key))


@pytest.mark.parametrize("which", ["ca", "key"])
def test_a_mixed_set_is_renewed(tmp_path: Path, which: str) -> None:
    """A CA or key of another certificate of ours does not stay beside this one."""
    files = ensure_certificate(tmp_path / "one", now=NOW)
    other = ensure_certificate(tmp_path / "two", now=NOW)
    getattr(files, which).write_bytes(getattr(other, which).read_bytes())
    ensure_certificate(tmp_path / "one", now=NOW)
    server_context(KeyPair.read(files.cert, files.key))
    ca, cert = (x509.load_pem_x509_certificate(path.read_bytes()) for path in (files.ca, files.cert))
    cert.verify_directly_issued_by(ca)


def test_a_garbled_key_is_renewed(tmp_path: Path) -> None:
    """A key that cannot be read, beside certificates of ours, is replaced."""
    files = ensure_certificate(tmp_path, now=NOW)
    files.key.write_text("no PEM")
    ensure_certificate(tmp_path, now=NOW)
    server_context(KeyPair.read(files.cert, files.key))


@pytest.mark.parametrize("name", ["ca.crt", "tls.crt", "tls.key"])
def test_a_foreign_file_is_not_overwritten(tmp_path: Path, name: str) -> None:
    """A directory that holds somebody's own certificate or key is refused, and left as it is."""
    (tmp_path / name).write_text("precious")
    with pytest.raises(CertificateError, match=f"{name}: was not made here"):
        ensure_certificate(tmp_path, now=NOW)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["precious"]


def test_a_file_in_place_of_the_directory(tmp_path: Path) -> None:
    """What cannot be a directory is named."""
    path = tmp_path / "certs"
    path.touch()
    with pytest.raises(CertificateError, match="certs: File exists"):
        ensure_certificate(path, now=NOW)


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a file cannot be put in place, no temporary one stays, and the error names a file."""

    def fail(self: Path, _target: Path) -> Path:
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(CertificateError, match=r"ca\.crt.*: No space left on device"):
        ensure_certificate(tmp_path, now=NOW)
    assert list(tmp_path.iterdir()) == []


async def _kept_for_a_moment(directory: Path) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await keep_certificate(directory, every_seconds=0.01)


async def test_it_is_renewed_while_it_is_served(tmp_path: Path) -> None:
    """A server that runs for longer than a certificate lives goes on with a new one, which is then left alone."""
    files = ensure_certificate(tmp_path, now=datetime.now(UTC) - timedelta(days=80))
    old = contents(files)
    await _kept_for_a_moment(tmp_path)
    new = contents(files)
    assert not set(new) & set(old)
    server_context(KeyPair.read(files.cert, files.key))
    await _kept_for_a_moment(tmp_path)
    assert contents(files) == new


async def test_a_renewal_that_fails_is_told_and_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What serves goes on."""
    (tmp_path / "ca.crt").write_text("of somebody else")
    await _kept_for_a_moment(tmp_path)
    assert caplog.text.count("cannot renew certificate: ") > 1
