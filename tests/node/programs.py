"""The programs of a node, started in its namespaces: containerd and the kubelet."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.cluster.client import Client
from tests.cluster.control_plane import ControlPlane
from tests.cluster.processes import running
from tests.node.isolation import Isolation
from tests.node.oci import Image, write_archive
from tests.node.requirements import PLUGINS

NODE: Final = "node"
PAUSE: Final = "localhost/pause:1"
BRIDGE_ADDRESS: Final = "10.88.0.1"
_SUBNET: Final = "10.88.0.0/16"
_START_SECONDS: Final = 90

# A machine that is itself a container may not lower the OOM score of a process, and has no AppArmor.
_CONTAINERD: Final = """version = 3
[grpc]
address = '{directory}/containerd.sock'
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = '{pause}'
[plugins.'io.containerd.cri.v1.runtime']
restrict_oom_score_adj = true
disable_apparmor = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ['{plugins}']
conf_dir = '{directory}/cni'
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = 'io.containerd.runc.v2'
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
BinaryName = '{runc}'
SystemdCgroup = false
"""
_BRIDGE: Final = {
    "type": "bridge",
    "bridge": "pods",
    "isGateway": True,
    "hairpinMode": True,
    "ipam": {"type": "host-local", "ranges": [[{"subnet": _SUBNET}]], "routes": [{"dst": "0.0.0.0/0"}]},
}
_KUBELET: Final[dict[str, Any]] = {
    "apiVersion": "kubelet.config.k8s.io/v1beta1",
    "kind": "KubeletConfiguration",
    "address": "127.0.0.1",
    "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": True}},
    "authorization": {"mode": "Webhook"},
    "cgroupDriver": "cgroupfs",
    "failSwapOn": False,
    # This node shares the machine: it takes no part of it for itself, evicts nobody and keeps every image.
    "failCgroupV1": False,
    "enforceNodeAllocatable": [],
    "oomScoreAdj": 0,
    "evictionHard": {},
    "imageGCHighThresholdPercent": 100,
    "makeIPTablesUtilChains": False,
}


class Containerd:
    """The container runtime of the node."""

    def __init__(self, directory: Path, binaries: Path) -> None:
        """Describe the one whose files are below `directory`."""
        self._log = directory / "import.log"
        self._command = [str(binaries / "ctr"), f"--address={directory / 'containerd.sock'}", "--namespace=k8s.io"]

    def ctr(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run its client."""
        done = subprocess.run([*self._command, *arguments], capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, f"ctr {' '.join(arguments)}: {done.stderr}"
        return done

    def load_archive(self, archive: Path) -> None:
        """Take the images of an archive."""
        self.ctr("images", "import", str(archive))

    def load(self, images: Sequence[Image]) -> None:
        """Take these images."""
        command = [*self._command, "images", "import", "-"]
        with (
            self._log.open("wb") as log,
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log) as process,
        ):
            assert process.stdin is not None
            write_archive(process.stdin, images)
        assert process.returncode == 0, self._log.read_text(encoding="utf-8")


@contextmanager
def containerd(isolation: Isolation, directory: Path, binaries: Path) -> Iterator[Containerd]:
    """Run containerd, with a bridge for the pods."""
    text = _CONTAINERD.format(pause=PAUSE, plugins=PLUGINS, directory=directory, runc=binaries / "runc")
    (directory / "containerd.toml").write_text(text, encoding="utf-8")
    network = {"cniVersion": "1.0.0", "name": "pods", "plugins": [_BRIDGE]}
    (directory / "cni").mkdir()
    (directory / "cni" / "pods.conflist").write_text(json.dumps(network), encoding="utf-8")
    runtime = Containerd(directory, binaries)
    path = f"PATH={binaries}:{os.environ['PATH']}"
    command = isolation.command("env", path, "containerd", f"--config={directory / 'containerd.toml'}")
    ready = lambda: runtime.ctr("version", check=False).returncode == 0  # noqa: E731
    with running(command, directory / "containerd.log", ready, seconds=_START_SECONDS):
        yield runtime


@contextmanager
def kubelet(isolation: Isolation, directory: Path, plane: ControlPlane) -> Iterator[None]:
    """Run the kubelet until the node is ready, and until the end of the block."""
    (directory / "resolv.conf").touch()  # the machine's name servers are none of the pods' business
    config = {
        **_KUBELET,
        "authentication": {**_KUBELET["authentication"], "x509": {"clientCAFile": str(plane.authority.cert)}},
        "cgroupRoot": f"/{isolation.cgroup}",
        "containerRuntimeEndpoint": f"unix://{directory / 'containerd.sock'}",
        "resolvConf": str(directory / "resolv.conf"),
    }
    (directory / "kubelet.json").write_text(json.dumps(config), encoding="utf-8")
    command = isolation.command(
        plane.binaries / "kubelet",
        f"--config={directory / 'kubelet.json'}",
        f"--kubeconfig={plane.kubeconfig(f'system:node:{NODE}', 'system:nodes')}",
        f"--hostname-override={NODE}",
    )
    with running(command, directory / "kubelet.log", lambda: is_ready(plane.admin), seconds=_START_SECONDS):
        yield


def is_ready(client: Client) -> bool:
    """Whether the node is there and ready."""
    answer = client.request("GET", f"/api/v1/nodes/{NODE}")
    conditions = answer.body.get("status", {}).get("conditions", []) if answer.ok else []
    return any(row["type"] == "Ready" and row["status"] == "True" for row in conditions)
