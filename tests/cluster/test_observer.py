"""The observer at a real API server. Statuses are written as a kubelet writes them; tests/node has a real one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from patches import APPLIED_ANNOTATION, MODE_LABEL, ImageFacts, Lesson
from tests.cluster import binaries
from tests.cluster.client import pods
from tests.cluster.control_plane import ControlPlane
from tests.cluster.following import admin, connected, following
from tests.cluster.pki import Authority
from tests.cluster.programs import restartable
from tests.cluster.proxy import proxied
from tests.gatherers.live_cluster import configured
from tests.gatherers.live_faults import beside, until
from tests.registry.conftest import USER, encoded, running_registry
from tests.registry.content import PASSWD, image, layer
from tests.review.builders import pod, request, sent
from webhook.errors import ConfigurationError
from webhook.images.catalog import ImageCatalog
from webhook.images.config_map import follow_config_maps
from webhook.images.facts import read_image_facts
from webhook.images.shards import KEY, NAME
from webhook.observer.observer import Observer
from webhook.review.reviewer import Reviewer

pytestmark = pytest.mark.cluster

_SECONDS: Final = 30.0
_QUIET_SECONDS: Final = 4.0
_ROOT: Final = "container has runAsNonRoot and image will run as root"
_NON_ROOT: Final[Any] = {"securityContext": {"runAsNonRoot": True}}


@asynccontextmanager
async def observing(
    plane: ControlPlane, own: str, name: str = "one", *, server: str = "", **settings: Any
) -> AsyncIterator[Observer]:
    """An observer that runs with these settings; `own` is its namespace, `server` by which to reach the API server."""
    configuration = configured(observer=settings)
    async with connected(plane, server=server) as client:
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


def create_pod(
    plane: ControlPlane,
    namespace: str,
    name: str,
    owner: Any,
    status: Any,
    *,
    applied: str = "runAsNonRoot:pod",
    **spec: Any,
) -> Any:
    """A pod of a controller, with our annotation and a status of its container; what the API server made of it."""
    metadata: dict[str, Any] = {"name": name, "annotations": {APPLIED_ANNOTATION: applied}}
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


def clear(plane: ControlPlane, namespace: str) -> None:
    """Delete all pods: the observers of other tests see them too."""
    for row in plane.admin.must("GET", pods(namespace))["items"]:
        plane.admin.must("DELETE", f"{pods(namespace)}/{row['metadata']['name']}", {"gracePeriodSeconds": 0})


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
    assert len(plane.admin.must("GET", pods(shop))["items"]) == 6
    clear(plane, shop)


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
        assert web["metadata"]["uid"] in entries(plane, own)["web:1"].recreated[shop]
        create_pod(plane, shop, "web-3", web, HANGS, **_NON_ROOT)
        await until(lambda: ("Pod", "web-3") in events(plane, shop), _SECONDS)
        with pytest.raises((TimeoutError, AssertionError)):
            await until(lambda: "web-3" not in names(), _QUIET_SECONDS)
        assert observer.reporter.healed == 2
    create_pod(plane, shop, "web-4", web, HANGS, **_NON_ROOT)
    new = replica_set(plane, shop, "new")
    create_pod(plane, shop, "new-1", new, HANGS, **_NON_ROOT)
    async with observing(plane, own, "another", heal="recreate") as observer:  # which remembers nothing by itself
        await until(lambda: observer.reporter.healed == 1, _SECONDS)
        await until(lambda: ("Pod", "web-4") in events(plane, shop), _SECONDS)
        await asyncio.sleep(_QUIET_SECONDS)
    assert names() == {"forged", "bare", "ran", "web-3", "web-4"}
    clear(plane, shop)


def _ended(code: int, reason: str = "Error", **parts: Any) -> Any:
    """A container in a crash loop."""
    times = {"startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:00Z"}
    last = {"exitCode": code, "reason": reason, **times, **parts}
    waiting = {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container"}
    return {"state": {"waiting": waiting}, "lastState": {"terminated": last}, "restartCount": 3}


def _refused(message: str) -> Any:
    return {"state": {"waiting": {"reason": "CreateContainerConfigError", "message": message}}}


_READ_ONLY: Final = {"readOnlyRootFilesystem": True}
_DROPPED: Final = {"capabilities": {"drop": ["ALL"]}}
_LIMITED: Final = {"limits": {"memory": "32Mi"}}
_EXEC: Final = 'exec: "/app": operation not permitted'
_FAILED_BEFORE: Final[dict[str, tuple[Any, Any]]] = {
    "crash": (_ended(1), {}),
    "aborted": (_ended(134), {}),
    "killed": (_ended(137), {}),
    "memory": (_ended(137, "OOMKilled"), {"resources": _LIMITED}),
    "root": (_refused(_ROOT), {"securityContext": _NON_ROOT["securityContext"]}),
    "name": (
        _refused("container has runAsNonRoot and image has non-numeric user (app), cannot verify user is non-root"),
        {"securityContext": _NON_ROOT["securityContext"]},
    ),
    "exec": (_ended(128, "StartError", message=_EXEC), {"securityContext": _DROPPED}),
    "exec-runc": (_ended(255), {"securityContext": _DROPPED}),
    "missing": (_ended(128, "StartError", message='exec: "/app": no such file or directory'), {}),
    "secret": (_refused('secret "key" not found'), {}),
}
"""How a container fails, and what its author wrote."""
_ALL: Final = "readOnlyRootFilesystem,seccompProfile,capabilities,runAsNonRoot,resources,allowPrivilegeEscalation"


async def test_what_failed_before_is_not_blamed_on_a_default(plane: ControlPlane) -> None:
    """Ten workloads that fail alike before a rollout with every default and after it; nor what another webhook did.

    That added a field which our annotation does not name, or a container of its own.
    """
    own, shop = plane.namespace("observer-before"), plane.namespace("observer-before-shop")
    owners = {name: replica_set(plane, shop, name) for name in (*_FAILED_BEFORE, "other", "injected", "web")}
    before, after = {}, {}
    for name, (status, written) in _FAILED_BEFORE.items():
        before[name] = [{"name": "app", "image": f"{name}:1", **written}]
        security = {**_READ_ONLY, **_DROPPED, "runAsNonRoot": True, **written.get("securityContext", {})}
        after[name] = [{"name": "app", "image": f"{name}:1", "resources": _LIMITED, "securityContext": security}]
        create_pod(plane, shop, f"{name}-1", owners[name], status, applied="", containers=before[name])
    create_pod(plane, shop, "injected-1", owners["injected"], runs(7), applied="")
    async with observing(plane, own) as observer:
        for name, (status, _) in _FAILED_BEFORE.items():
            create_pod(plane, shop, f"{name}-2", owners[name], status, applied=_ALL, containers=after[name])
        create_pod(plane, shop, "other-1", owners["other"], HANGS, applied="seccompProfile", **_NON_ROOT)
        sidecar = {"name": "sidecar", "image": "sidecar:1", "securityContext": _READ_ONLY}
        containers = [{"name": "app", "image": "injected:1", "securityContext": _READ_ONLY}, sidecar]
        create_pod(plane, shop, "injected-2", owners["injected"], runs(7), applied=_ALL, containers=containers)
        set_status(plane, shop, "injected-2", {"name": "sidecar", **_ended(1)})
        create_pod(plane, shop, "web-1", owners["web"], HANGS, **_NON_ROOT)
        await until(lambda: events(plane, shop) == [("Pod", "web-1"), ("ReplicaSet", "web")], _SECONDS)
        await until(lambda: observer.reporter.suspected, _SECONDS)
        assert (observer.reporter.suspected.total(), observer.hanging) == (1, 1)
    async with observing(plane, own, "another") as observer:  # which sees both at once
        await until(lambda: observer.hanging == 1, _SECONDS)
        await asyncio.sleep(1)
        assert observer.reporter.suspected.total() == 1
    assert events(plane, shop) == [("Pod", "web-1"), ("ReplicaSet", "web")]
    clear(plane, shop)


async def test_a_crash_is_told_at_the_next_admission(plane: ControlPlane) -> None:
    """In its own namespace, until the container has run with the default."""
    own = plane.namespace("observer-crash")
    shop, bank = (plane.namespace(f"observer-crash-{name}", {MODE_LABEL: "enforce"}) for name in ("shop", "bank"))
    settings, web_1 = {"readOnlyRootFilesystem": {"enabled": True}}, {"name": "app", "image": "web:1"}
    web = replica_set(plane, shop, "web")
    containers = [{"name": "app", "image": "web:1", "securityContext": _READ_ONLY}]
    applied = "readOnlyRootFilesystem:containers/app"
    create_pod(plane, shop, "web-1", web, runs(7), applied="")
    async with observing(plane, own):
        create_pod(plane, shop, "web-2", web, _ended(1), applied=applied, containers=containers)
        await until(lambda: "web:1" in entries(plane, own) and entries(plane, own)["web:1"].suspected, _SECONDS)
        assert entries(plane, own)["web:1"].suspected == {shop: ("readOnlyRootFilesystem",)}
        assert events(plane, shop) == [("Pod", "web-2"), ("ReplicaSet", "web")]
        async with following(plane, settings=settings) as live, connected(plane) as client:
            catalog = ImageCatalog(lambda: timedelta(days=7), live.gatherer.use_images)
            async with beside(follow_config_maps(client, own, catalog).run()):
                await until(catalog.counts, _SECONDS)
                for space, count in ((shop, 1), (bank, 0)):
                    asked = request(pod(metadata={"namespace": space}, containers=[web_1]), namespace=space)
                    answer = sent(await Reviewer(live.namespaces).mutate(asked))
                    assert "patch" in answer
                    assert sum("failed here before" in text for text in answer.get("warnings", [])) == count
        create_pod(plane, shop, "web-3", web, runs(7), applied=applied, containers=containers)
        await until(lambda: not entries(plane, own)["web:1"].suspected, _SECONDS)
    clear(plane, shop)


async def test_a_controller_whose_pods_are_refused_because_of_an_image(plane: ControlPlane) -> None:
    """By Pod Security Admission, in whose words the controller tells it: ours name the image and the way out."""
    own = plane.namespace("observer-refuses")
    shop = plane.namespace("observer-refused", {"pod-security.kubernetes.io/enforce": "restricted"})
    security = {**_DROPPED, "allowPrivilegeEscalation": False, "seccompProfile": {"type": "RuntimeDefault"}}
    rows = [{"name": "app", "image": "denied:1", "securityContext": security}]
    owner = replica_set(plane, shop, "denied", containers=rows)["metadata"]
    answer = plane.admin.create(pods(shop), {"metadata": {"name": "denied-1"}, "spec": {"containers": rows}})
    about = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "namespace": shop, "name": "denied", "uid": owner["uid"]}
    event = {"involvedObject": about, "type": "Warning", "reason": "FailedCreate"}
    event["message"] = f"Error creating: {answer.message}"
    path = f"/api/v1/namespaces/{shop}/events"
    async with observing(plane, own) as observer:
        await until(lambda: observer.leads, _SECONDS)
        learnt = Lesson("denied:1", ImageFacts(user="", uid=0), by_kubelet=True)
        assert observer.book.learn(learnt, shop, datetime.now(UTC))
        for name in ("denied.1", "denied.2"):
            plane.admin.must("POST", path, {**event, "metadata": {"name": name}})
            await until(lambda: plane.admin.must("GET", f"{path}?fieldSelector=reason=PodsRefused")["items"], _SECONDS)
    (ours,) = plane.admin.must("GET", f"{path}?fieldSelector=reason=PodsRefused")["items"]
    assert ours["involvedObject"] == about
    assert ours["message"] == (
        'pods are refused: container "app" (image denied:1) runs as root. To comply: set runAsUser to a user that the '
        "image supports, or use an image with a numeric USER"
    )


async def test_it_goes_on_after_the_api_server_was_away(tmp_path: Path) -> None:
    """And after every connection was cut: it follows, leads, writes and tells again."""
    found = binaries.find("etcd", "kube-apiserver")
    with restartable(tmp_path, found) as (plane, server), proxied(int(plane.address.rpartition(":")[2])) as proxy:
        own, shop = plane.namespace("own"), plane.namespace("shop")
        async with observing(plane, own, server=f"https://127.0.0.1:{proxy.port}") as observer:

            async def works(name: str) -> None:
                plane.admin.close()
                plane.bypassing.close()
                owner = replica_set(plane, shop, name)
                create_pod(plane, shop, f"{name}-1", owner, HANGS, **_NON_ROOT)
                await until(lambda: f"{name}:1" in entries(plane, own), 2 * _SECONDS)
                await until(lambda: ("ReplicaSet", name) in events(plane, shop), 2 * _SECONDS)

            await works("before")
            proxy.cut()
            await works("cut")
            await asyncio.to_thread(server.restart)
            await works("away")
            await asyncio.to_thread(plane.admin.must, "DELETE", f"/api/v1/namespaces/{own}/configmaps/{NAME}")
            await until(lambda: len(entries(plane, own)) == 3, _SECONDS)
            assert observer.hanging == 3


async def test_a_registry_tells_before_a_pod_hangs(
    plane: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A private image, by the pull secret of its own pod; the namespace beside it has no such Secret."""
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.cert))
    own, shop, bank = (plane.namespace(f"registry-{name}") for name in ("own", "shop", "bank"))
    with running_registry(authority, tmp_path, USER) as registry:
        for name in ("shop", "bank"):
            await asyncio.to_thread(registry.push, name, "1", image("web", [layer({"etc/passwd": PASSWD})]))
        text = json.dumps({"auths": {registry.host: {"auth": encoded(USER)}}})
        secret = {"type": "kubernetes.io/dockerconfigjson", "metadata": {"name": "pull"}}
        secret |= {"stringData": {".dockerconfigjson": text}}
        plane.admin.must("POST", f"/api/v1/namespaces/{shop}/secrets", secret)
        settings = {"enabled": True, "allow": [registry.host], "pullSecrets": "pod"}
        async with observing(plane, own, registry=settings) as observer:
            await until(lambda: observer.leads, _SECONDS)
            for space, name in ((bank, "bank"), (shop, "shop")):
                spec = {
                    "containers": [{"name": "app", "image": f"{registry.host}/{name}:1"}],
                    "imagePullSecrets": [{"name": "pull"}],
                }
                await admin(plane, "POST", pods(space), {"metadata": {"name": "app"}, "spec": spec})
            await until(lambda: dict(observer.registries.asked) == {"answered": 1, "failed": 1}, _SECONDS)
            await until(lambda: f"{registry.host}/shop:1" in entries(plane, own), _SECONDS)
            entry = entries(plane, own)[f"{registry.host}/shop:1"]
            assert (entry.user, entry.uid, entry.source, entry.namespace) == ("web", 101, "registry", shop)
            assert f"{registry.host}/bank:1" not in entries(plane, own)
    for space in (shop, bank):  # the observers of other tests see them too
        await admin(plane, "DELETE", f"{pods(space)}/app")
