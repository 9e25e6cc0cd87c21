"""A server on loopback that plays what goes wrong between us and an API server: refusals, cuts, garbage, silence.

The real API server, in tests/cluster, shows what Kubernetes says. It does not break off on order: that is played here.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

from aiohttp import web

from webhook.cluster.api import ClusterClient
from webhook.cluster.credentials import Credentials
from webhook.cluster.items import Item

SECONDS: Final = 15.0
"""What is waited for comes sooner, or the test fails."""


class Refusal(NamedTuple):
    """An answer that is none."""

    status: int
    message: str = "no"
    continuation: str = ""


class Watched(NamedTuple):
    """What a watch answers. Then it stays open and silent, or `ends`, or is `cut` off."""

    lines: Sequence[bytes] = ()
    ends: bool = False
    cut: bool = False


class Silence:
    """No answer at all."""


class Played:
    """The server. `lists`, `watches` and `objects` give the answers to a path in turn, the last one again and again.

    `asked` are the requests so far: path and query.
    """

    def __init__(self) -> None:
        self.lists: dict[str, list[Any]] = {}
        self.watches: dict[str, list[Watched | Refusal]] = {}
        self.objects: dict[str, list[Any]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.stopped = asyncio.Event()

    def queries(self, path: str, *, watch: bool = False) -> list[dict[str, str]]:
        """The queries of the lists or watches of a path."""
        return [query for asked, query in self.asked if asked == path and ("watch" in query) is watch]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Play the next answer."""
        path, query = request.path, dict(request.query)
        self.asked.append((path, query))
        if "watch" in query:
            return await self._watched(request, _next(self.watches.get(path) or [Watched()]))
        played = _next(self.lists.get(path) or self.objects.get(path) or [Refusal(404)])
        if isinstance(played, Silence):
            await self.stopped.wait()
        if isinstance(played, Refusal):
            metadata = {"continue": played.continuation} if played.continuation else {}
            body = {"kind": "Status", "code": played.status, "message": played.message, "metadata": metadata}
            return web.json_response(body, status=played.status)
        return web.json_response(played)

    async def _watched(self, request: web.Request, played: Watched | Refusal) -> web.StreamResponse:
        if isinstance(played, Refusal):
            return web.json_response({"message": played.message}, status=played.status)
        response = web.StreamResponse()
        await response.prepare(request)
        for line in played.lines:
            await response.write(line)
        if played.cut:
            assert request.transport is not None
            request.transport.abort()
        elif not played.ends:
            await self.stopped.wait()
        return response


def _next(answers: list[Any]) -> Any:
    return answers.pop(0) if len(answers) > 1 else answers[0]


@asynccontextmanager
async def playing() -> AsyncIterator[tuple[Played, ClusterClient]]:
    """A server that is told what to play, and a connection to it."""
    played = Played()
    app = web.Application()
    app.router.add_get("/{path:.*}", played.answer)
    runner = web.AppRunner(app, shutdown_timeout=1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    cluster = ClusterClient(Credentials(f"http://127.0.0.1:{runner.addresses[0][1]}"))
    try:
        yield played, cluster
    finally:
        played.stopped.set()
        await cluster.close()
        await runner.cleanup()


@asynccontextmanager
async def beside(work: Any) -> AsyncIterator[asyncio.Task[None]]:
    """Run a coroutine that never ends beside the block."""
    task = asyncio.create_task(work)
    try:
        yield task
        assert not task.done(), "it ended"
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until(holds: Callable[[], object], seconds: float = SECONDS) -> None:
    """Wait until something holds. Fails where it does not get there."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 (what is waited for is no event of the test's)
            await asyncio.sleep(0.005)


class Recorder:
    """A sink that keeps what it is told. `lists` counts full lists."""

    def __init__(self) -> None:
        self.rows: dict[str, Any] = {}
        self.lists = 0

    def replace(self, items: Sequence[Item[Any]]) -> None:
        """Take a full list."""
        self.rows = {item.name: item.value for item in items}
        self.lists += 1

    def put(self, item: Item[Any]) -> None:
        """Take an object."""
        self.rows[item.name] = item.value

    def delete(self, item: Item[Any]) -> None:
        """Forget an object."""
        del self.rows[item.name]


def thing(name: str, version: int = 1, **fields: Any) -> dict[str, Any]:
    """An object."""
    return {"metadata": {"name": name, "namespace": "shop", "resourceVersion": str(version)}, **fields}


def page(*items: Any, version: int = 1, more: str = "") -> dict[str, Any]:
    """A page of a list. `more` is where it goes on."""
    return {"metadata": {"resourceVersion": str(version), "continue": more}, "items": list(items)}


def event(kind: str, value: Any) -> bytes:
    """A line of a watch."""
    return json.dumps({"type": kind, "object": value}).encode() + b"\n"


def bookmark(version: int) -> bytes:
    """A line that says no more than how far it is."""
    return event("BOOKMARK", {"metadata": {"resourceVersion": str(version)}})


def too_old() -> bytes:
    """A line that ends a watch: a new list is due."""
    return event("ERROR", {"kind": "Status", "metadata": {}, "code": 410, "message": "too old"})
