"""The whole install on the real API server, with the real command where a kubelet would have started it.

What is applied is manifests/; what differs from a cluster is only what a kubelet and a Service's proxy would do: the
ConfigMap is written to files as its volume has them, the Deployment's own arguments are run here, as its
ServiceAccount, and the Service is an ExternalName of localhost, so that the API server finds it. That takes port 443 of
loopback.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from tests.cluster.assets.build import DEFINITIONS, HOW
from tests.cluster.client import Answer, pods
from tests.cluster.control_plane import ControlPlane
from tests.cluster.kubectl import Kubectl
from tests.cluster.processes import free_ports, stop
from tests.shared_data import ROOT

NAME: Final = "pod-security-defaulter"
PORT: Final = 443
"""Of the Service: an API server asks an ExternalName at the port of the Service itself."""
MODE: Final = f"{NAME}.io/mode"
APPLIED: Final = f"{NAME}.io/applied"
BASE: Final = ROOT / "manifests" / "base"
_SECONDS: Final = 60
_STOP_SECONDS: Final = 40
_LOCAL: Final = (
    "--host",
    "--port",
    "--preview-port",
    "--health-host",
    "--health-port",
    "--self-signed",
    "--config",
    "--drain-seconds",
)


@dataclass
class Install:
    """An install in one namespace, and its one replica while that runs."""

    plane: ControlPlane
    directory: Path
    namespace: str
    health: str
    process: subprocess.Popen[bytes]

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of the health port."""
        try:
            with urllib.request.urlopen(self.health + path, timeout=10) as answer:  # noqa: S310 (http on loopback)
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    @property
    def log(self) -> list[dict[str, Any]]:
        """The log, line by line. The last one counts once it is complete: it may be read while it is being written."""
        complete, _, _ = (self.directory / "serve.log").read_text().rpartition("\n")
        return [json.loads(line) for line in complete.splitlines()]

    def configure(self, text: str) -> None:
        """Give the replica another configuration, as the kubelet does when a ConfigMap changes."""
        write_volume(self.directory / "config", {"configuration.yaml": text})

    def create(self, namespace: str, *, dry_run: bool = True, **spec: Any) -> Answer:
        """Create a pod with one bare container."""
        value = {"metadata": {"generateName": "p-"}, "spec": {"containers": [{"name": "c", "image": "i:1"}], **spec}}
        return self.plane.admin.create(pods(namespace), value, dry_run=dry_run)

    def is_defaulted(self, namespace: str) -> bool:
        """Whether a pod there is patched now."""
        answer = self.create(namespace)
        return answer.ok and APPLIED in (answer.body["metadata"].get("annotations") or {})


def eventually(holds: Callable[[], Any], what: str, seconds: float = _SECONDS) -> float:
    """Wait until it holds; the seconds it took. Fails where it does not."""
    start = time.monotonic()
    while not holds():
        assert time.monotonic() - start < seconds, f"{what}: not within {seconds} s"
        time.sleep(0.02)
    return time.monotonic() - start


def write_volume(directory: Path, files: dict[str, str]) -> None:
    """Write files as the kubelet does: a new directory, and one link that is moved to it."""
    directory.mkdir(parents=True, exist_ok=True)
    fresh = directory / f"..{time.monotonic_ns()}"
    fresh.mkdir()
    for name, text in files.items():
        (fresh / name).write_text(text, encoding="utf-8")
        link = directory / name
        if not link.is_symlink():
            link.symlink_to(Path("..data") / name)
    link = directory / "..tmp"
    link.symlink_to(fresh.name)
    link.replace(directory / "..data")


def check_port() -> None:
    """Skip where port 443 of loopback cannot be had."""
    try:
        socket.create_server(("127.0.0.1", PORT)).close()
    except OSError as error:
        pytest.skip(f"port {PORT} of 127.0.0.1 cannot be had ({error.strerror}): the API server asks a Service there")


def account_kubeconfig(plane: ControlPlane, namespace: str, account: str, path: Path, server: str = "") -> Path:
    """A kubeconfig that is this ServiceAccount, by a token as a pod gets it."""
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 7200}}
    answer = plane.admin.must("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token", request)
    cluster = {"server": server or plane.address, "certificate-authority": str(plane.authority.cert)}
    value = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "account", "user": {"token": answer["status"]["token"]}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "account", "namespace": namespace}}],
    }
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def arguments_of(deployment: Any, replaced: Sequence[str]) -> list[str]:
    """The Deployment's own arguments, but for those that say where to listen and where the volume is."""
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    kept = [argument for argument in container["args"] if argument.partition("=")[0] not in _LOCAL]
    return [*kept, *replaced]


