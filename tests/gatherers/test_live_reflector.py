"""A reflector and a connection that breaks. What a real API server does is shown in tests/cluster/test_reflector.py."""

from __future__ import annotations

import logging
import socket
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import pytest

from tests.gatherers.live_faults import (
    Played,
    Recorder,
    Refusal,
    Watched,
    beside,
    bookmark,
    event,
    page,
    playing,
    thing,
    too_old,
    until,
)
from webhook.cluster.api import ClusterClient
from webhook.cluster.backoff import Backoff
from webhook.cluster.items import Item
from webhook.cluster.reflector import Reflector

PATH = "/api/v1/things"


@pytest.fixture
async def server() -> AsyncIterator[tuple[Played, ClusterClient]]:
    """What plays, and the connection to it."""
    async with playing() as both:
        yield both


class _Thing(msgspec.Struct):
    size: int = 0


def _size(raw: msgspec.Raw) -> int:
    return msgspec.json.decode(raw, type=_Thing).size


def _reflector(cluster: ClusterClient, sink: Any, **options: Any) -> Reflector[int]:
    return Reflector(cluster, PATH, _size, sink, **options)


async def test_pages_become_one_list(server: tuple[Played, ClusterClient]) -> None:
    """The sink is told once, when the last page has come; the watch goes on from the list's version."""
    played, cluster = server
    played.lists[PATH] = [page(thing("a"), more="there"), page(thing("b", size=2), version=7)]
    sink = Recorder()
    reflector = _reflector(cluster, sink, field_selector="metadata.name=x")
    assert (reflector.synced, reflector.last_contact) == (False, None)
    async with beside(reflector.run()):
        await until(lambda: played.queries(PATH, watch=True))
    assert (sink.rows, sink.lists, reflector.synced) == ({"a": 0, "b": 2}, 1, True)
    assert reflector.last_contact is not None
    selector = {"fieldSelector": "metadata.name=x"}
    assert played.queries(PATH) == [{**selector, "limit": "500"}, {**selector, "limit": "500", "continue": "there"}]
    (watch,) = played.queries(PATH, watch=True)
    seconds = int(watch.pop("timeoutSeconds"))
    assert watch == {**selector, "watch": "1", "resourceVersion": "7", "allowWatchBookmarks": "true"}
    assert 240 <= seconds <= 480


async def test_a_list_that_expires_between_pages(server: tuple[Played, ClusterClient]) -> None:
    """It begins again, and nothing of the first part counts."""
    played, cluster = server
    played.lists[PATH] = [page(thing("a"), more="there"), Refusal(410), page(thing("b"), version=7)]
    sink = Recorder()
    async with beside(_reflector(cluster, sink).run()):
        await until(lambda: sink.lists)
    assert sink.rows == {"b": 0}
    assert "continue" not in played.queries(PATH)[2]


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
async def test_a_list_that_is_refused(server: tuple[Played, ClusterClient], status: int) -> None:
    """It is asked for again."""
    played, cluster = server
    played.lists[PATH] = [Refusal(status), Refusal(status), page(thing("a"))]
    sink = Recorder()
    async with beside(_reflector(cluster, sink).run()):
        await until(lambda: sink.lists)
    assert sink.rows == {"a": 0}


@pytest.mark.parametrize("status", [403, 429, 500])
async def test_a_watch_that_is_refused(server: tuple[Played, ClusterClient], status: int) -> None:
    """It is asked for again from the same version, without a list."""
    played, cluster = server
    played.lists[PATH] = [page(version=5)]
    played.watches[PATH] = [Refusal(status), Refusal(status), Watched([event("ADDED", thing("a", 6))])]
    sink = Recorder()
    async with beside(_reflector(cluster, sink).run()):
        await until(lambda: sink.rows)
    assert [query["resourceVersion"] for query in played.queries(PATH, watch=True)] == ["5", "5", "5"]
    assert sink.lists == 1


