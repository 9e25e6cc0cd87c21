"""Pods that a default harms, or some that are in the way of others, created where nothing but that default acts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from patches.policy.policy import IDS, PREFIX
from tests.cluster.client import Client, pods
from tests.cluster.installed import APPLIED, eventually
from tests.cluster.kubectl import Kubectl
from tests.cluster.processes import free_ports
from tests.node.harms import KEYS, Harm
from tests.node.node import Node
from tests.node.outcomes import CONTAINER, Outcome, run_servers
from tests.node.questions import HTTP
from tests.node.servers import SERVERS, Server

FULL: Final = "harm-full"
"""The namespace of a pod that fills the node."""
_SECONDS: Final = 5
_IMAGE: Final = next(server.image for server in SERVERS if server.name == "listener")


class Harmed(NamedTuple):
    """What has become of a server, and the defaults that acted on its pod."""

    outcome: Outcome
    acted: frozenset[str]


def _only(default: str) -> dict[str, str]:
    return {f"{PREFIX}skip": ",".join(name for name in IDS if name != default)}


def _pod(node: Node, harm: Harm, own_port: int) -> Any:
    spec, container = dict(harm.pod), dict[str, Any](name=CONTAINER, image=harm.server.image)
    mounts = [{"name": name, "mountPath": path} for name, path in harm.mounts.items()]
    if harm.calls_api:
        host, _, port = node.plane.address.removeprefix("https://").partition(":")
        values = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port, "PORT": str(own_port)}
        container["env"] = [{"name": name, "value": value} for name, value in values.items()]
        path = str(node.plane.binaries / "kubectl")
        spec |= {"hostNetwork": True, "volumes": [{"name": "kubectl", "hostPath": {"path": path}}]}
        mounts.append({"name": "kubectl", "mountPath": "/usr/local/bin/kubectl"})
    metadata = {"name": harm.server.name, "annotations": _only(harm.default)}
    return {"metadata": metadata, "spec": {**spec, "containers": [{**container, "volumeMounts": mounts}]}}


def run(node: Node, client: Client, name: str, harms: Sequence[Harm]) -> dict[str, Harmed]:
    """What becomes of these in a namespace, which gets a key for those that want one; by the servers' names."""
    key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    secret = {"metadata": {"name": KEYS}, "stringData": {KEYS: key}}
    node.plane.admin.must("POST", f"/api/v1/namespaces/{name}/secrets", secret)
    (port,) = free_ports(1)
    values = {harm.server.name: _pod(node, harm, port) for harm in harms}
    acted = {key: _acting(client, name, value) for key, value in values.items()}

    def pod(server: Server) -> Any:
        return values[server.name]

    servers = [harm.server._replace(question=HTTP.at(port)) if harm.calls_api else harm.server for harm in harms]
    outcomes = run_servers(node, client, name, servers, pod=pod, seconds=_SECONDS)
    return {key: Harmed(row, acted[key]) for key, row in outcomes.items()}


def _acting(client: Client, name: str, value: Any) -> frozenset[str]:
    answer = client.create(pods(name), value, dry_run=True)
    assert answer.ok, answer.message
    applied = answer.body["metadata"].get("annotations", {}).get(APPLIED, "")
    return frozenset(row.partition(":")[0] for row in applied.split(",") if row)


def fill(node: Node) -> None:
    """Let a pod have every processor of the node, without using one."""
    requests = {"cpu": node.status()["allocatable"]["cpu"]}
    container = {"name": "c", "image": _IMAGE, "command": ["sleep", "1000"], "resources": {"requests": requests}}
    node.plane.namespace(FULL)
    value = {"metadata": {"name": FULL}, "spec": {"containers": [container]}}
    created = node.create(node.plane.bypassing, FULL, value)
    assert created.ok, created.message
    path = f"{pods(FULL)}/{FULL}"
    eventually(lambda: node.plane.admin.must("GET", path)["status"]["phase"] == "Running", "the node is full")


def debug_of_windows(node: Node, client: Client, kubectl: Kubectl, name: str) -> str:
    """What kubectl says that debugs a Windows pod, which needs no node."""
    container = {"name": "c", "image": "app:1"}
    spec = {"nodeSelector": {"kubernetes.io/os": "windows"}, "containers": [container]}
    metadata = {"name": "windows", "annotations": _only("os")}
    answer = client.create(pods(name), {"metadata": metadata, "spec": spec})
    assert answer.ok, answer.message
    said = kubectl.run("debug", f"--namespace={name}", "windows", "--image=tools:1", "--attach=false", check=False)
    node.delete(name, "windows")
    return said.stderr if said.returncode else ""


def sandbox(node: Node, name: str) -> str:
    """Why the sandbox of a pod is not made that got a class whose handler the node lacks."""
    value = {
        "metadata": {"name": "classed", "annotations": _only("runtimeClassName")},
        "spec": {"containers": [{"name": CONTAINER, "image": _IMAGE}]},
    }
    created = node.create(node.plane.admin, name, value)
    assert created.ok, created.message
    said: list[str] = []

    def is_said() -> bool:
        events = node.plane.admin.must("GET", f"/api/v1/namespaces/{name}/events")["items"]
        said.extend(
            row["message"]
            for row in events
            if row["reason"] == "FailedCreatePodSandBox" and row["involvedObject"]["name"] == "classed"
        )
        return bool(said)

    eventually(is_said, "the kubelet says why the sandbox is not made")
    phase = node.plane.admin.must("GET", f"{pods(name)}/classed")["status"]["phase"]
    node.delete(name, "classed")
    return f"{phase}: {said[0]}"
