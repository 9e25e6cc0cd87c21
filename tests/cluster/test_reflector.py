"""A reflector and a real API server: pages, resuming, bookmarks, versions that have expired."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from patches import parse_level_version
from tests.cluster import binaries
from tests.cluster.control_plane import ControlPlane
from tests.cluster.following import admin, connected, seen
from tests.cluster.programs import restartable
from tests.cluster.telling import tell
from tests.gatherers.live_faults import Recorder, beside, until
from webhook.cluster.api import ClusterClient
from webhook.cluster.reflector import Reflector
from webhook.scan.cluster import ClusterScan, scan_cluster

pytestmark = pytest.mark.cluster

_EXPIRY_SECONDS = 60
_CONTAINER = {"name": "c", "image": "i"}


class _Data(msgspec.Struct):
    data: dict[str, str] | None = None


def _read(raw: msgspec.Raw) -> Any:
    return msgspec.json.decode(raw, type=_Data).data


def maps(namespace: str) -> str:
    """The path of a namespace's ConfigMaps."""
    return f"/api/v1/namespaces/{namespace}/configmaps"


def fill(plane: ControlPlane, namespace: str, count: int) -> set[str]:
    """A namespace with so many ConfigMaps; their names."""
    plane.namespace(namespace)
    names = {f"m{number}" for number in range(count)}
    for name in names:
        plane.admin.must("POST", maps(namespace), {"metadata": {"name": name}})
    return names


async def test_small_pages(plane: ControlPlane) -> None:
    """However many pages: one list. A field selector selects."""
    names = await asyncio.to_thread(fill, plane, "pages", 31)
    async with connected(plane) as cluster:
        every, single = Recorder(), Recorder()
        one = Reflector(cluster, maps("pages"), _read, every, page_size=7)
        other = Reflector(cluster, maps("pages"), _read, single, field_selector="metadata.name=m3")
        async with beside(one.run()), beside(other.run()):
            await until(lambda: one.synced and other.synced)
            await admin(plane, "PATCH", f"{maps('pages')}/m3", {"data": {"a": "b"}})
            await admin(plane, "DELETE", f"{maps('pages')}/m4")
            await seen(lambda: "m4" not in every.rows)
            await seen(lambda: single.rows == {"m3": {"a": "b"}})
    assert set(every.rows) == names - {"m4"}
    assert (every.lists, single.lists) == (1, 1)


class _Impatient(ClusterClient):
    """A connection that breaks off each watch after a moment."""

    watches = 0

    def watch(self, path: str, query: Mapping[str, str], *, quiet_seconds: float) -> Any:
        """Watch for a moment: silence for longer counts as a dead connection."""
        self.watches += 1
        return super().watch(path, query, quiet_seconds=min(quiet_seconds, 0.05))


async def test_resume(plane: ControlPlane) -> None:
    """However often the watch breaks, each change arrives, and there is one list."""
    await asyncio.to_thread(plane.namespace, "resumed")
    async with connected(plane, _Impatient) as cluster:
        sink = Recorder()
        async with beside(Reflector(cluster, maps("resumed"), _read, sink).run()):
            await until(lambda: sink.lists)
            for number in range(40):
                await admin(plane, "POST", maps("resumed"), {"metadata": {"name": f"m{number}"}})
                await asyncio.sleep(0.05)
            await until(lambda: len(sink.rows) == 40)
        assert isinstance(cluster, _Impatient)
        assert cluster.watches > 5
        tell(f"{cluster.watches} watches, {sink.lists} list")
    assert sink.lists == 1


@pytest.mark.slow
async def test_bookmarks(plane: ControlPlane) -> None:
    """Where nothing changes they move the point to resume from, and show that the connection is alive."""
    await asyncio.to_thread(plane.namespace, "quiet")
    async with connected(plane) as cluster:
        sink = Recorder()
        reflector = Reflector(cluster, maps("quiet"), _read, sink)
        async with beside(reflector.run()):
            await until(lambda: reflector.synced)
            began, version, contact = time.monotonic(), reflector.version, reflector.last_contact
            await admin(plane, "POST", maps("default"), {"metadata": {"name": "elsewhere"}})
            await until(lambda: reflector.version != version, 120)
        tell(f"a bookmark after {time.monotonic() - began:.0f} s: from {version} to {reflector.version}")
        await admin(plane, "DELETE", f"{maps('default')}/elsewhere")
    assert sink.rows == {}
    assert sink.lists == 1
    assert contact is not None
    assert reflector.last_contact is not None
    assert reflector.last_contact > contact
    assert int(reflector.version) > int(version)


