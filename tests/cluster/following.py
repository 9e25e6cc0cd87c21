"""A live gatherer of the test's own, in its event loop, beside a real API server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.cluster.control_plane import ADMINISTRATORS, ControlPlane
from tests.gatherers.live_cluster import Live, configured, live
from tests.gatherers.live_faults import beside, until
from webhook.cluster.api import ClusterClient

PROMISE = 1.0
"""Seconds within which the next admission sees a change."""


@asynccontextmanager
async def connected(
    plane: ControlPlane, kind: type[ClusterClient] = ClusterClient, *, server: str = "", group: str = ADMINISTRATORS
) -> AsyncIterator[ClusterClient]:
    """A connection of a user of a group, closed at the end. `server`: by which to reach the API server."""
    cluster = await kind.connect(plane.kubeconfig("live", group, server))
    try:
        yield cluster
    finally:
        await cluster.close()


@asynccontextmanager
async def following(plane: ControlPlane, **configuration: Any) -> AsyncIterator[Live]:
    """A gatherer that follows the API server and is synced, and its namespaces."""
    async with connected(plane) as client:
        found = live(client, configured(**configuration))
        async with beside(found.gatherer.run()):
            await until(lambda: found.gatherer.synced)
            yield found


async def seen(holds: Callable[[], Any]) -> None:
    """What has just been changed is seen as soon as is promised."""
    await until(holds, PROMISE)


async def admin(plane: ControlPlane, method: str, path: str, body: Any = None) -> Any:
    """What the administrator does, while the gatherer goes on following."""
    kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
    return await asyncio.to_thread(plane.admin.must, method, path, body, kind)
