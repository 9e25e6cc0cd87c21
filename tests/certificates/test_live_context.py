"""A listener whose certificate and client CA change while it serves, from files and without."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from tests.cluster.pki import Authority, KeyPair
from webhook.certificates import tls
from webhook.certificates.files import FileCertificate
from webhook.certificates.live_context import LiveContext
from webhook.certificates.self_signed import CertificateFiles, ensure_certificate
from webhook.certificates.tls import ClientCA, server_context
from webhook.errors import CertificateError

EVERY: Final = 0.02
PATIENCE: Final = 30.0


def made(directory: Path) -> CertificateFiles:
    """A certificate of today."""
    return ensure_certificate(directory, now=datetime.now(UTC))


def served(files: CertificateFiles) -> tls.KeyPair:
    """What is in the files."""
    return tls.KeyPair.read(files.cert, files.key)


@asynccontextmanager
async def listening(context: ssl.SSLContext) -> AsyncIterator[int]:
    """Echo over TLS, line by line, on a free port of the loopback interface."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


class Connection:
    """A client's connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int, ca: Path, own: KeyPair | None = None) -> Connection:
        """Connect as a client that trusts `ca`, with a certificate of its own or none."""
        client = ssl.create_default_context(cafile=ca)
        if own is not None:
            client.load_cert_chain(own.cert, own.key)
        connection = cls(*await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname="localhost"))
        try:
            await connection.ask()  # with TLS 1.3 a refused certificate shows only now
        except OSError:
            await connection.close()
            raise
        return connection

    async def ask(self) -> None:
        """Send a line, and get it back."""
        self._writer.write(b"hello\n")
        line = await self._reader.readline()
        if line != b"hello\n":
            raise ConnectionResetError(line)

    async def close(self) -> None:
        """Close it."""
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()


async def reaches(port: int, ca: Path, own: KeyPair | None = None) -> bool:
    """Whether such a client gets an answer."""
    try:
        connection = await Connection.open(port, ca, own)
    except (ssl.SSLError, ConnectionError):
        return False
    await connection.close()
    return True


async def test_before_the_first_certificate(tmp_path: Path) -> None:
    """Handshakes fail, and succeed as soon as there is a certificate."""
    files, live = made(tmp_path), LiveContext()
    assert live.expiry is None
    async with listening(live.context) as port:
        assert not await reaches(port, files.ca)
        live.serve(served(files))
        assert await reaches(port, files.ca)
    assert live.expiry == served(files).certificate().not_valid_after_utc


async def test_a_connection_outlives_the_change(tmp_path: Path) -> None:
    """New connections get the new certificate; one that stands goes on."""
    old, new, live = made(tmp_path / "old"), made(tmp_path / "new"), LiveContext()
    live.serve(served(old))
    async with listening(live.context) as port:
        standing = await Connection.open(port, old.ca)
        live.serve(served(new))
        await standing.ask()
        assert await reaches(port, new.ca)
        assert not await reaches(port, old.ca)
        await standing.ask()
        await standing.close()


async def test_a_bad_pair_changes_nothing(tmp_path: Path) -> None:
    """What cannot be served is refused, and what was served before still is."""
    old, new, live = made(tmp_path / "old"), made(tmp_path / "new"), LiveContext()
    live.serve(served(old))
    with pytest.raises(CertificateError, match="is not the key"):
        live.serve(served(old)._replace(key=served(new).key))
    async with listening(live.context) as port:
        assert await reaches(port, old.ca)


@pytest.mark.parametrize("live", [False, True], ids=["fixed", "live"])
async def test_only_who_has_a_certificate(tmp_path: Path, live: bool) -> None:  # noqa: FBT001 (a parameter of a test)
    """With a CA of clients, no certificate is refused like one of another CA."""
    server, ours, other = made(tmp_path / "server"), authority(tmp_path / "ours"), authority(tmp_path / "other")
    holder = LiveContext(ClientCA.read(ours.cert))
    holder.serve(served(server))
    context = holder.context if live else server_context(served(server), ClientCA.read(ours.cert))
    async with listening(context) as port:
        assert not await reaches(port, server.ca)
        assert not await reaches(port, server.ca, other.issue("caller"))
        assert await reaches(port, server.ca, ours.issue("caller"))


def authority(directory: Path) -> Authority:
    """An authority of clients."""
    directory.mkdir()
    return Authority(directory)


def test_a_bad_ca_of_clients(tmp_path: Path) -> None:
    """It is refused at once, also where there is no certificate yet."""
    path = tmp_path / "client-ca.crt"
    path.write_text("garbage")
    with pytest.raises(CertificateError, match=r"client-ca\.crt: is not a certificate"):
        LiveContext(ClientCA.read(path))
    files = made(tmp_path / "server")
    with pytest.raises(CertificateError, match=r"client-ca\.crt: is not a certificate"):
        server_context(served(files), ClientCA.read(path))


@pytest.mark.parametrize("memory", [True, False])
def test_the_key_reaches_no_disk_that_lasts(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    memory: bool,  # noqa: FBT001 (a parameter of a test)
) -> None:
    """It is in memory, or in a file for us alone that is gone once it is loaded."""
    seen: list[Path] = []
    real = ssl.SSLContext.load_cert_chain

    def load(context: ssl.SSLContext, path: str) -> None:
        seen.append(Path(path))
        assert memory or Path(path).stat().st_mode & 0o777 == 0o600
        real(context, path)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", load)
    if not memory:
        monkeypatch.delattr(os, "memfd_create", raising=False)
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    elif not hasattr(os, "memfd_create"):
        pytest.skip("this system has no files in memory")
    server_context(served(made(tmp_path / "made")))
    (path,) = seen
    assert path.is_relative_to("/proc/self/fd") is memory
    assert not path.exists()
    assert [child.name for child in tmp_path.iterdir()] == ["made"]


@asynccontextmanager
async def followed(watched: FileCertificate) -> AsyncIterator[int]:
    """Listen with what the files say, and follow them."""
    task = asyncio.create_task(watched.run(every_seconds=EVERY))
    try:
        async with listening(watched.context) as port:
            yield port
    finally:
        task.cancel()
        await asyncio.wait({task}, timeout=PATIENCE)
    assert task.cancelled()


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it holds."""
    end = time.monotonic() + PATIENCE
    while not await holds():
        assert time.monotonic() < end, "it never came true"
        await asyncio.sleep(EVERY)