class _Dawdling(ClusterClient):
    """A connection that waits before the second page until an API server no longer has what the first is of."""

    plane: ControlPlane
    expired = 0

    async def get(self, path: str, query: Mapping[str, str] | None = None, *, seconds: float = 30) -> bytes:
        """GET, after a while."""
        if query and "continue" in query and not self.expired:
            end = time.monotonic() + _EXPIRY_SECONDS
            while await self._still_there(path, query):
                assert time.monotonic() < end, "the page did not expire"
                await admin(self.plane, "POST", maps("default"), {"metadata": {"generateName": "write-"}})
                await asyncio.sleep(0.3)
            self.expired += 1
        return await super().get(path, query, seconds=seconds)

    async def _still_there(self, path: str, query: Mapping[str, str]) -> bool:
        answer = await asyncio.to_thread(self.plane.admin.request, "GET", path, **query)
        assert answer.status in (200, 410)
        return answer.ok


async def test_what_etcd_has_forgotten(tmp_path: Path) -> None:
    """A list whose pages expire on the way begins again; a version from before a restart is too old: a new list."""
    found = binaries.find("etcd", "kube-apiserver")
    with restartable(tmp_path, found, ["--etcd-compaction-interval=1s"]) as (plane, server):
        names = fill(plane, "forgotten", 9)
        async with connected(plane, _Dawdling) as cluster:
            assert isinstance(cluster, _Dawdling)
            cluster.plane = plane
            sink = Recorder()
            reflector = Reflector(cluster, maps("forgotten"), _read, sink, page_size=4)
            async with beside(reflector.run()):
                await until(lambda: reflector.synced, _EXPIRY_SECONDS + 30)
            assert (set(sink.rows), sink.lists, cluster.expired) == (names, 1, 1)

            await admin(plane, "DELETE", f"{maps('forgotten')}/m0")
            await asyncio.to_thread(server.restart)
            plane.admin.close()
            async with beside(reflector.run()):
                await until(lambda: "m0" not in sink.rows)
            assert (set(sink.rows), sink.lists) == (names - {"m0"}, 2)


async def test_a_scan_whose_pages_expire_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind the last page, by the token that the refusal has: each object is judged once, none is missing."""
    found = binaries.find("etcd", "kube-apiserver")
    monkeypatch.setattr("webhook.scan.cluster.PAGE", 4)
    with restartable(tmp_path, found, ["--etcd-compaction-interval=1s"]) as (plane, _):
        plane.namespace("expiring")
        for number in range(9):
            template = {"metadata": {"name": f"t{number}"}, "template": {"spec": {"containers": [_CONTAINER]}}}
            plane.admin.must("POST", "/api/v1/namespaces/expiring/podtemplates", template)
        async with connected(plane, _Dawdling) as cluster:
            assert isinstance(cluster, _Dawdling)
            cluster.plane, cluster.expired = plane, 0
            scan = await scan_cluster(cluster, ClusterScan(parse_level_version("restricted")), lambda _: None)
        assert cluster.expired == 1
        (space,) = [row for row in scan.namespaces if row.name == "expiring"]
        assert sorted(row.name for row in space.workloads) == [f"t{number}" for number in range(9)]
        assert scan.kinds["PodTemplate"] == 9


async def test_an_api_server_that_shuts_down(tmp_path: Path) -> None:
    """It takes a while over it, with the watch open; afterwards the reflector goes on by itself."""
    found = binaries.find("etcd", "kube-apiserver")
    with restartable(tmp_path, found) as (plane, server):
        plane.namespace("shut")
        async with connected(plane) as cluster:
            sink = Recorder()
            async with beside(Reflector(cluster, maps("shut"), _read, sink).run()):
                await until(lambda: sink.lists)
                await asyncio.to_thread(server.restart)
                plane.admin.close()
                await admin(plane, "POST", maps("shut"), {"metadata": {"name": "m"}})
                await until(lambda: "m" in sink.rows, 30)
