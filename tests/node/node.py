"""A whole cluster of one node on this machine: control plane, containerd and kubelet, and the images that it has."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.cluster.client import Answer, Client, pods
from tests.cluster.control_plane import ControlPlane
from tests.cluster.programs import control_plane, controller_manager
from tests.node.isolation import Isolation, isolated
from tests.node.oci import Image
from tests.node.programs import BRIDGE_ADDRESS, NODE, Containerd, containerd, kubelet

# Pods reach the API server by the bridge, and it reaches pods by their addresses: there is no kube-proxy for Services.
_FOR_PODS: Final = ("--bind-address=0.0.0.0", "--enable-aggregator-routing=true")
_POLL_SECONDS: Final = 0.2
_SECONDS: Final = 60


class Node(NamedTuple):
    """The node, while it runs. `directory` has what its programs log."""

    directory: Path
    plane: ControlPlane
    isolation: Isolation
    runtime: Containerd

    def create(self, client: Client, namespace: str, value: Any, *, dry_run: bool = False) -> Answer:
        """Create a pod on this node: there is no scheduler."""
        spec = {**value["spec"], "nodeName": NODE}
        return client.create(pods(namespace), {**value, "spec": spec}, dry_run=dry_run)

    def pods(self) -> list[Any]:
        """All pods of the cluster."""
        items: list[Any] = self.plane.admin.must("GET", "/api/v1/pods")["items"]
        return items

    def status(self) -> Any:
        """What the kubelet says of the node."""
        return self.plane.admin.must("GET", f"/api/v1/nodes/{NODE}")["status"]

    @property
    def has_user_namespaces(self) -> bool:
        """Whether it offers them to pods: the kernel has to map ids of mounts."""
        handlers = self.status()["runtimeHandlers"]
        return any(row["name"] == "runc" and row["features"].get("userNamespaces") for row in handlers)

    def log(self, pod: Any) -> list[str]:
        """What the containers of a pod have printed, line by line."""
        metadata = pod["metadata"]
        place = f"{metadata['namespace']}_{metadata['name']}_{metadata['uid']}"
        found = sorted((self.directory / "log" / "pods" / place).glob("*/*.log"))
        lines = [line for file in found for line in file.read_text(encoding="utf-8", errors="replace").splitlines()]
        return [line.split(" ", 3)[-1] for line in lines]  # before it: time, stream, and whether it is a whole line

    def delete(self, namespace: str, name: str) -> None:
        """Delete a pod, whose containers get a second to stop."""
        self.plane.admin.request("DELETE", f"{pods(namespace)}/{name}", {"gracePeriodSeconds": 1})

    def wait_until_gone(self, namespace: str) -> None:
        """Wait until the namespace has no pods."""
        end = time.monotonic() + _SECONDS
        while names := [pod["metadata"]["name"] for pod in self.plane.admin.must("GET", pods(namespace))["items"]]:
            assert time.monotonic() < end, f"these pods do not end: {names}"
            time.sleep(_POLL_SECONDS)


@contextmanager
def running_node(directory: Path, binaries: Path, images: Sequence[Image]) -> Iterator[Node]:
    """Run it with these images. This process is in its network meanwhile."""
    with ExitStack() as stack:
        (directory / "log").mkdir()
        isolation = stack.enter_context(isolated(directory / "log"))
        stack.enter_context(isolation.entered())
        runtime = stack.enter_context(containerd(isolation, directory, binaries))
        loading = stack.enter_context(ThreadPoolExecutor(1)).submit(runtime.load, images)
        (directory / "control-plane").mkdir()
        plane = stack.enter_context(control_plane(directory / "control-plane", binaries, _FOR_PODS, [BRIDGE_ADDRESS]))
        stack.enter_context(controller_manager(plane))
        stack.enter_context(kubelet(isolation, directory, plane))
        loading.result()
        yield Node(directory, plane, isolation, runtime)
