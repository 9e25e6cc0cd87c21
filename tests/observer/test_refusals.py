"""Controllers whose pods are refused because of what an image is."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import msgspec
import pytest

from patches import Owner
from tests.gatherers.live_faults import beside, until
from webhook.cluster.api import ClusterClient
from webhook.cluster.items import Item
from webhook.errors import ClusterError
from webhook.images.facts import ImageEntry
from webhook.observer import refusals
from webhook.observer.refusals import Refusal, Refusals, read_refusal

_OWNER = Owner("apps/v1", "ReplicaSet", "web", "u")
_REFUSED = (
    'Error creating: pods "web-x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true (pod or '
    'container "app" must set securityContext.runAsNonRoot=true)'
)
_ENTRIES = {
    "root:1": ImageEntry(user=""),
    "name:1": ImageEntry(user="app"),
    "number:1": ImageEntry(user="5"),
    "named:1": ImageEntry(user="app", uid=5),
}
_ROOT = (
    'container "app" (image root:1) runs as root. To comply: set runAsUser to a user that the image supports, or use '
    "an image with a numeric USER"
)
_NAME = (
    'container "init" (image name:1) runs as a user by name, whose number is not known. To comply: set runAsUser to '
    "its number, or use an image with a numeric USER"
)


class Cluster:
    """An API server with one ReplicaSet, and what it was told."""

    def __init__(self, *containers: Any, **pod: Any) -> None:
        rows = [{"name": "app", **row} for row in containers]
        spec = {"containers": rows[:1], "initContainers": rows[1:], **pod}
        self.owner: Any = {"metadata": {"uid": "u"}, "spec": {"template": {"spec": spec}}}
        self.refuses: list[int] = []
        self.told: list[tuple[str, Owner, str, str]] = []

    async def get(self, path: str) -> bytes:
        """The ReplicaSet."""
        assert path == "/apis/apps/v1/namespaces/shop/replicasets/web"
        if self.refuses:
            raise ClusterError(self.refuses.pop(), "no")
        return msgspec.json.encode(self.owner)

    async def tell(self, *what: Any) -> None:
        """An Event."""
        self.told.append(what)

    def refusals(self) -> Refusals:
        """What looks into refusals."""
        return Refusals(cast("ClusterClient", self), lambda: _ENTRIES, self.tell, lambda: True)


def item(name: str = "e", owner: Owner = _OWNER) -> Item[Refusal | None]:
    """An Event of the controller."""
    return Item("shop", name, Refusal("shop", name, owner))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (_REFUSED, Refusal("shop", "e", _OWNER)),
        (_REFUSED.replace("runAsNonRoot", "privileged"), None),
        (f'admission webhook "pods.pod-security-defaulter.io" denied the request: {_REFUSED[46:]}', None),
        ("exceeded quota: runAsNonRoot", None),
    ],
)
def test_which_events_count(message: str, expected: Refusal | None) -> None:
    """Those of Pod Security Admission about runAsNonRoot; where our webhook refuses, its message says it already."""
    about = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "u"}
    event = {"metadata": {"name": "e", "namespace": "shop"}, "involvedObject": about, "message": message}
    assert read_refusal(msgspec.json.encode(event)) == expected


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [
        (
            Cluster({"image": "root:1"}),
            _ROOT,
        ),
        (Cluster({"image": "number:1"}, {"name": "init", "image": "name:1"}), _NAME),
        (Cluster({"image": "named:1"}), ""),
        (Cluster({"image": "unknown:1"}), ""),
        (Cluster({"image": "root:1"}, securityContext={"runAsUser": 5}), ""),
        (Cluster({"image": "root:1", "securityContext": {"runAsNonRoot": False}}), ""),
        (Cluster({}), ""),
    ],
)
async def test_what_a_controller_is_told(cluster: Cluster, expected: str) -> None:
    """Of each image that may not choose its user, what it is and the way out; nothing where the author chose."""
    found = cluster.refusals()
    async with beside(found.run()):
        for row in (item(), item("other"), item(owner=_OWNER._replace(kind="Pod", uid="p"))):
            found.put(row)
            await done(found)
    assert [row[3] for row in cluster.told] == ([f"pods are refused: {expected}"] if expected else [])
    assert all(row[:3] == ("shop", _OWNER, "PodsRefused") for row in cluster.told)


async def done(found: Refusals) -> None:
    """Wait until nothing is left to look into."""
    await until(lambda: not len(found._queue))
    await asyncio.sleep(0.01)


async def test_a_refusal_waits_for_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until this process leads, and for others of its namespace; one that is gone waits no longer."""
    monkeypatch.setattr(refusals, "_MOST_WAITING", 2)
    leads = False
    cluster = Cluster({"image": "root:1"})
    found = Refusals(cast("ClusterClient", cluster), lambda: _ENTRIES, cluster.tell, lambda: leads)
    found.put(item("old"))
    found.replace([item(name) for name in "abc"])
    assert len(found._queue) == 0
    leads = True
    found.delete(item("a"))
    found.delete(item("unknown"))
    found.offer()
    assert ([row.name for row in await found._queue.get_several(9)], found._new) == (["b", "c"], {})


async def test_a_failure_is_looked_into_when_it_comes_again() -> None:
    """The controller tries again, and its Event changes."""
    cluster = Cluster({"image": "root:1"})
    cluster.refuses = [500]
    found = cluster.refusals()
    async with beside(found.run()):
        for _ in range(2):
            found.put(item())
            await done(found)
    assert len(cluster.told) == 1


async def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The controller that was told first is forgotten, and told again, by the same Event."""
    monkeypatch.setattr(refusals, "_MOST_REMEMBERED", 1)
    cluster = Cluster({"image": "root:1"})
    found = cluster.refusals()
    async with beside(found.run()):
        for uid in ("u", "v", "v", "u"):
            cluster.owner["metadata"]["uid"] = uid
            found.put(item(owner=_OWNER._replace(uid=uid)))
            await done(found)
    assert [about.uid for _, about, *_ in cluster.told] == ["u", "v", "u"]