def _environment_of(deployment: Any, namespace: str) -> dict[str, str]:
    """The Deployment's own environment. The only field that a variable takes its value from is the namespace."""
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return {row["name"]: row.get("value", namespace) for row in container.get("env", ())}


@contextmanager
def installed(
    plane: ControlPlane,
    kubectl: Kubectl,
    directory: Path,
    *,
    source: Path = BASE,
    namespace: str = NAME,
    naming: str = "{}",
    server: str = "",
    extra: Sequence[str] = (),
) -> Iterator[Install]:
    """Apply, run one replica until the API server asks it, and delete at the end.

    `naming`: what the source makes of a name of ours. `server`: by which to reach the API server.
    """
    name = naming.format(NAME)
    check_port()
    directory.mkdir(parents=True, exist_ok=True)
    with applied(plane, kubectl, source, namespace):
        lead_here(plane, namespace, name)
        kubeconfig = account_kubeconfig(plane, namespace, name, directory / "kubeconfig", server)
        arguments = [f"--kubeconfig={kubeconfig}", *extra]
        with running_replica(plane, directory, namespace, arguments, deployment=name) as install:
            yield install


def apply_definitions(plane: ControlPlane, kubectl: Kubectl) -> None:
    """What cert-manager's and Prometheus' objects need. Skips the test where the assets have none."""
    for row in DEFINITIONS:
        if not (plane.binaries / row.place).is_dir():
            pytest.skip(f"{row.place} not found in {plane.binaries}: {HOW}")
        for name in row.files:  # by a server-side apply: an annotation cannot hold the largest of them
            kubectl.run("apply", "--server-side", "-f", str(plane.binaries / row.place / name))
    kubectl.run("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")


@contextmanager
def applied(plane: ControlPlane, kubectl: Kubectl, source: Path, namespace: str = NAME) -> Iterator[None]:
    """Apply, and delete at the end."""
    kubectl.run("apply", "-k", str(source))
    try:
        yield
    finally:
        kubectl.run("delete", "-k", str(source), "--ignore-not-found", "--wait=false")
        _finish_deletion(plane, namespace)


def _finish_deletion(plane: ControlPlane, namespace: str) -> None:
    """What kube-controller-manager does: it takes away what is left in a namespace, and then the namespace."""
    path = f"/api/v1/namespaces/{namespace}"
    plane.admin.request("DELETE", f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases")
    answer = plane.admin.request("GET", path)
    if answer.ok:
        plane.admin.must("PUT", f"{path}/finalize", {**answer.body, "spec": {"finalizers": []}})


def lead_here(plane: ControlPlane, namespace: str, name: str = NAME) -> None:
    """Make the Service one that leads to this machine."""
    path = f"/api/v1/namespaces/{namespace}/services"
    plane.admin.must("DELETE", f"{path}/{name}")
    spec = {"type": "ExternalName", "externalName": "localhost", "ports": [{"name": "admission", "port": PORT}]}
    plane.admin.must("POST", path, {"metadata": {"name": name}, "spec": spec})


@contextmanager
def running_replica(
    plane: ControlPlane, directory: Path, namespace: str, extra: Sequence[str], *, deployment: str = NAME
) -> Iterator[Install]:
    """Run one replica of a Deployment that has been applied, and stop it at the end."""
    value = plane.admin.must("GET", f"/apis/apps/v1/namespaces/{namespace}/deployments/{deployment}")
    (config,) = [row["configMap"] for row in value["spec"]["template"]["spec"]["volumes"] if "configMap" in row]
    data = plane.admin.must("GET", f"/api/v1/namespaces/{namespace}/configmaps/{config['name']}")["data"]
    write_volume(directory / "config", data)
    (health,) = free_ports(1)
    local = ["--host=127.0.0.1", f"--port={PORT}", f"--health-port={health}"]
    local.append(f"--config={directory / 'config'}")
    environment = {**os.environ, **_environment_of(value, namespace), "POD_NAME": f"{deployment}-0"}
    with (directory / "serve.log").open("wb") as log:
        command = [sys.executable, "-m", "webhook", *arguments_of(value, [*local, *extra])]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log, env=environment, cwd=ROOT)
    install = Install(plane, directory, namespace, f"http://127.0.0.1:{health}", process)
    try:
        eventually(lambda: _is_ready(install), "the replica is ready")
        yield install
    finally:
        stop(process, _STOP_SECONDS)


def _is_ready(install: Install) -> bool:
    said = (install.directory / "serve.log").read_text()
    assert install.process.poll() is None, f"ended with status {install.process.returncode}: {said[-2000:]}"
    try:
        return install.get("/readyz")[0] == 200
    except OSError:
        return False
