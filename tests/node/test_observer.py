"""The loop from a failed start to the next admission: servers in Deployments, the product as pods, a real kubelet."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Collection, Iterator
from typing import Any, Final

import pytest

from patches.policy.policy import PREFIX
from tests.cluster.client import MERGE_PATCH, pods
from tests.cluster.installed import MODE, NAME
from tests.node.image_facts import Known, tagged
from tests.node.node import Node
from tests.node.product import OBSERVER, Product, installing
from tests.node.programs import NODE
from tests.node.servers import SERVERS, Server
from tests.node.telling import tell

pytestmark = pytest.mark.node

_CONFIG_MAP: Final = f"/api/v1/namespaces/{NAME}/configmaps/pod-security-defaulter-images"
_POLL_SECONDS: Final = 0.5
_LEARNT_SECONDS: Final = 5
_AVAILABLE_SECONDS: Final = 60
_NO_REQUESTS: Final = {  # the node has not the CPU that all servers would request
    "name": NAME,
    "behavior": "merge",
    "literals": [
        "50-test.yaml="
        + json.dumps(
            {
                "apiVersion": f"{NAME}.io/v1alpha1",
                "kind": "DefaulterConfiguration",
                "settings": {"resources": {"enabled": False}},
            }
        )
    ],
}
_ENFORCED: Final = {MODE: "enforce", f"{PREFIX}profile": "restricted"}
_DEFAULT: Final = re.compile(r"\(image localhost/([^:]+):.* because of the default (\w+)[:.].* To comply: ")


def _hangs(server: Server) -> bool:
    """Whether a server never starts as long as nothing is known of its image."""
    return server.is_root or server.has_user_name or server.file_capabilities


_HANGING: Final = [server for server in SERVERS if _hangs(server)]
_EXPECTED: Final = {
    server.name: "runAsNonRoot" if server.is_root or server.has_user_name else "capabilities" for server in _HANGING
}
"""The default that keeps each from starting."""


@pytest.fixture(scope="module")
def ran(node: Node) -> Iterator[str]:
    """A namespace with Deployments that are available before the product is installed."""
    namespace = node.plane.namespace("ran")
    _create(node, namespace, _HANGING, Known.STALE)
    seconds = _wait("available without us", lambda: not _unavailable(node, namespace), 180)
    tell(f"{len(_HANGING)} Deployments without us: available after {seconds:.0f} s")
    yield namespace
    _clear(node, namespace)


@pytest.fixture(scope="module")
def installed(ran: str, node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Base, applied while the servers of `ran` run."""
    with installing(node, tmp_path_factory.mktemp("observed")) as product:
        product.apply("observed", configMapGenerator=[_NO_REQUESTS])
        product.wait()
        product.wait(OBSERVER)
        node.plane.admin.must("PATCH", f"/api/v1/namespaces/{ran}", {"metadata": {"labels": _ENFORCED}}, MERGE_PATCH)
        yield product


def _deployment(server: Server, known: Known, round_: int = 1) -> Any:
    labels = {"app": server.name}
    template = {
        "metadata": {"labels": labels, "annotations": {"round": str(round_)}},
        "spec": {
            "nodeName": NODE,
            "terminationGracePeriodSeconds": 1,
            "containers": [{"name": "server", "image": tagged(server, known)}],
        },
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": server.name},
        "spec": {
            "replicas": 1,
            "minReadySeconds": 3,
            "selector": {"matchLabels": labels},
            "strategy": {"type": "Recreate"},
            "template": template,
        },
    }


def _create(node: Node, namespace: str, servers: Collection[Server], known: Known) -> None:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    for server in servers:
        node.plane.admin.must("POST", path, _deployment(server, known))


def _roll_out(node: Node, namespace: str, servers: Collection[Server], known: Known) -> tuple[float, set[str]]:
    """Change every Deployment; how long it took until all were available again, and which had a pod that hung."""
    hung: set[str] = set()
    for server in servers:
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{server.name}"
        node.plane.admin.must("PUT", path, _deployment(server, known, 2))

    def rolled_out() -> bool:
        hung.update(_hanging(node, namespace))
        return _unavailable(node, namespace, 2) <= hung

    return _wait("the next rollout", rolled_out, 180), hung


def _unavailable(node: Node, namespace: str, round_: int = 1) -> set[str]:
    """The Deployments whose present generation is not available."""
    rows = node.plane.admin.must("GET", f"/apis/apps/v1/namespaces/{namespace}/deployments")["items"]
    return {
        row["metadata"]["name"]
        for row in rows
        if row["spec"]["template"]["metadata"]["annotations"]["round"] != str(round_)
        or row["status"].get("observedGeneration") != row["metadata"]["generation"]
        or not row["status"].get("availableReplicas")
        or row["status"].get("updatedReplicas") != 1
    }


