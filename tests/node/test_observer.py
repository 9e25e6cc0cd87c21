"""The loop from a failed start to the next admission: servers in Deployments, the product as pods, a real kubelet."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from patches.policy.policy import PREFIX
from tests.cluster.client import MERGE_PATCH, pods
from tests.cluster.installed import MODE, NAME
from tests.node.image_facts import Known, tagged
from tests.node.node import Node
from tests.node.oci import Image
from tests.node.product import OBSERVER, Product, installing
from tests.node.programs import NODE
from tests.node.servers import SERVERS, Server
from tests.node.stored import HOST, stored, stored_name
from tests.node.telling import tell

pytestmark = pytest.mark.node

_CONFIG_MAP: Final = f"/api/v1/namespaces/{NAME}/configmaps/pod-security-defaulter-images"
_BIND: Final = "NET_BIND_SERVICE"
_POLL_SECONDS: Final = 0.5
_LEARNT_SECONDS: Final = 5
_AVAILABLE_SECONDS: Final = 60


def _configured(**fields: Any) -> dict[str, Any]:
    """Our ConfigMap with a configuration that changes the base."""
    value = {"apiVersion": f"{NAME}.io/v1alpha1", "kind": "DefaulterConfiguration", **fields}
    return {"name": NAME, "behavior": "merge", "literals": [f"50-test.yaml={json.dumps(value)}"]}


_NO_REQUESTS: Final = {"resources": {"enabled": False}}
"""The node has not the CPU that all servers would request."""
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
_RAN: Final = {
    server.name: stored_name(server) if server.file_capabilities else tagged(server, Known.STALE) for server in _HANGING
}
"""The images of those that run before us."""
_TRUSTED: Final = "registry-authority"
_TRUSTING: Final = {
    "target": {"kind": "Deployment", "name": OBSERVER},
    "patch": json.dumps(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": OBSERVER},
            "spec": {
                "template": {
                    "spec": {
                        "volumes": [{"name": _TRUSTED, "configMap": {"name": _TRUSTED}}],
                        "containers": [
                            {
                                "name": NAME,
                                "env": [{"name": "SSL_CERT_FILE", "value": f"/{_TRUSTED}/ca.crt"}],
                                "volumeMounts": [{"name": _TRUSTED, "mountPath": f"/{_TRUSTED}", "readOnly": True}],
                            }
                        ],
                    }
                }
            },
        }
    ),
}
"""Has the observer trust the authority of the registry."""


@pytest.fixture(scope="module")
def ran(node: Node) -> Iterator[str]:
    """A namespace with Deployments that are available before the product is installed.

    A registry has the images whose programs have file capabilities: those show nowhere while a container runs.
    """
    namespace = node.plane.namespace("ran")
    _create(node, namespace, _RAN)
    seconds = _wait("available without us", lambda: not _unavailable(node, namespace), 180)
    tell(f"{len(_HANGING)} Deployments without us: available after {seconds:.0f} s")
    yield namespace
    _clear(node, namespace)


@pytest.fixture(scope="module")
def installed(
    ran: str, node: Node, in_registry: list[Image], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Product]:
    """Base, applied while the servers of `ran` run, and an observer that may ask the registry."""
    directory = tmp_path_factory.mktemp("registry")
    with (
        stored(in_registry, directory) as trusted,
        installing(node, tmp_path_factory.mktemp("observed")) as product,
    ):
        (product.directory / "observed").mkdir()
        shutil.copy(trusted, product.directory / "observed")
        product.apply(
            "observed",
            ["observer-registry"],
            [_TRUSTING],
            configMapGenerator=[
                _configured(settings=_NO_REQUESTS, observer={"registry": {"allow": [HOST]}}),
                {"name": _TRUSTED, "namespace": NAME, "files": [trusted.name]},
            ],
        )
        product.wait()
        product.wait(OBSERVER)
        node.plane.admin.must("PATCH", f"/api/v1/namespaces/{ran}", {"metadata": {"labels": _ENFORCED}}, MERGE_PATCH)
        yield product


def _deployment(server: Server, image: str, round_: int = 1) -> Any:
    labels = {"app": server.name}
    template = {
        "metadata": {"labels": labels, "annotations": {"round": str(round_)}},
        "spec": {
            "nodeName": NODE,
            "terminationGracePeriodSeconds": 1,
            "containers": [{"name": "server", "image": image}],
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


def _create(node: Node, namespace: str, images: Mapping[str, str]) -> None:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    for server in SERVERS:
        if server.name in images:
            node.plane.admin.must("POST", path, _deployment(server, images[server.name]))


def _roll_out(node: Node, namespace: str, images: Mapping[str, str]) -> tuple[float, set[str]]:
    """Change every Deployment; how long it took until all were available again, and which had a pod that hung."""
    hung: set[str] = set()
    for server in SERVERS:
        if server.name in images:
            path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{server.name}"
            node.plane.admin.must("PUT", path, _deployment(server, images[server.name], 2))

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
    """Its user was seen, and the registry has told which program has file capabilities, unless it runs as root."""

    def capable() -> dict[str, Any]:
        rows = _entries(node)
        return {image: rows[image]["fileCapabilities"] for image in rows if "fileCapabilities" in rows[image]}

    told = {stored_name(server): [_BIND] for server in _HANGING if server.file_capabilities and not server.is_root}
    asked = _wait("the registry has told", lambda: capable() == told, 20)
    seconds, hung = _roll_out(node, ran, _RAN)
    tell(
        f"what ran before us: registry asked after {asked:.1f} s, "
        f"rolled out after {seconds:.0f} s, pods that hang: {sorted(hung)}"
    )
    assert hung == set()
    assert set(_RAN.values()) <= _entries(node).keys()
    _clear(node, ran)
    assert installed.node is node


def test_what_hangs_is_told_by_name_with_the_way_out(node: Node, installed: Product) -> None:
    """Without `recreate`: learnt within seconds, and an Event on the pod and its controller."""
    namespace = node.plane.namespace("told", _ENFORCED)
    _create(installed.node, namespace, {server.name: tagged(server, Known.PARTLY) for server in _HANGING})
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
    installed.apply("healing", ["observer-heal"], configMapGenerator=[_configured(settings=_NO_REQUESTS)])
    installed.kubectl.run("-n", NAME, "rollout", "restart", f"deployment/{OBSERVER}")  # its volume follows much later
    installed.wait(OBSERVER)
    namespace = node.plane.namespace("healed", _ENFORCED)
    images = {server.name: tagged(server, Known.NOTHING) for server in SERVERS}
    _create(node, namespace, images)
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
    seconds, hung = _roll_out(node, namespace, images)
    tell(f"second rollout: available after {seconds:.0f} s, pods that hang: {sorted(hung)}")
    assert hung == set()
    _clear(node, namespace)
