"""Looks up single objects that the caches lack. Callers that need the same object share one GET; few run at once."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from typing import Final, TypeVar

from patches import UNKNOWN, RuntimeClass, ServiceAccount, UnknownType
from webhook.cluster.api import ClusterClient
from webhook.errors import ClusterError, InvalidObject, NamespaceUnknown
from webhook.gatherers import objects
from webhook.gatherers.gatherer import LOOKUP_SECONDS

NAMESPACES: Final = "/api/v1/namespaces"
RUNTIME_CLASSES: Final = "/apis/node.k8s.io/v1/runtimeclasses"
_CONCURRENT: Final = 32
_NAME: Final = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([-a-z0-9.]*[a-z0-9])?\Z")

_LOG: Final = logging.getLogger("webhook.gatherers")

T = TypeVar("T")


class Lookups:
    """Looks up objects of one cluster. It caches nothing: without a watch, nobody knows when an object changes.

    A `deadline` is a time of the event loop.
    """

    def __init__(self, client: ClusterClient) -> None:
        """Ask this cluster."""
        self._client = client
        self._pending: dict[str, asyncio.Task[bytes | ClusterError]] = {}
        self._slots = asyncio.Semaphore(_CONCURRENT)

    async def marks(self, namespace: str, deadline: float) -> objects.Marks:
        """Look up the labels and annotations of a namespace.

        Raises:
            NamespaceUnknown: if the namespace does not exist or cannot be looked up.
        """
        try:
            body = await self._get(NAMESPACES, namespace, deadline)
            if body is not None:
                return objects.marks(body)
        except (ClusterError, InvalidObject) as error:
            _LOG.warning("cannot look up namespace %.80r: %s", namespace, error)
            raise NamespaceUnknown(f'namespace "{namespace}" could not be looked up: try again') from error
        raise NamespaceUnknown(f'namespace "{namespace}" does not exist', absent=True)

    async def service_account(self, namespace: str, name: str, deadline: float) -> ServiceAccount | UnknownType | None:
        """Look up a ServiceAccount: None if it does not exist, UNKNOWN if the lookup fails."""
        return await self._find(f"{NAMESPACES}/{namespace}/serviceaccounts", name, deadline, objects.service_account)

    async def runtime_class(self, name: str, deadline: float) -> RuntimeClass | UnknownType | None:
        """Look up a RuntimeClass: None if it does not exist, UNKNOWN if the lookup fails."""
        return await self._find(RUNTIME_CLASSES, name, deadline, objects.runtime_class)

    async def _find(
        self, collection: str, name: str, deadline: float, read: Callable[[bytes], T]
    ) -> T | UnknownType | None:
        try:
            body = await self._get(collection, name, deadline)
            return None if body is None else read(body)
        except (ClusterError, InvalidObject) as error:
            _LOG.warning("cannot look up %.80r in %.330s: %s", name, collection, error)
            return UNKNOWN

    async def _get(self, collection: str, name: str, deadline: float) -> bytes | None:
        """Get an object; None if it does not exist. Raises ClusterError if the lookup fails or misses the deadline."""
        if not _NAME.match(name):  # no object can have this name, and it must not lead to another path
            return None
        path = f"{collection}/{name}"
        task = self._pending.get(path)
        if task is None:
            task = self._pending[path] = asyncio.create_task(self._request(path))
            task.add_done_callback(lambda _: self._pending.pop(path))
        try:
            async with asyncio.timeout_at(deadline):
                answer = await asyncio.shield(task)
        except TimeoutError:
            raise ClusterError(0, f"GET {path}: no answer within {LOOKUP_SECONDS:g} s") from None
        if isinstance(answer, bytes):
            return answer
        if answer.not_found:
            return None
        raise ClusterError(answer.status, str(answer))

    async def _request(self, path: str) -> bytes | ClusterError:
        """GET an object. Return an error instead of raising it, because its callers may have gone."""
        try:
            async with asyncio.timeout(LOOKUP_SECONDS), self._slots:
                return await self._client.get(path, seconds=LOOKUP_SECONDS)
        except TimeoutError:
            return ClusterError(0, f"GET {path}: no answer within {LOOKUP_SECONDS:g} s")
        except ClusterError as error:
            return error
