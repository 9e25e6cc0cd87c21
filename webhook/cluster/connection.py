"""Connects to a cluster, and knows where our own objects are in it."""

from __future__ import annotations

import os
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


def own_namespace(options: ConnectionOptions, client: ClusterClient) -> str:
    """The namespace of our own objects."""
    return options.own_namespace or os.environ.get("POD_NAMESPACE") or client.namespace
