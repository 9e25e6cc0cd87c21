"""Follows one collection of an API server: a paged list, then a watch that resumes where it ended, for ever.

Source: "Efficient detection of changes" of the Kubernetes API concepts: a resourceVersion that is too old is answered
by 410, and then a new list is due; bookmarks move the version along where nothing changes.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

import msgspec

from webhook.cluster.api import Cluster
from webhook.cluster.backoff import Backoff
from webhook.errors import ClusterError

T = TypeVar("T")

PAGE_SIZE: Final = 500
QUIET_SECONDS: Final = 150.0
"""A bookmark comes about each minute: a connection that has been silent for longer than two is dead."""
_WATCH_SECONDS: Final = (240, 480)
_STEADY_SECONDS: Final = 1.0
_LOG: Final = logging.getLogger("webhook.cluster")


class Item(NamedTuple, Generic[T]):
    """An object of the collection. `namespace` is "" for kinds that have none; `value` is None if it is unreadable."""

    namespace: str
    name: str
    value: T | None


class Sink(Protocol[T]):
    """Told what is in the collection. Must not raise, nor wait."""

    def replace(self, items: Sequence[Item[T]]) -> None:
        """These are all: what is not among them no longer exists."""

    def put(self, item: Item[T]) -> None:
        """This is new, or has changed."""

    def delete(self, item: Item[T]) -> None:
        """This no longer exists. Its value is that of its last state."""


class _Metadata(msgspec.Struct, rename="camel"):
    name: str = ""
    namespace: str = ""
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class _Object(msgspec.Struct):
    """An object's identity; of a `meta/v1` Status the code and message."""

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
    """Keeps a sink as a collection is.

    `synced`: whether the collection has been listed once. `last_contact`: when the API server last said something
    about it, in seconds of the monotonic clock; None before. `version`: the resourceVersion to go on from; "": none.
    """

    def __init__(  # noqa: PLR0913 (the last four have defaults and go by name)
        self,
        cluster: Cluster,
        path: str,
        read: Callable[[msgspec.Raw], T],
        sink: Sink[T],
        *,
        field_selector: str = "",
        page_size: int = PAGE_SIZE,
        quiet_seconds: float = QUIET_SECONDS,
        listed: Callable[[], None] | None = None,
    ) -> None:
        """Follow the collection at `path`, as `/api/v1/namespaces`, or only what `field_selector` selects.

        `read` makes of an object's JSON what the sink wants of it, or raises MsgspecError or ValueError.
        `listed` is called after each full list.
        """
        self._cluster = cluster
        self._path = path
        self._read = read
        self._sink = sink
        self._query = {"fieldSelector": field_selector} if field_selector else {}
        self._page_size = page_size
        self._quiet_seconds = quiet_seconds
        self._listed = listed
        self._backoff = Backoff()
        self._failing = False
        self._unreadable: set[tuple[str, str]] = set()
        self.synced = False
        self.last_contact: float | None = None
        self.version = ""

    async def run(self) -> None:
        """Follow until cancelled. Whatever fails is logged and tried again."""
        while True:
            try:
                if not self.version:
                    await self._list()
                await self._watch()
            except ClusterError as error:
                if error.gone:
                    _LOG.info("%s: the version has expired", self._path)
                    self.version = ""
                self._failed(error)
            except Exception:  # noqa: BLE001 (logged; a cache that is no longer followed would be worse)
                _LOG.exception("%s: failed, and is listed again", self._path)
                self.version = ""
            await asyncio.sleep(self._backoff.next())

    async def _list(self) -> None:
        query = {**self._query, "limit": str(self._page_size)}
        items: list[Item[T]] = []
        unreadable, self._unreadable = self._unreadable, set()
        while True:
            page = _PAGE.decode(await self._cluster.get(self._path, query))
            items += [self._item(_OBJECT.decode(raw).metadata, raw, unreadable) for raw in page.items or ()]
            if not page.metadata.continue_:
                break
            query["continue"] = page.metadata.continue_
        self._sink.replace(items)
        self.version = page.metadata.resource_version
        self.synced = True
        self._heard()
        _LOG.info("%s: %d listed", self._path, len(items))
        if self._listed is not None:
            self._listed()

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
                    self._take(_EVENT.decode(line))
                    self._heard()
                    self._backoff.reset()
            finally:
                if time.monotonic() - began > _STEADY_SECONDS:
                    self._backoff.reset()

    def _take(self, event: _Event) -> None:
        found = _OBJECT.decode(event.object)
        match event.type:
            case "ADDED" | "MODIFIED":
                self._sink.put(self._item(found.metadata, event.object, self._unreadable))
            case "DELETED":
                self._sink.delete(self._item(found.metadata, event.object, self._unreadable))
                self._unreadable.discard((found.metadata.namespace, found.metadata.name))
            case "ERROR":
                raise ClusterError(found.code, f"watch {self._path}: {found.code} {found.message}")
        self.version = found.metadata.resource_version or self.version

    def _item(self, metadata: _Metadata, raw: msgspec.Raw, known: set[tuple[str, str]]) -> Item[T]:
        """The object; of one that cannot be read the log hears once, until it can be."""
        key = (metadata.namespace, metadata.name)
        try:
            value: T | None = self._read(raw)
            self._unreadable.discard(key)
        except (msgspec.MsgspecError, ValueError) as error:
            value = None
            if key not in known:
                _LOG.error("%s: %s cannot be read and counts as unknown: %s", self._path, "/".join(key), error)
            self._unreadable.add(key)
        return Item(*key, value)

    def _heard(self) -> None:
        self.last_contact = time.monotonic()
        if self._failing:
            self._failing = False
            _LOG.info("%s: followed again", self._path)

    def _failed(self, error: ClusterError) -> None:
        """Of a row of failures the first is a warning."""
        _LOG.log(logging.DEBUG if self._failing else logging.WARNING, "%s: not followed: %s", self._path, error)
        self._failing = True