async def until_reached(port: int, ca: Path, own: KeyPair | None = None) -> None:
    """Wait until such a client gets an answer."""
    await until(lambda: reaches(port, ca, own))


async def until_told(caplog: pytest.LogCaptureFixture, text: str) -> None:
    """Wait until the log has it."""

    async def told() -> bool:
        return text in caplog.text

    await until(told)


async def test_files_of_a_mounted_secret(tmp_path: Path) -> None:
    """A Secret's volume is replaced by renaming a link to a directory; what is behind it is served then."""
    old, new = made(tmp_path / "..1"), made(tmp_path / "..2")
    (tmp_path / "..data").symlink_to("..1")
    for name in ("tls.crt", "tls.key"):
        (tmp_path / name).symlink_to(Path("..data", name))
    watched = FileCertificate(tmp_path / "tls.crt", tmp_path / "tls.key")
    async with followed(watched) as port:
        assert await reaches(port, old.ca)
        (tmp_path / "..data_tmp").symlink_to("..2")
        (tmp_path / "..data_tmp").rename(tmp_path / "..data")
        await until_reached(port, new.ca)
        assert not await reaches(port, old.ca)
    assert watched.expiry == served(new).certificate().not_valid_after_utc


async def test_bad_files_are_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A pair that does not fit, as between two writes: it is told once, and the old one is served; then the new one."""
    files, new = made(tmp_path / "served"), made(tmp_path / "new")
    async with followed(FileCertificate(files.cert, files.key)) as port:
        files.cert.write_bytes(new.cert.read_bytes())
        await until_told(caplog, "is not the key")
        await asyncio.sleep(10 * EVERY)
        assert await reaches(port, files.ca)
        files.key.write_bytes(new.key.read_bytes())
        await until_reached(port, new.ca)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


async def test_files_that_are_deleted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What was loaded is served on."""
    files = made(tmp_path)
    async with followed(FileCertificate(files.cert, files.key)) as port:
        files.key.unlink()
        await until_told(caplog, "No such file")
        assert await reaches(port, files.ca)


async def test_the_ca_of_clients_is_replaced(tmp_path: Path) -> None:
    """The new CA's clients are let in, and the old one's no longer."""
    files, old, new = made(tmp_path / "server"), authority(tmp_path / "old"), authority(tmp_path / "new")
    path = tmp_path / "client-ca.crt"
    path.write_bytes(old.cert.read_bytes())
    async with followed(FileCertificate(files.cert, files.key, path)) as port:
        assert await reaches(port, files.ca, old.issue("caller"))
        path.write_bytes(new.cert.read_bytes())
        await until_reached(port, files.ca, new.issue("caller"))
        assert not await reaches(port, files.ca, old.issue("caller"))


def test_files_that_are_bad_at_the_start(tmp_path: Path) -> None:
    """There is nothing to go on with, so the start fails."""
    with pytest.raises(CertificateError, match=r"tls\.crt: No such file"):
        FileCertificate(tmp_path / "tls.crt", tmp_path / "tls.key")