def _hanging(node: Node, namespace: str) -> set[str]:
    """The Deployments with a pod whose container the kubelet or the kernel refuses to start."""
    found = set()
    for pod in node.plane.admin.must("GET", pods(namespace))["items"]:
        for row in pod["status"].get("containerStatuses") or ():
            states = (row.get("state", {}), row.get("lastState", {}))
            text = json.dumps(states)
            if "CreateContainerConfigError" in text or '"exitCode": 255' in text:
                found.add(pod["metadata"]["labels"]["app"])
    return found


def _entries(node: Node) -> dict[str, Any]:
    answer = node.plane.admin.request("GET", _CONFIG_MAP)
    text = (answer.body.get("data") or {}).get("images.yaml", "") if answer.ok else ""
    found: dict[str, Any] = json.loads(text)["images"] if text else {}
    return found


def _wait(what: str, holds: Any, seconds: float) -> float:
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, what
        time.sleep(_POLL_SECONDS)
    return time.monotonic() - began


def _clear(node: Node, namespace: str) -> None:
    for server in SERVERS:
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{server.name}"
        node.plane.admin.request("DELETE", path, {"propagationPolicy": "Background"})
    node.wait_until_gone(namespace)


def test_what_runs_already_does_not_hang_at_the_next_rollout(node: Node, installed: Product, ran: str) -> None:
    """Its user was seen before. File capabilities show nowhere while a container runs: the rollout teaches them."""
    seconds, hung = _roll_out(node, ran, _HANGING, Known.STALE)
    tell(f"what ran before us: rolled out after {seconds:.0f} s, pods that hang: {sorted(hung)}")
    assert hung <= {server.name for server in _HANGING if server.file_capabilities}
    images = {tagged(server, Known.STALE) for server in _HANGING}
    _wait("all are known", lambda: images <= _entries(node).keys(), _LEARNT_SECONDS)
    _clear(node, ran)
    assert installed.node is node


def test_what_hangs_is_told_by_name_with_the_way_out(node: Node, installed: Product) -> None:
    """Without `recreate`: learnt within seconds, and an Event on the pod and its controller."""
    namespace = node.plane.namespace("told", _ENFORCED)
    _create(installed.node, namespace, _HANGING, Known.PARTLY)
    _wait("all hang", lambda: _hanging(node, namespace) == _EXPECTED.keys(), 60)
    images = {tagged(server, Known.PARTLY) for server in _HANGING}
    seconds = _wait("learnt", lambda: images <= _entries(node).keys(), _LEARNT_SECONDS)

    def told() -> dict[str, dict[str, str]]:
        rows = node.plane.admin.must("GET", f"/api/v1/namespaces/{namespace}/events?limit=2000")["items"]
        found: dict[str, dict[str, str]] = {"Pod": {}, "ReplicaSet": {}}
        for row in rows:
            if match := _DEFAULT.search(row["message"]):
                found[row["involvedObject"]["kind"]][match[1]] = match[2]
        return found

    _wait("told", lambda: told() == {"Pod": _EXPECTED, "ReplicaSet": _EXPECTED}, 20)
    entries = _entries(node)
    _clear(node, namespace)
    tell(f"{len(_HANGING)} images learnt {seconds:.1f} s after the last pod hung")
    for server in _HANGING:
        entry = entries[tagged(server, Known.PARTLY)]
        if server.is_root:
            assert (entry["user"], entry["uid"], entry["source"]) == ("", 0, "kubelet"), server.name
        elif server.has_user_name:
            assert (entry["user"], entry["source"]) == (server.user.partition(":")[0], "kubelet"), server.name
        else:
            assert entry["fileCapabilities"] is True, server.name


def test_every_deployment_is_available_and_then_no_pod_hangs(node: Node, installed: Product) -> None:
    """With `recreate`: within a minute each is available, and at the second rollout none hangs at all."""
    installed.apply("healing", ["observer-heal"], configMapGenerator=[_NO_REQUESTS])
    installed.kubectl.run("-n", NAME, "rollout", "restart", f"deployment/{OBSERVER}")  # its volume follows much later
    installed.wait(OBSERVER)
    namespace = node.plane.namespace("healed", _ENFORCED)
    _create(node, namespace, SERVERS, Known.NOTHING)
    began = time.monotonic()
    try:
        _wait("all are available", lambda: not _unavailable(node, namespace), _AVAILABLE_SECONDS)
    finally:
        log = [line for row in installed.replicas(OBSERVER) for line in node.log(row)]
        tell(
            f"{len(SERVERS)} Deployments of unknown images, heal: recreate: {time.monotonic() - began:.0f} s, "
            f"{sum('deleted pod' in line for line in log)} pods recreated; "
            f"not available: {sorted(_unavailable(node, namespace))}"
        )
    seconds, hung = _roll_out(node, namespace, SERVERS, Known.NOTHING)
    tell(f"second rollout: available after {seconds:.0f} s, pods that hang: {sorted(hung)}")
    assert hung == set()
    _clear(node, namespace)
