"""Connects to a cluster."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from webhook.cluster.api import ClusterClient
from webhook.cluster.options import ConnectionOptions


@asynccontextmanager
async def connect(options: ConnectionOptions) -> AsyncIterator[ClusterClient]:
    """Connect to a cluster, and close the connection at the end. Raises ClusterError if there is none to connect to."""
    client = await ClusterClient.connect(options.kubeconfig, options.context)
    try:
        yield client
    finally:
        await client.close()
