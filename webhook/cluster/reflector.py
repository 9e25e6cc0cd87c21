"""Follow one collection of an API server: list it in pages, then watch it, resuming from where the last watch ended.

Source: "Efficient detection of changes" of the Kubernetes API concepts. The API server answers 410 to a
resourceVersion that is too old, and then a new list is needed; bookmarks advance the version while nothing changes.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

import msgspec

from webhook.cluster.api import ClusterClient
from webhook.cluster.backoff import Backoff
from webhook.cluster.items import Item, Sink
from webhook.errors import ClusterError

T = TypeVar("T")

PAGE_SIZE: Final = 500
QUIET_SECONDS: Final = 150.0
"""A bookmark comes about every minute: a connection that is silent for more than two is dead."""
_WATCH_SECONDS: Final = (240, 480)
_STEADY_SECONDS: Final = 1.0
_LOG: Final = logging.getLogger("webhook.cluster")


class _Metadata(msgspec.Struct, rename="camel"):
    name: str = ""
    namespace: str = ""
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class _Object(msgspec.Struct):
    """The identity of an object, or the code and message of a `meta/v1` Status."""

    metadata: _Metadata = msgspec.field(default_factory=_Metadata)
    code: int = 0
    message: str = ""


class _Page(msgspec.Struct):
    metadata: _Metadata
    items: list[msgspec.Raw] | None = None


class _Event(msgspec.Struct):
    type: str
    object: msgspec.Raw


_PAGE: Final = msgspec.json.Decoder(_Page)
_EVENT: Final = msgspec.json.Decoder(_Event)
_OBJECT: Final = msgspec.json.Decoder(_Object)


class Reflector(Generic[T]):
    """Keep a sink equal to a collection.

    Attributes:
        synced: whether the collection has been listed once.
        last_contact: when the API server last sent something about it, on the monotonic clock; None before the first.
        version: the resourceVersion to continue from; "" if a list is needed.
    """

    def __init__(  # noqa: PLR0913 (the last four have defaults and go by name)
        self,
        cluster: ClusterClient,
        path: str,
        read: Callable[[msgspec.Raw], T],
        sink: Sink[T],
        *,
        field_selector: str = "",
        page_size: int = PAGE_SIZE,
        quiet_seconds: float = QUIET_SECONDS,
        on_list: Callable[[], None] | None = None,
    ) -> None:
        """Prepare to follow a collection.

        Args:
            cluster: the API server.
            path: the path of the collection, as in `/api/v1/namespaces`.
            read: converts an object's JSON to the value that the sink stores; raises MsgspecError or ValueError if the
                object is unreadable.
            sink: gets the items.
            field_selector: restricts the collection; "" for all of it.
            page_size: how many objects a list asks for at a time.
            quiet_seconds: after so long without a word a watch counts as dead.
            on_list: called after each complete list.
        """
        self._cluster = cluster
        self._path = path
        self._read = read
        self._sink = sink
        self._query = {"fieldSelector": field_selector} if field_selector else {}
        self._page_size = page_size
        self._quiet_seconds = quiet_seconds
        self._on_list = on_list
        self._backoff = Backoff()
        self._failing = False
        self._unreadable: set[tuple[str, str]] = set()
        self.synced = False
        self.last_contact: float | None = None
        self.version = ""

    async def run(self) -> None:
        """Follow the collection until cancelled. Failures are logged and retried."""
        while True:
            try:
                if not self.version:
                    await self._list()
                await self._watch()
            except ClusterError as error:
                if error.gone:
                    _LOG.info("%s: resourceVersion expired, listing again", self._path)
                    self.version = ""
                self._report(error)
            except Exception:  # noqa: BLE001 (logged; a cache that is no longer followed would be worse)
                _LOG.exception("%s: watch failed, listing again", self._path)
                self.version = ""
            await asyncio.sleep(self._backoff.next())

    async def _list(self) -> None:
        query = {**self._query, "limit": str(self._page_size)}
        items: list[Item[T]] = []
        unreadable, self._unreadable = self._unreadable, set()
        while True:
            page = _PAGE.decode(await self._cluster.get(self._path, query))
            items += [self._read_item(_OBJECT.decode(raw).metadata, raw, unreadable) for raw in page.items or ()]
            if not page.metadata.continue_:
                break
            query["continue"] = page.metadata.continue_
        self._sink.replace(items)
        self.version = page.metadata.resource_version
        self.synced = True
        self._note_contact()
        _LOG.info("%s: listed %d objects", self._path, len(items))
        if self._on_list is not None:
            self._on_list()

    async def _watch(self) -> None:
        query = {
            **self._query,
            "resourceVersion": self.version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(random.randint(*_WATCH_SECONDS)),  # noqa: S311 (spreads load, hides nothing)
        }
        async with self._cluster.watch(self._path, query, quiet_seconds=self._quiet_seconds) as lines:
            began = time.monotonic()
            try:
                async for line in lines:
                    self._apply(_EVENT.decode(line))
                    self._note_contact()
                    self._backoff.reset()
            finally:
                if time.monotonic() - began > _STEADY_SECONDS:
                    self._backoff.reset()

    def _apply(self, event: _Event) -> None:
        found = _OBJECT.decode(event.object)
        match event.type:
            case "ADDED" | "MODIFIED":
                self._sink.put(self._read_item(found.metadata, event.object, self._unreadable))
            case "DELETED":
                self._sink.delete(self._read_item(found.metadata, event.object, self._unreadable))
                self._unreadable.discard((found.metadata.namespace, found.metadata.name))
            case "ERROR":
                raise ClusterError(found.code, f"watch {self._path}: {found.code} {found.message}")
        self.version = found.metadata.resource_version or self.version

    def _read_item(self, metadata: _Metadata, raw: msgspec.Raw, known: set[tuple[str, str]]) -> Item[T]:
        """Read an object. Log an unreadable one once, until it becomes readable again."""
        key = (metadata.namespace, metadata.name)
        try:
            value: T | None = self._read(raw)
            self._unreadable.discard(key)
        except (msgspec.MsgspecError, ValueError) as error:
            value = None
            if key not in known:
                _LOG.error("%s: cannot read %s, which counts as unknown: %s", self._path, "/".join(key), error)
            self._unreadable.add(key)
        return Item(*key, value)

    def _note_contact(self) -> None:
        self.last_contact = time.monotonic()
        if self._failing:
            self._failing = False
            _LOG.info("%s: watch works again", self._path)

    def _report(self, error: ClusterError) -> None:
        """Log the first failure in a row as a warning, the others for debugging."""
        _LOG.log(logging.DEBUG if self._failing else logging.WARNING, "%s: watch failed: %s", self._path, error)
        self._failing = True