@pytest.mark.parametrize("ending", [Watched(ends=True), Watched(cut=True), Watched([b'{"type":"ADD'], cut=True)])
async def test_a_watch_that_ends(server: tuple[Played, ClusterClient], ending: Watched) -> None:
    """It goes on from the last version it has seen, a bookmark's too; half a line does not count."""
    played, cluster = server
    played.lists[PATH] = [page(thing("a"), thing("b"), version=5)]
    first = [event("MODIFIED", thing("a", 6, size=2)), event("DELETED", thing("b", 7)), event("ADDED", thing("c", 8))]
    played.watches[PATH] = [
        Watched([*first, *ending.lines], ending.ends, ending.cut),
        Watched([bookmark(20), *ending.lines], ending.ends, ending.cut),
        Watched([event("ADDED", thing("d", 21))]),
    ]
    sink = Recorder()
    async with beside(_reflector(cluster, sink).run()):
        await until(lambda: "d" in sink.rows)
    assert sink.rows == {"a": 2, "c": 0, "d": 0}
    assert sink.lists == 1
    assert [query["resourceVersion"] for query in played.queries(PATH, watch=True)] == ["5", "8", "20"]


@pytest.mark.parametrize("ending", [Refusal(410), Watched([too_old()])])
async def test_a_version_that_is_too_old(server: tuple[Played, ClusterClient], ending: Watched | Refusal) -> None:
    """By status or by event: a new list, by which what vanished in between is gone."""
    played, cluster = server
    played.lists[PATH] = [page(thing("a"), thing("b"), version=5), page(thing("b"), version=9)]
    played.watches[PATH] = [ending, Watched([event("ADDED", thing("c", 10))])]
    sink = Recorder()
    async with beside(_reflector(cluster, sink).run()):
        await until(lambda: "c" in sink.rows)
    assert (sink.rows, sink.lists) == ({"b": 0, "c": 0}, 2)


@pytest.mark.parametrize("line", [b"<html>\n", b"{}\n", b'{"type":"ADDED","object":[]}\n', b"\xff\xfe\n"])
async def test_lines_that_are_no_events(server: tuple[Played, ClusterClient], line: bytes) -> None:
    """A proxy's page, say: nothing that came with it is trusted, and there is a new list."""
    played, cluster = server
    played.lists[PATH] = [page(thing("a"), version=5), page(thing("b"), version=9)]
    played.watches[PATH] = [Watched([line]), Watched()]
    sink = Recorder()
    async with beside(_reflector(cluster, sink).run()):
        await until(lambda: sink.lists == 2)
    assert sink.rows == {"b": 0}


async def test_a_list_that_is_none(server: tuple[Played, ClusterClient]) -> None:
    """It is asked for again."""
    played, cluster = server
    played.lists[PATH] = ["<html>", {"items": 1}, page(thing("a"))]
    sink = Recorder()
    async with beside(_reflector(cluster, sink).run()):
        await until(lambda: sink.rows == {"a": 0})


async def test_a_silent_connection(server: tuple[Played, ClusterClient]) -> None:
    """Nobody says that it is dead: after a while without a bookmark another one is opened, from the last version."""
    played, cluster = server
    played.lists[PATH] = [page(version=5)]
    played.watches[PATH] = [Watched([bookmark(6)]), Watched([event("ADDED", thing("a", 7))])]
    sink = Recorder()
    async with beside(_reflector(cluster, sink, quiet_seconds=0.3).run()):
        await until(lambda: sink.rows)
    assert played.queries(PATH, watch=True)[1]["resourceVersion"] == "6"
    assert sink.lists == 1


async def test_an_object_that_cannot_be_read(
    server: tuple[Played, ClusterClient], caplog: pytest.LogCaptureFixture
) -> None:
    """It counts as unknown, is logged once by name until it can be read, and hides no other."""
    played, cluster = server
    bad = thing("a", size="large")
    played.lists[PATH] = [page(bad, thing("b"), version=5), page(bad, thing("b"), version=8)]
    changes = [
        event("MODIFIED", thing("a", 9, size=3)),
        event("MODIFIED", thing("a", 10, size="small")),
        event("ADDED", thing("c", 11)),
    ]
    played.watches[PATH] = [Watched([event("MODIFIED", {**bad, "more": 1}), too_old()]), Watched(changes)]
    sink = Recorder()
    with caplog.at_level(logging.ERROR, "webhook.cluster"):
        async with beside(_reflector(cluster, sink).run()):
            await until(lambda: "c" in sink.rows)
    assert sink.rows == {"a": None, "b": 0, "c": 0}
    assert [("shop/a" in text, "counts as unknown" in text) for text in caplog.messages] == [(True, True)] * 2


