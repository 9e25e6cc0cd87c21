"""The page and `POST /preview` on loopback, as the server serves them; and what it should answer instead."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from aiohttp import web

from patches.standards.levels import NEWEST_MINOR, parse_level_version
from tests.leftovers import KEEPERS, Kept
from tests.review.builders import configured
from tests.server.serving import local_preview_app
from webhook.documents.reader import flatten, read_documents
from webhook.gatherers.gatherer import GatheredNamespaces
from webhook.gatherers.manifests import ManifestGatherer
from webhook.preview.preview import PreviewOptions, Surroundings, preview
from webhook.preview.results import encode_report

_SECONDS: Final = 30

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Answer(NamedTuple):
    """What to answer instead of a report: the status, the text, and a Retry-After."""

    status: int
    text: str = ""
    retry_after: str = ""


class Asked(NamedTuple):
    """A preview that was asked for."""

    body: str
    query: dict[str, str]
    headers: dict[str, str]


@dataclass(eq=False)
class Site:
    """A served page: where it is, what it was asked, and what it answers first, in this order, instead of reports.

    `refused` are the statuses that it gave out, but for reports.
    """

    address: str = ""
    asked: list[Asked] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    needs_token: str = ""
    refused: set[int] = field(default_factory=set)

    def keeps(self) -> list[Kept]:
        """The threads in which it works: it starts them as it needs them. Connections end with a test's own pages."""
        return [thread for thread in threading.enumerate() if thread.name.startswith(("asyncio_", "preview_"))]

    def reset(self) -> None:
        """Forget what was asked; answer with reports again."""
        self.asked.clear()
        self.answers.clear()
        self.needs_token = ""
        self.refused.clear()

    def application(self) -> web.Application:
        """The server's own application, behind what this site answers instead."""
        app = local_preview_app(ManifestGatherer())
        app.middlewares.insert(0, self._instead)
        return app

    @web.middleware
    async def _instead(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path != "/preview":
            return await handler(request)
        self.asked.append(Asked(await request.text(), dict(request.query), dict(request.headers)))
        answer = None
        if self.needs_token and request.headers.get("Authorization") != f"Bearer {self.needs_token}":
            answer = Answer(401, '{"message": "a bearer token is needed", "field": ""}')
        elif self.answers:
            answer = self.answers.pop(0)
        if answer is None:
            return await handler(request)
        self.refused.add(answer.status)
        headers = {"Retry-After": answer.retry_after} if answer.retry_after else {}
        return web.Response(status=answer.status, text=answer.text, headers=headers, content_type="application/json")


def report(body: str, query: Mapping[str, str]) -> str:
    """What the engine makes of `body`."""
    profile = query.get("profile")
    options = PreviewOptions(
        namespace=query.get("namespace") or "default",
        profile=parse_level_version(profile) if profile else None,
        full_diff=query.get("diff") == "full",
    )
    documents = list(flatten(read_documents(body.encode(), "input")))
    surroundings = Surroundings(GatheredNamespaces({}, {}), configured(), NEWEST_MINOR)
    return encode_report(preview(documents, surroundings, options)[0])


@contextmanager
def serve() -> Iterator[Site]:
    """A site on loopback, in a thread with a loop of its own, until the block ends."""
    site = Site()
    KEEPERS.add(site)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        runner = asyncio.run_coroutine_threadsafe(_start(site), loop).result(_SECONDS)
        try:
            yield site
        finally:
            asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(_SECONDS)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_SECONDS)
        loop.close()


async def _start(site: Site) -> web.AppRunner:
    runner = web.AppRunner(site.application(), access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    site.address = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    return runner
