"""What happens to a cluster, under load: at least 500 admissions in each window, counted by the client, none failed.

A control plane of its own, whose API server is stopped and started; our server reaches it through a proxy that is cut.
While the API server is away, reviews are sent straight to us, as another API server of the same cluster would.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

import pytest

from tests.cluster import binaries
from tests.cluster.client import MERGE_PATCH
from tests.cluster.installed import MODE, NAME, Install, eventually, installed
from tests.cluster.kubectl import Kubectl
from tests.cluster.load import Load, bundle_of, note, straight, through_the_api_server
from tests.cluster.programs import ApiServer, restartable
from tests.cluster.proxy import Proxy, proxied
from tests.cluster.telling import LINES
from tests.review.builders import pod, review

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

_SPACE: Final = "loaded"


class Scene(NamedTuple):
    """An install whose API server can be stopped, and the proxy between them."""

    install: Install
    server: ApiServer
    proxy: Proxy

    def straight(self) -> Load:
        """Reviews of the namespace, sent to us by another API server, which knows our CA."""
        asked = review(pod(metadata={"namespace": _SPACE}), namespace=_SPACE)
        bundle = bundle_of(self.install.plane)
        return straight(asked, lambda: bundle, f"{NAME}.{NAME}.svc")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The base, and a namespace that has opted in."""
    found = binaries.find("etcd", "kube-apiserver", "kubectl")
    directory = tmp_path_factory.mktemp("loaded-plane")
    with restartable(directory, found) as (plane, server), proxied(int(plane.address.rpartition(":")[2])) as proxy:
        kubectl = Kubectl(plane, tmp_path_factory.mktemp("kubectl"))
        with installed(
            plane,
            kubectl,
            tmp_path_factory.mktemp("installed"),
            server=f"https://127.0.0.1:{proxy.port}",
        ) as install:
            plane.namespace(_SPACE, {MODE: "enforce"})
            eventually(lambda: install.is_defaulted(_SPACE), "the API server asks us")
            yield Scene(install, server, proxy)


def _follows(scene: Scene, value: str) -> None:
    """Change the namespace, and wait until the change is seen: the caches follow."""
    plane = scene.install.plane
    label = {"metadata": {"labels": {MODE: "enforce", f"{NAME}.io/profile": value}}}
    plane.admin.must("PATCH", f"/api/v1/namespaces/{_SPACE}", label, MERGE_PATCH)
    wanted = value != "privileged"
    eventually(lambda: scene.install.is_defaulted(_SPACE) is wanted, f"the profile is {value}")


def test_a_burst(scene: Scene) -> None:
    """Of 2,000 pods, 64 at once, as of a large rollout: each is defaulted."""
    start = time.monotonic()
    load = through_the_api_server(scene.install, _SPACE)
    with ThreadPoolExecutor(64) as pool:
        problems = list(filter(None, pool.map(lambda _: load.once(), range(2000))))
    assert not problems, problems[:3]
    LINES.append(f"burst: 2000 admissions in {time.monotonic() - start:.0f} s, none failed")


def test_the_configuration_is_swapped(scene: Scene) -> None:
    """Ten times, with a bad one among them: nine come into use, the bad one is told."""
    start, install = time.monotonic(), scene.install
    with through_the_api_server(install, _SPACE).running() as load:
        for number in range(10):
            lines = len(install.log)
            text = "mode: perhaps\n" if number == 5 else f"mode: enforce\n# {number}\n"
            digest = hashlib.sha256(text.encode()).hexdigest()[:12]
            said = "keeping the one before" if number == 5 else f"configuration {digest}"
            install.configure(text)
            eventually(lambda: any(said in row["message"] for row in install.log[lines:]), said)  # noqa: B023 (at once)
            load.window(50)
    note("configuration swapped", load, start)
    assert load.answered >= 500


def test_the_watch_is_cut(scene: Scene) -> None:
    """Every connection to the API server breaks off, several times; then the caches follow again."""
    start = time.monotonic()
    with through_the_api_server(scene.install, _SPACE).running() as load:
        for _ in range(5):
            assert scene.proxy.cut() >= 1
            load.window(110)
    note("watch cut", load, start)
    _follows(scene, "privileged")
    _follows(scene, "restricted")


def test_the_api_server_is_restarted(scene: Scene) -> None:
    """While it is away we answer from the caches; when it is back, they follow, from an expired version too."""
    start, plane = time.monotonic(), scene.install.plane
    with scene.straight().running() as load:
        load.window()
        scene.server.kill()
        away = load.answered
        load.window()
        assert load.answered - away >= 500
        scene.server.start()
        plane.admin.close()
        load.window()
    note("API server restarted", load, start)
    eventually(lambda: scene.install.is_defaulted(_SPACE), "admission through the API server")
    _follows(scene, "privileged")
    _follows(scene, "restricted")


def test_the_version_has_expired(scene: Scene) -> None:
    """Cut off while much happens and the API server starts anew: 410, and a new list."""
    start, plane = time.monotonic(), scene.install.plane
    lines = len(scene.install.log)
    with scene.straight().running() as load:
        scene.proxy.cut(closed=True)
        for number in range(50):
            plane.admin.must("POST", "/api/v1/namespaces", {"metadata": {"name": f"meanwhile-{number}"}})
        scene.server.kill()
        scene.server.start()
        plane.admin.close()
        load.window()
        scene.proxy.heal()
        eventually(lambda: _knows_all(scene), "the caches have what happened")
        load.window()
    note("resourceVersion expired", load, start)
    told = [row["message"] for row in scene.install.log[lines:] if row["logger"] == "webhook.cluster"]
    expired = told.index("/api/v1/namespaces: resourceVersion expired, listing again")
    assert any(row.startswith("/api/v1/namespaces: listed ") for row in told[expired:]), told
    _follows(scene, "privileged")
    _follows(scene, "restricted")


def _knows_all(scene: Scene) -> bool:
    """Whether as many namespaces are in the cache as there are."""
    page = scene.install.get("/metrics")[1]
    count = next(line for line in page.splitlines() if line.startswith('psd_cache_objects{kind="namespaces"}'))
    there = len(scene.install.plane.admin.must("GET", "/api/v1/namespaces")["items"])
    return float(count.rpartition(" ")[2]) == there
