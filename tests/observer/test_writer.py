"""Writing the book where the API server refuses."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import msgspec
import pytest

from patches import ImageFacts, Lesson
from tests.gatherers.live_faults import beside, playing, until
from webhook.cluster.api import ClusterClient
from webhook.images.shards import KEY
from webhook.observer.book import ImageBook
from webhook.observer.writer import BookWriter

_NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)
_DAY = timedelta(days=1)


async def test_who_waits_while_it_writes_waits_for_the_next_write() -> None:
    """What he has changed is not in the one that is under way."""
    book = ImageBook()
    book.learn(Lesson("nginx", ImageFacts(uid=101), by_kubelet=False), "shop", _NOW)
    bodies: list[str] = []
    goes_on = asyncio.Event()

    class Cluster:
        async def send(self, _: str, __: str, body: Any, **___: Any) -> bytes:
            bodies.append(body["data"][KEY])
            await goes_on.wait()
            return msgspec.json.encode({"metadata": {"resourceVersion": str(len(bodies))}, "data": body["data"]})

    writer = BookWriter(cast("ClusterClient", Cluster()), "own", book, lambda: True, every_seconds=0.01)
    async with beside(writer.run()):
        writer.wake()
        await until(lambda: bodies)
        assert book.recreate("nginx", "shop", "u", _NOW)
        waiting = asyncio.create_task(writer.written())
        await asyncio.sleep(0)
        goes_on.set()
        await waiting
    assert ["recreated" in body for body in bodies] == [False, True]


async def test_what_cannot_be_written(caplog: pytest.LogCaptureFixture) -> None:
    """It is a problem as long as it lasts, and the log says it once."""
    book = ImageBook()
    book.learn(Lesson("nginx", ImageFacts(uid=101), by_kubelet=False), "shop", _NOW)
    attempts: list[datetime] = []

    def leads() -> bool:
        attempts.append(_NOW)
        return True

    async with playing() as (_, client):  # which takes no writes
        writer = BookWriter(client, "own", book, leads, every_seconds=0.01)
        async with beside(writer.run()):
            writer.wake()
            await until(lambda: len(attempts) > 3)
            assert "405" in writer.problem
            waiting = writer.written()
            assert book.forget([], _NOW + 2 * _DAY, _DAY)  # nothing is left to write
            await waiting
    assert (writer.problem, writer.writes) == ("", 0)
    assert caplog.text.count("cannot write what was learnt") == 1
