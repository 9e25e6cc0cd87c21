"""Questions to the API server about what the caches lack: one GET for all who ask the same, and few at a time."""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import replace
from typing import Final

from patches.policy.snapshot import Facts
from webhook.cluster.api import ClusterClient
from webhook.errors import ClusterError, InvalidObject, NamespaceUnknown
from webhook.sources import objects

NAMESPACES: Final = "/api/v1/namespaces"
RUNTIME_CLASSES: Final = "/apis/node.k8s.io/v1/runtimeclasses"
PATIENCE: Final = 0.75
"""Seconds that a review may wait for what is not in the caches, in all: less than the shortest time in which an install
of ours has to answer, which is a second."""
_MOST: Final = 32
_NAME: Final = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([-a-z0-9.]*[a-z0-9])?\Z")


_LOG: Final = logging.getLogger("webhook.sources")


class Questions:
    """Asks for single objects. An answer serves once: only a watch knows how long it holds.

    A `deadline` is a time of the loop.
    """

    def __init__(self, cluster: ClusterClient) -> None:
        self._cluster = cluster
        self._under_way: dict[str, asyncio.Task[bytes | ClusterError]] = {}
        self._places = asyncio.Semaphore(_MOST)

    async def marks(self, namespace: str, deadline: float) -> objects.Marks:
        """What a namespace says to us. Raises NamespaceUnknown."""
        try:
            answer = await self._ask(NAMESPACES, namespace, deadline)
            if answer is not None:
                return objects.marks(answer)
        except (ClusterError, InvalidObject) as error:
            _LOG.warning("namespace %.80r could not be looked up: %s", namespace, error)
            raise NamespaceUnknown(f'namespace "{namespace}" could not be looked up: try again') from error
        raise NamespaceUnknown(f'namespace "{namespace}" does not exist', absent=True)

    async def with_account(self, facts: Facts, namespace: str, account: str, deadline: float) -> Facts:
        """The facts with what this ServiceAccount says; one that does not exist says nothing."""
        try:
            answer = await self._ask(f"{NAMESPACES}/{namespace}/serviceaccounts", account, deadline)
            said = None if answer is None else objects.automount(answer)
        except (ClusterError, InvalidObject) as error:
            _LOG.warning("service account %.80r of %.80r could not be looked up: %s", account, namespace, error)
            return replace(facts, automount=None)
        return facts if said is None else replace(facts, automount={**(facts.automount or {}), account: said})

    async def with_runtime_class(self, facts: Facts, name: str, deadline: float) -> Facts:
        """The facts with this RuntimeClass."""
        try:
            answer = await self._ask(RUNTIME_CLASSES, name, deadline)
            if answer is None:
                return facts
            return replace(facts, runtime_classes={**facts.runtime_classes, name: objects.runtime_class(answer)})
        except (ClusterError, InvalidObject) as error:
            _LOG.warning("runtime class %.80r could not be looked up: %s", name, error)
            return replace(facts, runtime_classes_complete=False)

    async def _ask(self, collection: str, name: str, deadline: float) -> bytes | None:
        """The object, or None where there is none. Raises ClusterError, also at the deadline."""
        if not _NAME.match(name):  # no such object can exist, and it must not become another path
            return None
        path = f"{collection}/{name}"
        task = self._under_way.get(path)
        if task is None:
            task = self._under_way[path] = asyncio.create_task(self._get(path))
            task.add_done_callback(lambda _: self._under_way.pop(path))
        try:
            async with asyncio.timeout_at(deadline):
                answer = await asyncio.shield(task)
        except TimeoutError:
            raise ClusterError(0, f"GET {path}: no answer within {PATIENCE:g} s") from None
        if isinstance(answer, bytes):
            return answer
        if answer.not_found:
            return None
        raise ClusterError(answer.status, str(answer))

    async def _get(self, path: str) -> bytes | ClusterError:
        """An error is an answer too: whoever asked may have gone, and then nobody would look at it."""
        try:
            async with asyncio.timeout(PATIENCE), self._places:
                return await self._cluster.get(path, seconds=PATIENCE)
        except TimeoutError:
            return ClusterError(0, f"GET {path}: no answer within {PATIENCE:g} s")
        except ClusterError as error:
            return error
