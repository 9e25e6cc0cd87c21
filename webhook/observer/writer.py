"""Keeps the ConfigMaps equal to the book of images."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final, NoReturn

import msgspec

from webhook.cluster.api import MERGE_PATCH, ClusterClient
from webhook.errors import ClusterError
from webhook.images.config_map import NO_CONFIG_MAP, ConfigMapState, read_config_map
from webhook.images.shards import KEY, NAMES, write_shards
from webhook.observer.book import ImageBook

_LOG: Final = logging.getLogger("webhook.observer")


class BookWriter:
    """Writes the book, at most every two seconds, and again where someone deletes or spoils a ConfigMap.

    Attributes:
        writes: how often a ConfigMap was written.
        problem: why the last attempt failed; "" if it did not.
    """

    def __init__(
        self,
        client: ClusterClient,
        namespace: str,
        book: ImageBook,
        leads: Callable[[], bool],
        *,
        every_seconds: float = 2.0,
    ) -> None:
        """Prepare to write.

        Args:
            client: the API server.
            namespace: where the ConfigMaps are.
            book: what to write.
            leads: returns whether this process may write.
            every_seconds: time between two writes.
        """
        self._client = client
        self._path = f"/api/v1/namespaces/{namespace}/configmaps"
        self._book = book
        self._leads = leads
        self._every_seconds = every_seconds
        self._states: dict[str, ConfigMapState] = dict.fromkeys(NAMES, NO_CONFIG_MAP)
        self._wake = asyncio.Event()
        self._waiting: list[asyncio.Future[None]] = []
        self.writes = 0
        self.problem = ""

    def put(self, name: str, state: ConfigMapState) -> None:
        """Take over the state of a ConfigMap that has changed, and write it again if it lacks something."""
        before = self._states[name]
        self._states[name] = state
        if state.version and state.version == before.version:
            return  # our own write
        if state.entries is not None:
            self._book.adopt(state.entries, before.entries or {})
        self._wake.set()

    def wake(self) -> None:
        """Write soon: the book has changed."""
        self._wake.set()

    async def written(self) -> None:
        """Wait until everything that is in the book now has been written."""
        written = asyncio.get_running_loop().create_future()
        self._waiting.append(written)
        self._wake.set()
        await written

    async def run(self) -> NoReturn:
        """Write what changes until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._leads() and not await self._write():
                self._wake.set()
            await asyncio.sleep(self._every_seconds)

    async def _write(self) -> bool:
        """Write what differs. Returns whether everything is written."""
        waiting, self._waiting = self._waiting, []  # who comes from now on may have changed the book
        shards = write_shards(self._book.entries) if len(self._book) else dict.fromkeys(NAMES, "")
        try:
            for name, text in shards.items():
                state = self._states[name]
                if state.text != text:
                    answer = await self._send(name, state, text)
                    self._states[name] = read_config_map(answer)
                    self.writes += 1
        except (ClusterError, TimeoutError, msgspec.MsgspecError) as error:
            self._report(str(error) or "the API server does not answer")
            self._waiting += waiting
            return False
        self.problem = ""
        for written in waiting:
            if not written.done():
                written.set_result(None)
        return True

    async def _send(self, name: str, state: ConfigMapState, text: str) -> bytes:
        metadata: dict[str, Any] = {"name": name}
        if not state.version:
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {KEY: text}}
            return await self._client.send("POST", self._path, body)
        metadata["resourceVersion"] = state.version  # a person may be editing it
        body = {"metadata": metadata, "data": {KEY: text}}
        return await self._client.send("PATCH", f"{self._path}/{name}", body, content_type=MERGE_PATCH)

    def _report(self, problem: str) -> None:
        """Log the first of equal failures in a row."""
        if problem != self.problem:
            self.problem = problem
            _LOG.warning("cannot write what was learnt of images, trying again: %s", problem)
