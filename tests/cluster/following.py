"""A live source of the test's own, in its event loop, beside a real API server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from patches.policy.configuration import DefaulterConfiguration
from tests.cluster.control_plane import ControlPlane
from tests.sources.live_faults import beside, until
from webhook.cluster.api import ClusterClient
from webhook.sources.live import LiveSource

PROMISE = 1.0
"""Seconds within which the next admission sees a change."""


@asynccontextmanager
async def connected(plane: ControlPlane, kind: type[ClusterClient] = ClusterClient) -> AsyncIterator[ClusterClient]:
    """A connection, closed at the end."""
    cluster = await kind.connect(plane.kubeconfig("live"))
    try:
        yield cluster
    finally:
        await cluster.close()


@asynccontextmanager
async def following(plane: ControlPlane, **configuration: Any) -> AsyncIterator[LiveSource]:
    """A source that follows the API server and is synced."""
    async with connected(plane) as cluster:
        source = LiveSource(cluster, msgspec.convert(configuration, DefaulterConfiguration))
        async with beside(source.run()):
            await until(lambda: source.synced)
            yield source


async def seen(holds: Callable[[], Any]) -> None:
    """What has just been changed is seen as soon as is promised."""
    await until(holds, PROMISE)


async def admin(plane: ControlPlane, method: str, path: str, body: Any = None) -> Any:
    """What the administrator does, while the source goes on following."""
    kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
    return await asyncio.to_thread(plane.admin.must, method, path, body, kind)
