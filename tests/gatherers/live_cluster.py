"""A played cluster with nothing in it, and a live gatherer of it: what the tests of live gatherers share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import msgspec
import pytest

from patches.policy.configuration import DefaulterConfiguration
from patches.policy.namespace import CompiledNamespace
from tests.gatherers.live_faults import Played, Silence, beside, page, playing, until
from webhook.cluster.api import ClusterClient
from webhook.errors import NamespaceUnknown
from webhook.gatherers.live import LiveGatherer
from webhook.review.namespace_cache import NamespaceCache

NAMESPACES, ACCOUNTS = "/api/v1/namespaces", "/api/v1/serviceaccounts"
LIMITS, QUOTAS = "/api/v1/limitranges", "/api/v1/resourcequotas"
CLASSES = "/apis/node.k8s.io/v1/runtimeclasses"
DEFAULT_ACCOUNT = "/api/v1/namespaces/shop/serviceaccounts/default"
ENFORCE = {"pod-security.kubernetes.io/enforce": "restricted"}


class Live(NamedTuple):
    """A gatherer of a cluster, and its namespaces under a configuration."""

    gatherer: LiveGatherer
    namespaces: NamespaceCache

    async def find(self, namespace: str, account: str = "") -> CompiledNamespace:
        """The namespace, as a review finds it."""
        return await self.namespaces.find(namespace, account)

    def find_at_once(self, namespace: str, account: str = "") -> CompiledNamespace:
        """The namespace, where it is known without waiting."""
        finding = self.find(namespace, account).__await__()
        try:
            finding.send(None)
        except StopIteration as stop:
            found = stop.value
            assert isinstance(found, CompiledNamespace)
            return found
        finding.close()
        raise AssertionError(f"{namespace} is not cached")

    async def refused(self, namespace: str) -> str:
        """The message where a namespace cannot be learnt."""
        with pytest.raises(NamespaceUnknown) as caught:
            await self.find(namespace)
        return str(caught.value)


def live(client: ClusterClient, configuration: DefaulterConfiguration | None = None) -> Live:
    """A gatherer that knows nothing yet."""
    gatherer = LiveGatherer(client)
    return Live(gatherer, NamespaceCache(gatherer, configuration or DefaulterConfiguration()))


def named(name: str, namespace: str | None = None, **fields: Any) -> dict[str, Any]:
    """An object."""
    place = {} if namespace is None else {"namespace": namespace}
    return {"metadata": {"name": name, "resourceVersion": "1", **place, **fields.pop("metadata", {})}, **fields}


def configured(**fields: Any) -> DefaulterConfiguration:
    """A configuration with these fields."""
    return msgspec.convert(fields, DefaulterConfiguration)


@asynccontextmanager
async def server() -> AsyncIterator[tuple[Played, ClusterClient]]:
    """A cluster with nothing in it."""
    async with playing() as (played, client):
        played.lists = {path: [page()] for path in (NAMESPACES, LIMITS, QUOTAS, ACCOUNTS, CLASSES)}
        played.objects["/version"] = [{"major": "1", "minor": "36"}]
        yield played, client


@asynccontextmanager
async def followed(
    played: Played, client: ClusterClient, configuration: DefaulterConfiguration | None = None, *, unlisted: str = ""
) -> AsyncIterator[Live]:
    """A gatherer that has listed everything, but for the kind `unlisted`."""
    if unlisted:
        played.lists[unlisted] = [Silence()]
    found = live(client, configuration)
    async with beside(found.gatherer.run()):
        await until(
            lambda: all(
                row.synced for row in found.gatherer.status() if not unlisted.endswith(row.kind) or not unlisted
            )
        )
        await until(lambda: found.gatherer.known_minor)
        yield found
