"""The server's TLS context."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import warnings
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from webhook.certificates.self_signed import CertificateFiles, ensure_certificate
from webhook.certificates.tls import KeyPair, server_context
from webhook.errors import CertificateError


@pytest.fixture(scope="module", name="files")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> CertificateFiles:
    """A certificate of today, for every test that only reads it."""
    return ensure_certificate(tmp_path_factory.mktemp("certs"), now=datetime.now(UTC))


@contextlib.asynccontextmanager
async def serving(context: ssl.SSLContext) -> AsyncIterator[int]:
    """Greet over TLS on a free port of the loopback interface."""

    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
async def test_handshake(files: CertificateFiles, name: str) -> None:
    """A client that trusts the CA, checks strictly and asks for one of the names is served."""
    client = ssl.create_default_context(cafile=files.ca)
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    async with serving(server_context(KeyPair.read(files.cert, files.key))) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname=name)
        assert await reader.read() == b"hello"
        writer.close()
        await writer.wait_closed()


async def test_another_name_is_refused(files: CertificateFiles) -> None:
    """The certificate holds for its own names only."""
    client = ssl.create_default_context(cafile=files.ca)
    async with serving(server_context(KeyPair.read(files.cert, files.key))) as port:
        with pytest.raises(ssl.SSLCertVerificationError, match=r"example\.com"):
            await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname="example.com")


def test_tls_1_1_is_refused(files: CertificateFiles) -> None:
    """The first message of a client that speaks nothing newer than TLS 1.1 is refused for its protocol version."""
    client, server = ssl.create_default_context(cafile=files.ca), server_context(KeyPair.read(files.cert, files.key))
    for context in (client, server):  # the minimum version must refuse it, not the security level
        context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        client.minimum_version = ssl.TLSVersion.TLSv1
        client.maximum_version = ssl.TLSVersion.TLSv1_1
    hello = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        client.wrap_bio(ssl.MemoryBIO(), hello, server_hostname="localhost").do_handshake()
    with pytest.raises(ssl.SSLError, match="UNSUPPORTED_PROTOCOL"):
        server.wrap_bio(hello, ssl.MemoryBIO(), server_side=True).do_handshake()


def test_minimum_version(files: CertificateFiles) -> None:
    """TLS 1.2 is the oldest that is spoken."""
    assert server_context(KeyPair.read(files.cert, files.key)).minimum_version is ssl.TLSVersion.TLSv1_2


def _missing(path: Path) -> None:
    path.unlink()


def _garbled(path: Path) -> None:
    path.write_text("no PEM")


@pytest.mark.parametrize(
    ("which", "harm", "message"),
    [
        ("cert", _missing, "tls.crt: No such file"),
        ("key", _missing, "tls.key: No such file"),
        ("cert", _garbled, "tls.crt: is not a certificate in PEM format"),
        ("key", _garbled, "tls.key: is not a private key in PEM format"),
    ],
)
def test_the_bad_file_is_named(tmp_path: Path, which: str, harm: Callable[[Path], None], message: str) -> None:
    """The message begins with the file to look at."""
    files = ensure_certificate(tmp_path, now=datetime.now(UTC))
    harm(getattr(files, which))
    with pytest.raises(CertificateError, match=message):
        server_context(KeyPair.read(files.cert, files.key))


def test_key_of_another_certificate(files: CertificateFiles, tmp_path: Path) -> None:
    """A key that does not belong to the certificate is named, with the certificate."""
    other = ensure_certificate(tmp_path, now=datetime.now(UTC))
    with pytest.raises(CertificateError, match=r"tls\.key: is not the key of the certificate .*tls\.crt"):
        server_context(KeyPair.read(files.cert, other.key))


def test_encrypted_key(files: CertificateFiles, tmp_path: Path) -> None:
    """An encrypted key is an error, not a prompt for a password at the terminal."""
    key = load_pem_private_key(files.key.read_bytes(), None)
    path = tmp_path / "tls.key"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))
    with pytest.raises(CertificateError, match=r"tls\.key: the key is encrypted"):
        server_context(KeyPair.read(files.cert, path))


def test_what_openssl_refuses(files: CertificateFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """What OpenSSL itself refuses to load is reported with its own words."""

    def refuse(*_: object) -> None:
        raise ssl.SSLError(1, "EE_KEY_TOO_SMALL")

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", refuse)
    with pytest.raises(CertificateError, match=r"tls\.crt: cannot be served: .*EE_KEY_TOO_SMALL"):
        server_context(KeyPair.read(files.cert, files.key))
