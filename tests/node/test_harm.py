"""What each default breaks: seen on a real node, where nothing but that default acts."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from patches.policy.policy import IDS, PREFIX
from tests.cluster import binaries
from tests.cluster.client import Client, pods
from tests.cluster.installed import eventually
from tests.cluster.kubectl import Kubectl
from tests.cluster.processes import free_ports
from tests.cluster.webhooks import defaulter, namespace
from tests.node.harms import ELSEWHERE, HARMS, KEYS, OTHER, USUAL, Harm
from tests.node.node import Node
from tests.node.outcomes import CONTAINER, Outcome, State, run_servers
from tests.node.questions import HTTP
from tests.node.servers import Server
from tests.node.telling import tell

pytestmark = pytest.mark.node

_WITHOUT: Final = "harm-without"
_NAMESPACES: Final[Mapping[str, Mapping[str, Any]]] = {"harm-usual": USUAL, "harm-other": OTHER}
_LABELS: Final = {f"{PREFIX}profile": "restricted", f"{PREFIX}mode": "enforce"}
_SECONDS: Final = 5
_CLASS: Final = {
    "apiVersion": "node.k8s.io/v1",
    "kind": "RuntimeClass",
    "metadata": {"name": "absent"},
    "handler": "absent",
}


class Found(NamedTuple):
    """What was found out: of servers by their names, without us and with one default; and two answers of others."""

    without: dict[str, Outcome]
    harmed: dict[str, Outcome]
    debug_of_windows: dict[str, str]
    """What kubectl says, by the name of the namespace."""
    sandbox: str
    """Why the sandbox of a pod was not made."""


def _only(default: str) -> dict[str, str]:
    return {f"{PREFIX}skip": ",".join(name for name in IDS if name != default)}


def _pod(node: Node, harm: Harm, own_port: int) -> Any:
    spec: dict[str, Any] = dict(harm.pod)
    container: dict[str, Any] = {"name": CONTAINER, "image": harm.server.image}
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


def _run(node: Node, client: Client, name: str, harms: Iterable[Harm]) -> dict[str, Outcome]:
    """The outcomes of these in a namespace, which gets a key for those that want one."""
    key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    secret = {"metadata": {"name": KEYS}, "stringData": {KEYS: key}}
    node.plane.admin.must("POST", f"/api/v1/namespaces/{name}/secrets", secret)
    by_name = {harm.server.name: harm for harm in harms}
    (port,) = free_ports(1)

    def pod(server: Server) -> Any:
        return _pod(node, by_name[server.name], port)

    servers = [row.server._replace(question=HTTP.at(port)) if row.calls_api else row.server for row in by_name.values()]
    return run_servers(node, client, name, servers, pod=pod, seconds=_SECONDS)


def _fill(node: Node) -> None:
    """Let a pod have every processor of the node, without using one."""
    (listener,) = (harm.server.image for harm in HARMS if harm.server.name == "loaded-by-hand")
    requests = {"cpu": node.status()["allocatable"]["cpu"]}
    container = {"name": "c", "image": listener, "command": ["sleep", "1000"], "resources": {"requests": requests}}
    node.plane.namespace("harm-full")
    created = node.create(
        node.plane.bypassing, "harm-full", {"metadata": {"name": "full"}, "spec": {"containers": [container]}}
    )
    assert created.ok, created.message
    path = f"{pods('harm-full')}/full"
    eventually(lambda: node.plane.admin.must("GET", path)["status"]["phase"] == "Running", "the node is full")


def _debug_of_windows(node: Node, client: Client, kubectl: Kubectl, name: str) -> str:
    """What kubectl says that debugs a Windows pod, which needs no node."""
    container = {"name": "c", "image": "app:1"}
    spec = {"nodeSelector": {"kubernetes.io/os": "windows"}, "containers": [container]}
    metadata = {"name": "windows", "annotations": _only("os")}
    answer = client.create(pods(name), {"metadata": metadata, "spec": spec})
    assert answer.ok, answer.message
    said = kubectl.run("debug", f"--namespace={name}", "windows", "--image=tools:1", "--attach=false", check=False)
    node.delete(name, "windows")
    return said.stderr if said.returncode else ""


def _sandbox(node: Node, name: str) -> str:
    """Why the sandbox of a pod is not made that got a class whose handler the node lacks."""
    (image,) = (harm.server.image for harm in HARMS if harm.server.name == "loaded-by-hand")
    value = {
        "metadata": {"name": "classed", "annotations": _only("runtimeClassName")},
        "spec": {"containers": [{"name": CONTAINER, "image": image}]},
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


@pytest.fixture(scope="module")
def found(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Found:
    """All of it, at the same time."""
    started = time.monotonic()
    directory = tmp_path_factory.mktemp("harm")
    binaries.find("kubectl")
    kubectl = Kubectl(node.plane, directory)
    node.plane.namespace(_WITHOUT)
    _fill(node)
    with ExitStack() as stack:
        for name, settings in _NAMESPACES.items():
            objects = [namespace(name, _LABELS), *([_CLASS] if settings is USUAL else [])]
            config = {
                "apiVersion": f"{PREFIX}v1alpha1",
                "kind": "DefaulterConfiguration",
                "allowPodSkip": True,
                "settings": settings,
            }
            stack.enter_context(defaulter(node.plane, directory / name, name, objects=objects, config=config))
        answer = _sandbox(node, "harm-usual")
        debug = {
            _WITHOUT: _debug_of_windows(node, node.plane.bypassing, kubectl, _WITHOUT),
            "harm-usual": _debug_of_windows(node, node.plane.admin, kubectl, "harm-usual"),
        }
        with ThreadPoolExecutor(len(_NAMESPACES) + 1) as pool:
            without = pool.submit(_run, node, node.plane.bypassing, _WITHOUT, HARMS)
            runs = [
                pool.submit(_run, node, node.plane.admin, name, [row for row in HARMS if row.settings is settings])
                for name, settings in _NAMESPACES.items()
            ]
            harmed = {name: row for run in runs for name, row in run.result().items()}
        node.delete("harm-full", "full")
        found = Found(without.result(), harmed, debug, answer)
    _tell(found, time.monotonic() - started)
    return found


def _tell(found: Found, seconds: float) -> None:
    tell(f"with one default, {len(HARMS)} servers that run without it ({seconds:.0f} s)")
    for harm in HARMS:
        row = found.harmed[harm.server.name]
        tell(f"  {harm.default:28}  {harm.server.name:20}  {row.state}{row.text and ': '}{row.text}")
    for default, text in (("os", found.debug_of_windows["harm-usual"]), ("runtimeClassName", found.sandbox)):
        tell(f"  {default:28}  {text}")


def _skip_where_it_cannot_be_seen(node: Node, default: str) -> None:
    handlers = node.status()["runtimeHandlers"]
    if default == "hostUsers" and not any(row["features"]["userNamespaces"] for row in handlers):
        pytest.skip("the kernel of this machine has no idmapped mounts: no pod gets a user namespace")
    apparmor = Path("/sys/module/apparmor/parameters/enabled")
    if default == "appArmorProfile" and apparmor.exists() and apparmor.read_text(encoding="ascii").startswith("Y"):
        pytest.skip("this machine has AppArmor: no pod is refused for want of it")


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: f"{harm.default}-{harm.server.name}")
def test_a_server_that_runs_without_a_default_does_not_with_it(node: Node, found: Found, harm: Harm) -> None:
    """And its user reads why: in the container's status or in the last line of its log."""
    _skip_where_it_cannot_be_seen(node, harm.default)
    assert found.without[harm.server.name].state is State.RUNS, found.without[harm.server.name].text
    outcome = found.harmed[harm.server.name]
    assert outcome.state is (State.STOPPED if harm.told else State.RUNS), outcome.text
    assert harm.told in outcome.text


def test_a_server_above_its_limit_is_killed(found: Found) -> None:
    """Its log has nothing; its last state has the reason."""
    assert found.harmed["large"].text == "OOMKilled: exit 137"


def test_a_windows_pod_is_not_debugged_as_one_of_linux(found: Found) -> None:
    """With `os` set the API server refuses what kubectl adds by its usual profile; without it, it takes it."""
    assert found.debug_of_windows[_WITHOUT] == ""
    assert ELSEWHERE["os"] in found.debug_of_windows["harm-usual"]


def test_a_class_whose_handler_the_node_lacks(found: Found) -> None:
    """The pod stays as it is, and an event says why."""
    assert found.sandbox.startswith("Pending: ")
    assert ELSEWHERE["runtimeClassName"] in found.sandbox
