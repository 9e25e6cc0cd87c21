"""The observer at a real API server. Statuses are written as a kubelet writes them; tests/node has a real one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest

from patches import APPLIED_ANNOTATION
from tests.cluster.client import pods
from tests.cluster.control_plane import ControlPlane
from tests.cluster.following import admin, connected
from tests.gatherers.live_cluster import configured
from tests.gatherers.live_faults import beside, until
from webhook.errors import ConfigurationError
from webhook.images.facts import read_image_facts
from webhook.images.shards import KEY, NAME
from webhook.observer.observer import Observer

pytestmark = pytest.mark.cluster

_SECONDS: Final = 15.0
_QUIET_SECONDS: Final = 4.0
_ROOT: Final = "container has runAsNonRoot and image will run as root"
_NON_ROOT: Final = {"securityContext": {"runAsNonRoot": True}}


@asynccontextmanager
async def observing(plane: ControlPlane, own: str, name: str = "one", heal: str = "off") -> AsyncIterator[Observer]:
    """An observer that runs; `own` is its namespace."""
    configuration = configured(observer={"heal": heal})
    async with connected(plane) as client:
        lease = f"/apis/coordination.k8s.io/v1/namespaces/{own}/leases/observer"
        observer = Observer(client, own, (lease, name), lambda: configuration)
        async with beside(observer.run()):
            await until(lambda: observer.synced, _SECONDS)
            yield observer


def replica_set(plane: ControlPlane, namespace: str, name: str, **pod: Any) -> Any:
    """A ReplicaSet that makes no pods: nobody runs its controller."""
    labels = {"app": name}
    spec = {"containers": [{"name": "app", "image": f"{name}:1"}], **pod}
    value = {
        "metadata": {"name": name},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }
    return plane.bypassing.must("POST", f"/apis/apps/v1/namespaces/{namespace}/replicasets", value)


def create_pod(plane: ControlPlane, namespace: str, name: str, owner: Any, status: Any, **spec: Any) -> Any:
    """A pod of a controller, with our annotation and a status of its container; what the API server made of it."""
    metadata: dict[str, Any] = {"name": name, "annotations": {APPLIED_ANNOTATION: "runAsNonRoot:pod"}}
    image = "bare:1"
    if owner is not None:
        reference = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "controller": True}
        metadata["ownerReferences"] = [
            {**reference, "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]},
        ]
        image = f"{owner['metadata']['name']}:1"
    value = {"metadata": metadata, "spec": {"containers": [{"name": "app", "image": image}], **spec}}
    plane.bypassing.must("POST", pods(namespace), value)
    return set_status(plane, namespace, name, status)


def set_status(plane: ControlPlane, namespace: str, name: str, status: Any) -> Any:
    """Write the status of a pod's container, as a kubelet does."""
    row = {"name": "app", "image": "app", "imageID": "", "ready": False, "restartCount": 0, **status}
    body = {"status": {"containerStatuses": [row]}}
    return plane.bypassing.must("PATCH", f"{pods(namespace)}/{name}/status", body, "application/merge-patch+json")


