"""The composition root of `observe`: builds an observer, its probes and its metrics from typed options."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from webhook.certificates.objects import own_objects
from webhook.cluster.connection import connect
from webhook.cluster.options import ConnectionOptions
from webhook.configuration.file import ConfigurationFile
from webhook.observer.observer import Observer
from webhook.server.parts import Parts
from webhook.server.readiness import Condition
from webhook.telemetry.gauges import Gauge, configuration_gauges, image_gauges, observer_gauges, registry_gauges


async def build_observer(config: Path | None, connection: ConnectionOptions, stack: AsyncExitStack) -> Parts:
    """Build the parts of an observer.

    Args:
        config: configuration file or directory; None for the default configuration.
        connection: how to reach the cluster.
        stack: closes the connection at the end.

    Raises:
        ConfigurationError: if the configuration cannot be used.
        ClusterError: if there is no cluster to connect to.
    """
    file = ConfigurationFile(config)
    client = await stack.enter_async_context(connect(connection))
    own = own_objects(connection, client)
    identity = os.environ.get("POD_NAME") or f"{platform.node()}-{os.getpid()}"
    lease = os.environ.get("OWN_LEASE") or f"{own.name}-observer"
    path = f"{own.lease_path.rpartition('/')[0]}/{lease}"
    observer = Observer(client, own.namespace, (path, identity), lambda: file.loaded.configuration)
    parts = Parts()

    def conditions() -> Iterable[Condition]:
        yield Condition("configuration", ok=True, detail=f"{file.loaded.generation} {file.problem}")
        yield Condition("pods and facts of images", observer.synced, f"{len(observer.book)} images")
        yield Condition("writing", ok=True, detail=observer.writer.problem)  # another replica could not do it either

    def gauges() -> Iterable[Gauge]:
        yield from configuration_gauges(file.loaded.generation, reloaded=not file.problem)
        yield from image_gauges(observer.book.counts())
        yield from registry_gauges(observer.registries.asked)
        yield from observer_gauges(
            is_leader=observer.leads,
            written=not observer.writer.problem,
            hanging=observer.hanging,
            suspected=observer.reporter.suspected,
            healed=observer.reporter.healed,
        )

    parts.background.append(partial(file.run, lambda _: None))
    parts.add(observer.run, conditions, gauges)
    return parts
