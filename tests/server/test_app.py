"""Serving: started, stopped and what TLS it speaks."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import warnings
from collections.abc import Sequence

import aiohttp
import pytest

from tests.review.builders import UID, pod, review, reviewer
from tests.server.serving import serving
from tests.shared_data import ROOT
from webhook.certificates.self_signed import CertificateFiles
from webhook.certificates.tls import KeyPair, server_context
from webhook.server.app import GRACE_SECONDS, OnStart, Site, create_app, serve
from webhook.server.handlers import patience
from webhook.server.readiness import Readiness

SERVE_SLOWLY = """
import asyncio, pathlib, sys
from tests.review.builders import reviewer_of
from tests.review.gatherers import SlowGatherer
from tests.server.serving import certificate
from webhook.certificates.tls import KeyPair, server_context
from webhook.server.app import Site, create_app, serve
from webhook.server.readiness import Readiness

async def main():
    files = certificate(pathlib.Path(sys.argv[1]))
    gatherer = SlowGatherer(float(sys.argv[2]))

    async def started(ports):
        print(*ports, flush=True)
        await gatherer.asked.wait()
        print("asked", flush=True)

    context = server_context(KeyPair.read(files.cert, files.key))
    readiness = Readiness()
    app = create_app(reviewer_of(gatherer), readiness)
    await serve([Site(app, "127.0.0.1", 0, context)], readiness, started)

asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
async def test_a_request_under_way_is_answered(files: CertificateFiles, number: signal.Signals) -> None:
    """Told to stop, the server takes no new connection, answers what it has begun, and exits with 0."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        SERVE_SLOWLY,
        str(files.cert.parent),
        "2",
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(30):
            port = int(await process.stdout.readline())
            connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=files.ca))
            async with aiohttp.ClientSession(connector=connector) as session:
                url = f"https://127.0.0.1:{port}/mutate?timeout=10s"
                under_way = asyncio.create_task(_answer(session, url))
                assert await process.stdout.readline() == b"asked\n"
                process.send_signal(number)
                await _until_refused(port)
                assert not under_way.done()
                status, uid = await under_way
            _, errors = await process.communicate()
        assert (status, uid) == (200, UID)
        assert (process.returncode, errors) == (0, b"")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _answer(session: aiohttp.ClientSession, url: str) -> tuple[int, str]:
    async with session.post(url, data=json.dumps(review(pod())).encode()) as reply:
        answer = await reply.json()
        return reply.status, answer["response"]["uid"]


async def _until_refused(port: int) -> None:
    """Wait until the port takes no connection any more; the caller's timeout bounds it."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return
        writer.close()
        await asyncio.sleep(0.02)


async def _serve(files: CertificateFiles, port: int, started: OnStart) -> None:
    readiness = Readiness()
    context = server_context(KeyPair.read(files.cert, files.key))
    await serve([Site(create_app(reviewer(), readiness), "127.0.0.1", port, context)], readiness, started)


async def test_serve_stops_at_once_when_idle(files: CertificateFiles) -> None:
    """With nothing under way a stop is quick, also while a client keeps a connection open."""
    stopped = 0.0
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=files.ca))
    async with aiohttp.ClientSession(connector=connector) as session:

        async def started(ports: Sequence[int]) -> None:
            nonlocal stopped
            (port,) = ports
            async with session.get(f"https://127.0.0.1:{port}/readyz") as reply:
                assert (reply.status, await reply.text()) == (200, "ok\n")
            stopped = time.monotonic()
            os.kill(os.getpid(), signal.SIGTERM)

        async with asyncio.timeout(30):
            await _serve(files, 0, started)
    assert 0 < time.monotonic() - stopped < 20


async def test_a_port_that_is_taken(files: CertificateFiles) -> None:
    """It is an OSError that names the reason, and nothing is left behind."""

    async def started(_ports: Sequence[int]) -> None:
        raise AssertionError("started on a port that is taken")

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="address already in use"):
            await _serve(files, port, started)


async def test_a_start_that_fails_leaves_no_server(files: CertificateFiles) -> None:
    """Where what follows the start fails, the server is stopped before the error goes on."""
    ports: list[int] = []

    async def started(told: Sequence[int]) -> None:
        ports.extend(told)
        raise LookupError("the demo failed")

    with pytest.raises(LookupError, match="the demo failed"):
        await _serve(files, 0, started)
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncio.open_connection("127.0.0.1", ports[0])


def test_grace_is_longer_than_patience() -> None:
    """A request that waits as long as any may is still answered after the signal."""
    assert max(map(patience, ("", "30s", "1h0m0s"))) < GRACE_SECONDS


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_tls(files: CertificateFiles, version: ssl.TLSVersion) -> None:
    """TLS 1.2 and 1.3 are spoken, with the certificate that was given."""
    client = ssl.create_default_context(cafile=files.ca)
    client.minimum_version = client.maximum_version = version
    async with serving(files) as server:
        port = int(server.address.rpartition(":")[2])
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client)
        assert writer.get_extra_info("ssl_object").version() == version.name.replace("v1_", "v1.")
        writer.close()
        await writer.wait_closed()


async def test_tls_1_1_is_refused(files: CertificateFiles) -> None:
    """The protocol that everyone has retired gets an alert and no answer; the server goes on serving."""
    client = ssl.create_default_context(cafile=files.ca)
    client.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        client.minimum_version = client.maximum_version = ssl.TLSVersion.TLSv1_1
    async with serving(files) as server:
        port = int(server.address.rpartition(":")[2])
        with pytest.raises((ssl.SSLError, ConnectionResetError)):  # the alert, or what a reset left of it
            await asyncio.open_connection("127.0.0.1", port, ssl=client)
        assert (await server.get("/healthz"))[0] == 200


async def test_plain_http_and_noise_are_refused(files: CertificateFiles) -> None:
    """Bytes that are no TLS end their own connection and nothing else."""
    async with serving(files) as server:
        port = int(server.address.rpartition(":")[2])
        for noise in (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", os.urandom(4096), b""):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(noise)
            if writer.can_write_eof():
                writer.write_eof()
            with contextlib.suppress(ConnectionError):
                async with asyncio.timeout(10):
                    assert b"HTTP/1.1 200" not in await reader.read()
            writer.close()
        assert (await server.get("/healthz"))[0] == 200


async def test_a_client_that_leaves(files: CertificateFiles) -> None:
    """Half a request, and then nothing: the server goes on serving."""
    async with serving(files) as server:
        port = int(server.address.rpartition(":")[2])
        context = ssl.create_default_context(cafile=files.ca)
        for _ in range(20):
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
            writer.write(b"POST /mutate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{")
            await writer.drain()
            writer.transport.abort()
        assert (await server.ask("/mutate", review(pod())))["allowed"]


def test_importing_the_server_imports_no_door_beside_it() -> None:
    """Serving stands on the review alone: no command line, no preview."""
    code = "import sys, webhook.server.app; print(sorted(m for m in sys.modules if m.startswith('webhook.')))"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert "webhook.server.app" in result.stdout
    assert "webhook.cli" not in result.stdout
    assert "webhook.preview" not in result.stdout


@pytest.mark.parametrize(
    "module", ["webhook.server.build", "webhook.cli.preview", "webhook.cli.serve", "webhook.cluster.api"]
)
def test_without_a_kubeconfig_the_library_that_reads_it_is_not_imported(module: str) -> None:
    """A server in a pod reads none. It is larger than all the rest, and takes longer to import."""
    code = f"import sys, {module}; print('kubernetes_asyncio' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert result.stdout == "False\n"
