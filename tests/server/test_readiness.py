"""Readiness, the health application and draining."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import time
from collections.abc import Sequence

import aiohttp

from tests.review.builders import pod, review, reviewer
from webhook.certificates.self_signed import CertificateFiles
from webhook.certificates.tls import KeyPair, server_context
from webhook.server.app import Site, create_app, create_health_app, serve
from webhook.server.readiness import Condition, Readiness
from webhook.telemetry.metrics import Metrics


def test_ready_needs_every_condition() -> None:
    """Serving, and all that was given; the verbose page has a line for each."""
    ok = False
    readiness = Readiness([lambda: [Condition("cache", ok, "3 objects"), Condition("configuration", ok=True)]])
    readiness.serving = True
    assert not readiness.ready
    assert readiness.report() == "[+]serving\n[-]cache 3 objects\n[+]configuration\nnot ready\n"
    ok = True
    assert readiness.ready
    readiness.serving = False
    assert not readiness.ready
    assert readiness.report() == "[-]serving\n[+]cache 3 objects\n[+]configuration\nnot ready\n"


async def test_health_is_on_a_port_of_its_own(files: CertificateFiles) -> None:
    """Plain HTTP; after SIGTERM it says 503 for as long as is drained, while reviews are answered; then both end."""
    readiness, metrics = Readiness(), Metrics()
    sites = [
        Site(
            create_app(reviewer(), readiness, metrics),
            "127.0.0.1",
            0,
            server_context(KeyPair.read(files.cert, files.key)),
        ),
        Site(create_health_app(readiness, metrics), "127.0.0.1", 0),
    ]
    statuses: dict[str, int] = {}
    page = ""
    asked: list[asyncio.Task[None]] = []
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=files.ca), force_close=True)

    async def started(ports: Sequence[int]) -> None:
        asked.append(asyncio.create_task(_ask(ports)))

    async def _ask(ports: Sequence[int]) -> None:
        nonlocal page
        admission, health = f"https://127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}"
        statuses["before"] = await _status(health + "/readyz")
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.1)
        statuses["draining"] = await _status(health + "/readyz")
        statuses["alive"] = await _status(health + "/healthz")
        async with session.post(admission + "/mutate", json=review(pod())) as reply:
            statuses["review"] = reply.status
        async with session.get(health + "/metrics") as reply:
            page = await reply.text()

    async def _status(url: str) -> int:
        async with session.get(url) as reply:
            return reply.status

    async with asyncio.timeout(60), aiohttp.ClientSession(connector=connector) as session:
        start = time.monotonic()
        await serve(sites, readiness, started, drain_seconds=3)
        assert time.monotonic() - start >= 3
        await asked[0]
    assert statuses == {"before": 200, "draining": 503, "alive": 200, "review": 200}
    assert 'psd_requests_total{decision="patched",endpoint="mutate",kind="Pod",operation="CREATE"} 1.0' in page