class _Clumsy(Recorder):
    def put(self, item: Item[Any]) -> None:
        """Fail at the first object."""
        if self.lists == 1:
            raise RuntimeError("oops")
        super().put(item)

    def replace(self, items: Sequence[Item[Any]]) -> None:
        """Take a full list."""
        super().replace(items)


async def test_a_mistake_of_our_own(server: tuple[Played, ClusterClient], caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and the next list puts things right."""
    played, cluster = server
    played.lists[PATH] = [page(version=5), page(thing("a"), version=6)]
    played.watches[PATH] = [Watched([event("ADDED", thing("a", 6))]), Watched([event("ADDED", thing("b", 7))])]
    sink = _Clumsy()
    async with beside(_reflector(cluster, sink).run()):
        await until(lambda: "b" in sink.rows)
    assert sink.rows == {"a": 0, "b": 0}
    assert "oops" in caplog.text


async def test_a_row_of_failures_is_one_warning(
    server: tuple[Played, ClusterClient], caplog: pytest.LogCaptureFixture
) -> None:
    """And its end is told."""
    played, cluster = server
    played.lists[PATH] = [Refusal(500), Refusal(503), Refusal(500), page(thing("a"))]
    sink = Recorder()
    with caplog.at_level(logging.INFO, "webhook.cluster"):
        async with beside(_reflector(cluster, sink).run()):
            await until(lambda: sink.lists)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO", "INFO"]
    assert caplog.messages[0] == f"{PATH}: watch failed: GET {PATH}: 500 no"
    assert f"{PATH}: watch works again" in caplog.messages


async def test_a_storm_of_events(server: tuple[Played, ClusterClient]) -> None:
    """Events larger than a buffer, many at once: all arrive, in order."""
    played, cluster = server
    played.lists[PATH] = [page(version=5)]
    lines = [event("ADDED", thing(f"n{number}", 6 + number, note="x" * 3000)) for number in range(2000)]
    large = event("ADDED", thing("large", 9000, note="x" * 3_000_000))
    played.watches[PATH] = [Watched([b"".join(lines), large])]
    sink = Recorder()
    reflector = _reflector(cluster, sink)
    async with beside(reflector.run()):
        await until(lambda: "large" in sink.rows)
    assert len(sink.rows) == 2001
    assert reflector.version == "9000"


def test_backoff() -> None:
    """Longer and longer up to a bound, never longer than it says, and short again after success."""
    bounds = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    rows = []
    for _ in range(200):
        backoff = Backoff()
        rows.append([backoff.next() for _ in bounds])
    for bound, waits in zip(bounds, zip(*rows, strict=True), strict=True):
        assert 0 <= min(waits) < bound / 2 < max(waits) <= bound  # of 200 all in one half: once in 10^60 runs
    worn = Backoff()
    for _ in bounds:
        worn.next()
    worn.reset()
    assert worn.next() <= 0.1


async def test_the_kernel_looks_after_a_silent_watch(server: tuple[Played, ClusterClient]) -> None:
    """Its connection is probed, so that an end that is gone without a word is noticed before the next bookmark."""
    played, cluster = server
    connections: list[Any] = []

    class _Seen(Recorder):
        def put(self, item: Item[Any]) -> None:
            """Look at the connections while a watch is open."""
            connector: Any = cluster._session.connector
            connections.extend(connector._acquired)
            super().put(item)

    played.lists[PATH] = [page(version=5)]
    played.watches[PATH] = [Watched([event("ADDED", thing("a", 6))])]
    async with beside(_reflector(cluster, _Seen()).run()):
        await until(lambda: connections)
        sock = connections[0].transport.get_extra_info("socket")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 20
