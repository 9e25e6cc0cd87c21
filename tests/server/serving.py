"""An application of ours on loopback, over HTTPS with a certificate made for the test, and how to ask it."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from patches.policy.configuration import DefaulterConfiguration
from tests.review.builders import configured, reviewer
from webhook.certificates.self_signed import CertificateFiles, ensure_certificate
from webhook.certificates.tls import KeyPair, server_context
from webhook.gatherers.gatherer import PreviewGatherer
from webhook.review.reviewer import Reviewer
from webhook.server.app import create_app, create_runner
from webhook.server.previews import create_preview_app
from webhook.server.readiness import Readiness


@dataclass(frozen=True)
class Client:
    """A client of one server: it trusts the server's certificate and no other."""

    session: aiohttp.ClientSession
    address: str
    readiness: Readiness

    async def send(self, path: str, body: bytes, **headers: str) -> tuple[int, str]:
        """Post bytes; the status and text of the answer."""
        async with self.session.post(self.address + path, data=BytesIO(body), headers=headers) as reply:
            return reply.status, await reply.text()

    async def ask(self, path: str, review: Any) -> dict[str, Any]:
        """Post a review; the response in the answer, which must be HTTP 200 and an AdmissionReview in JSON."""
        async with self.session.post(self.address + path, data=BytesIO(json.dumps(review).encode())) as reply:
            assert (reply.status, reply.content_type) == (200, "application/json")
            answer = await reply.json()
        assert (answer["apiVersion"], answer["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
        response: dict[str, Any] = answer["response"]
        return response

    async def get(self, path: str) -> tuple[int, str]:
        """Get a path; the status and text of the answer."""
        async with self.session.get(self.address + path) as reply:
            return reply.status, await reply.text()


def local_preview_app(
    gatherer: PreviewGatherer, configuration: DefaulterConfiguration | None = None
) -> web.Application:
    """The application of previews without a cluster, by default under the default configuration."""
    chosen = configuration or configured()
    return create_preview_app(gatherer, lambda: chosen, None)


def certificate(directory: Path) -> CertificateFiles:
    """A certificate of today."""
    return ensure_certificate(directory, now=datetime.now(UTC))


@asynccontextmanager
async def serving(files: CertificateFiles, chosen: Reviewer | None = None) -> AsyncIterator[Client]:
    """Serve with this reviewer, or one for unlabelled namespaces, until the block ends."""
    readiness = Readiness()
    runner = create_runner(create_app(chosen or reviewer(), readiness), 5)
    await runner.setup()
    try:
        await web.TCPSite(
            runner, "127.0.0.1", 0, ssl_context=server_context(KeyPair.read(files.cert, files.key))
        ).start()
        readiness.serving = True
        connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=files.ca))
        timeout = aiohttp.ClientTimeout(total=60)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            yield Client(session, f"https://127.0.0.1:{runner.addresses[0][1]}", readiness)
    finally:
        await runner.cleanup()
