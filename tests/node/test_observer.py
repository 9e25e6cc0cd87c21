"""The loop from a failed start to the next admission: servers in Deployments, an observer, a real kubelet."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from patches.policy.policy import PREFIX
from tests.cluster.client import pods
from tests.cluster.control_plane import ControlPlane
from tests.cluster.webhooks import registered
from tests.leftovers import bound
from tests.node.node import Node
from tests.node.programs import NODE
from tests.node.servers import SERVERS, Server
from tests.node.telling import tell
from tests.served import served

pytestmark = pytest.mark.node

_OWN: Final = "psd"
_LABEL: Final = "observed"
_CONFIG_MAPS: Final = f"/api/v1/namespaces/{_OWN}/configmaps"
_NAME: Final = "pod-security-defaulter-images"
_POLL_SECONDS: Final = 0.5


def _stuck(server: Server) -> bool:
    """Whether a server never starts as long as nothing is known of its image."""
    return server.is_root or server.has_user_name or server.file_capabilities


@pytest.fixture(scope="module", autouse=True)
def _namespaces(node: Node) -> None:
    """Our own namespace, and one in which the tests see that the API server asks the server."""
    node.plane.namespace(_OWN)
    node.plane.namespace(f"{_LABEL}-probe", {"test-webhook": _LABEL})


@contextmanager
def _observing(plane: ControlPlane, work: Path, heal: str) -> Iterator[None]:
    """A server that follows the cluster, and an observer, both as real commands."""
    work.mkdir(parents=True)
    config = {
        "apiVersion": "pod-security-defaulter.io/v1alpha1",
        "kind": "DefaulterConfiguration",
        "observer": {"heal": heal},
        "settings": {"resources": {"enabled": False}},
    }
    (work / "config.json").write_text(json.dumps(config), encoding="utf-8")
    common: list[str | Path] = [
        "--kubeconfig",
        plane.kubeconfig("psd"),
        "--own-namespace",
        _OWN,
        "--config",
        work / "config.json",
    ]
    plane.admin.request("DELETE", f"{_CONFIG_MAPS}/{_NAME}")
    with ExitStack() as stack:
        server = stack.enter_context(served(work, "--cluster", *common))
        bundle = (work / "certs" / "ca.crt").read_bytes()
        log = stack.enter_context((work / "observe.log").open("wb"))
        command = [sys.executable, "-m", "webhook", "observe", *map(str, common)]
        observer = subprocess.Popen(bound(command), stdout=log, stderr=subprocess.STDOUT)
        stack.callback(_stop, observer)
        stack.enter_context(registered(plane, _LABEL, server.address, base64.b64encode(bundle).decode()))
        yield


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(20)


def _deployment(server: Server, round_: int = 1) -> Any:
    labels = {"app": server.name}
    template = {
        "metadata": {"labels": labels, "annotations": {"round": str(round_)}},
        "spec": {
            "nodeName": NODE,
            "terminationGracePeriodSeconds": 1,
            "containers": [{"name": "server", "image": server.image}],
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


def _namespace(node: Node, name: str) -> str:
    labels = {f"{PREFIX}profile": "restricted", f"{PREFIX}mode": "enforce", "test-webhook": _LABEL}
    return node.plane.namespace(name, labels)


def _create(node: Node, namespace: str, servers: Sequence[Server]) -> None:
    for server in servers:
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
        node.plane.admin.must("POST", path, _deployment(server))


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
    answer = node.plane.admin.request("GET", f"{_CONFIG_MAPS}/{_NAME}")
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


def test_every_deployment_is_available_and_then_no_pod_hangs(node: Node, work: Path) -> None:
    """With `recreate`: within a minute each is available, and at the second rollout none hangs at all."""
    namespace = _namespace(node, "healed")
    with _observing(node.plane, work, "recreate"):
        _create(node, namespace, SERVERS)
        began = time.monotonic()
        try:
            _wait("all are available", lambda: not _unavailable(node, namespace), 180)
        finally:
            seconds = time.monotonic() - began
            log = (work / "observe.log").read_text(encoding="utf-8")
            tell(
                f"{len(SERVERS)} Deployments of unknown images, heal: recreate: available after {seconds:.0f} s, "
                f"{log.count('deleted pod')} pods recreated; not available: {sorted(_unavailable(node, namespace))}"
            )
        hung: set[str] = set()
        for server in SERVERS:
            path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{server.name}"
            node.plane.admin.must("PUT", path, _deployment(server, 2))

        def rolled_out() -> bool:
            hung.update(_hanging(node, namespace))
            return not _unavailable(node, namespace, 2)

        seconds = _wait("the second rollout", rolled_out, 180)
        tell(f"second rollout: available after {seconds:.0f} s, pods that hang: {sorted(hung)}")
        assert hung == set()
        _clear(node, namespace)


def test_what_hangs_is_told_by_name_with_the_way_out(node: Node, work: Path) -> None:
    """Without `recreate`: learnt within seconds, and an Event on the pod and its controller."""
    namespace = _namespace(node, "told")
    stuck = [server for server in SERVERS if _stuck(server)]
    with _observing(node.plane, work, "off"):
        _create(node, namespace, stuck)
        names = {server.name for server in stuck}
        _wait("all hang", lambda: _hanging(node, namespace) == names, 60)
        seconds = _wait("learnt", lambda: {server.image for server in stuck} <= _entries(node).keys(), 10)

        def told() -> dict[str, set[str]]:
            rows = node.plane.admin.must("GET", f"/api/v1/namespaces/{namespace}/events?limit=2000")["items"]
            ours = [row for row in rows if row["reason"] in ("DefaultPreventsStart", "DefaultSuspected")]
            return {
                kind: {
                    row["message"].partition("localhost/")[2].partition(":")[0]
                    for row in ours
                    if row["involvedObject"]["kind"] == kind and "To comply: " in row["message"]
                }
                for kind in ("Pod", "ReplicaSet")
            }

        _wait("told", lambda: all(found == names for found in told().values()), 20)
        entries = _entries(node)
        _clear(node, namespace)
    tell(f"{len(stuck)} images learnt {seconds:.1f} s after the last pod hung")
    for server in stuck:
        entry = entries[server.image]
        if server.is_root:
            assert (entry["user"], entry["uid"], entry["source"]) == ("", 0, "kubelet"), server.name
        elif server.has_user_name:
            assert (entry["user"], entry["source"]) == (server.user.partition(":")[0], "kubelet"), server.name
        else:
            assert entry["fileCapabilities"] is True, server.name