def runs(uid: int) -> Any:
    """A container that runs as this user."""
    linux = {"uid": uid, "gid": uid}
    return {"state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}, "user": {"linux": linux}}


HANGS: Final = {"state": {"waiting": {"reason": "CreateContainerConfigError", "message": _ROOT}}}


def entries(plane: ControlPlane, own: str) -> Any:
    """What the ConfigMap says; nothing without it, None if it cannot be read."""
    answer = plane.admin.request("GET", f"/api/v1/namespaces/{own}/configmaps/{NAME}")
    if not answer.ok:
        return {}
    try:
        return read_image_facts(answer.body["data"][KEY].encode(), "f")
    except ConfigurationError:
        return None


def events(plane: ControlPlane, namespace: str) -> list[tuple[str, str]]:
    """Whom Events of ours concern."""
    rows = plane.admin.must("GET", f"/api/v1/namespaces/{namespace}/events")["items"]
    found = [row["involvedObject"] for row in rows if row["reason"].startswith("Default")]
    return sorted((row["kind"], row["name"]) for row in found)


async def test_it_writes_what_it_learns(plane: ControlPlane) -> None:
    """Within seconds; again where someone deletes or spoils the ConfigMap; and leaves what people declare."""
    own, shop = plane.namespace("observer-writes"), plane.namespace("observer-shop")
    owner = replica_set(plane, shop, "web")
    create_pod(plane, shop, "web-1", owner, runs(101))
    config_map = f"/api/v1/namespaces/{own}/configmaps/{NAME}"
    async with observing(plane, own):
        await until(lambda: entries(plane, own).get("web:1"), _SECONDS)
        entry = entries(plane, own)["web:1"]
        assert (entry.uid, entry.gid, entry.source) == (101, 101, "running")
        await admin(plane, "DELETE", config_map)
        await until(lambda: entries(plane, own).get("web:1"), _SECONDS)
        await admin(plane, "PATCH", config_map, {"data": {KEY: "kind: ["}})
        await until(lambda: (entries(plane, own) or {}).get("web:1"), _SECONDS)
        text = json.loads((await admin(plane, "GET", config_map))["data"][KEY])
        text["images"]["mine:1"] = {"user": "5"}
        text["images"]["web:1"] = {"user": "7"}
        await admin(plane, "PATCH", config_map, {"data": {KEY: json.dumps(text)}})
        set_status(plane, shop, "web-1", runs(102))
        create_pod(plane, shop, "db-1", replica_set(plane, shop, "db"), runs(7))
        await until(lambda: "db:1" in (entries(plane, own) or {}), _SECONDS)
        found = entries(plane, own)
        assert (found["mine:1"].user, found["web:1"].user) == ("5", "7")


async def test_of_two_one_writes(plane: ControlPlane) -> None:
    """The other learns the same, and goes on where the first one ends."""
    own, shop = plane.namespace("observer-two"), plane.namespace("observer-two-shop")
    create_pod(plane, shop, "web-1", replica_set(plane, shop, "web"), runs(101))
    async with observing(plane, own, "second") as second:
        async with observing(plane, own, "first") as first:
            await until(lambda: entries(plane, own).get("web:1"), _SECONDS)
            leading = [observer for observer in (first, second) if observer.leads]
            (follower,) = [observer for observer in (first, second) if observer not in leading]
            assert (len(leading), follower.writer.writes) == (1, 0)
            assert follower.book.entries["web:1"].uid == 101
        await until(lambda: second.leads, _SECONDS)
        create_pod(plane, shop, "db-1", replica_set(plane, shop, "db"), runs(7))
        await until(lambda: "db:1" in entries(plane, own), _SECONDS)


async def test_what_hangs_is_told_once(plane: ControlPlane) -> None:
    """On the pod and its controller, and never on the word of an annotation."""
    own, shop = plane.namespace("observer-tells"), plane.namespace("observer-hangs")
    web = replica_set(plane, shop, "web")
    create_pod(plane, shop, "web-1", web, HANGS, **_NON_ROOT)
    create_pod(plane, shop, "web-2", web, HANGS, **_NON_ROOT)
    create_pod(plane, shop, "forged", replica_set(plane, shop, "own", **_NON_ROOT), HANGS, **_NON_ROOT)
    create_pod(plane, shop, "no-field", replica_set(plane, shop, "plain"), HANGS)
    create_pod(plane, shop, "bare", None, HANGS, **_NON_ROOT)
    other = {"metadata": {"name": "web", "uid": "00000000-0000-0000-0000-000000000000"}}
    create_pod(plane, shop, "of-another", other, HANGS, **_NON_ROOT)
    expected = [("Pod", "web-1"), ("Pod", "web-2"), ("ReplicaSet", "web")]
    for name in ("one", "two"):  # the second begins anew, and finds the Events of the first
        async with observing(plane, own, name, heal="off") as observer:
            await until(lambda: observer.reporter.suspected.total() == 2, _SECONDS)
            assert observer.hanging == 2
            await until(lambda: events(plane, shop) == expected, _SECONDS)
    rows = plane.admin.must("GET", f"/api/v1/namespaces/{shop}/events")["items"]
    (message,) = {row["message"] for row in rows}
    assert message == (
        f'container "app" (image web:1) does not start because of the default runAsNonRoot: {_ROOT}. '
        "To comply: set runAsUser to a user that the image supports, or use an image with a numeric USER"
    )
    left = plane.admin.must("GET", pods(shop))["items"]
    assert len(left) == 6
    for pod in left:  # the observers of other tests see them too
        plane.admin.must("DELETE", f"{pods(shop)}/{pod['metadata']['name']}", {"gracePeriodSeconds": 0})


async def test_what_hangs_is_made_anew_once(plane: ControlPlane) -> None:
    """Only pods that never ran, of which a field of ours is the cause; a successor that hangs too is left alone."""
    own, shop = plane.namespace("observer-heals"), plane.namespace("observer-healed")
    web, own_field = replica_set(plane, shop, "web"), replica_set(plane, shop, "own", **_NON_ROOT)
    create_pod(plane, shop, "web-1", web, HANGS, **_NON_ROOT)
    create_pod(plane, shop, "web-2", web, HANGS, **_NON_ROOT)
    create_pod(plane, shop, "forged", own_field, HANGS, **_NON_ROOT)
    create_pod(plane, shop, "bare", None, HANGS, **_NON_ROOT)
    ran = {**HANGS, "lastState": {"terminated": {"exitCode": 0, "reason": "Completed"}}, "restartCount": 1}
    create_pod(plane, shop, "ran", replica_set(plane, shop, "job"), ran, **_NON_ROOT)

    def names() -> set[str]:
        return {
            pod["metadata"]["name"]
            for pod in plane.admin.must("GET", pods(shop))["items"]
            if "deletionTimestamp" not in pod["metadata"]
        }

    async with observing(plane, own, heal="recreate") as observer:
        await until(lambda: names() == {"forged", "bare", "ran"}, _SECONDS)
        await until(lambda: observer.reporter.healed == 2, _SECONDS)
        assert "web:1" in entries(plane, own)
        create_pod(plane, shop, "web-3", web, HANGS, **_NON_ROOT)
        await until(lambda: ("Pod", "web-3") in events(plane, shop), _SECONDS)
        with pytest.raises((TimeoutError, AssertionError)):
            await until(lambda: "web-3" not in names(), _QUIET_SECONDS)
        assert observer.reporter.healed == 2
