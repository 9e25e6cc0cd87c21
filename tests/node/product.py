"""The product as pods of the node: applied from manifests/ by kubectl, as an engineer does, and looked at from outside.

What an overlay adds is what this node lacks: a scheduler, so that pods name the node, and a kube-proxy, so that they
reach the API server by the bridge.
"""

from __future__ import annotations

import http.client
import json
import ssl
import subprocess
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.cluster import binaries
from tests.cluster.client import pods
from tests.cluster.control_plane import ADMINISTRATORS
from tests.cluster.installed import APPLIED, NAME, eventually
from tests.cluster.kubectl import Kubectl
from tests.cluster.load import Load
from tests.manifests.building import write_overlay
from tests.node.node import Node
from tests.node.product_image import product_archive
from tests.node.programs import BRIDGE_ADDRESS, NODE

PREVIEW: Final = f"{NAME}-preview"
OBSERVER: Final = f"{NAME}-observer"
SPACE: Final = "opted-in"
"""A namespace that has opted in, with the profile restricted."""
LABEL: Final = "app.kubernetes.io/name"
_SECONDS: Final = 120
BARE: Final = {"metadata": {"generateName": "p-"}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}}
"""A pod that says nothing."""
_KUBELET_PORT: Final = 10250
_KINDS: Final = (
    "mutatingwebhookconfigurations",
    "validatingwebhookconfigurations",
    "validatingadmissionpolicies",
    "validatingadmissionpolicybindings",
    "clusterroles",
    "clusterrolebindings",
    "namespaces",
)
"""What is of ours and in no namespace, and the namespace with the rest."""


class Usage(NamedTuple):
    """What a replica has used, as the kubelet measures it: at which second, seconds of CPU, bytes of memory."""

    time: float
    cpu: float
    memory: float


class Product(NamedTuple):
    """The install. `directory` has the overlays."""

    node: Node
    kubectl: Kubectl
    directory: Path

    def apply(
        self, name: str, components: Sequence[str] = (), patches: Sequence[Mapping[str, Any]] = (), **fields: Any
    ) -> Path:
        """Apply base with these components, patches and other fields of a kustomization; the overlay."""
        overlay = write_overlay(self.directory / name, *components, patches=[self._patch(), *patches], **fields)
        self.kubectl.run("apply", "-k", str(overlay))
        return overlay

    def delete(self) -> None:
        """Delete all that has been applied, and wait until it is gone. The replicas have no time to drain."""
        self.kubectl.run("delete", ",".join(_KINDS), f"--selector={LABEL}={NAME}", "--wait=false")
        for row in self.node.plane.admin.must("GET", pods(NAME))["items"]:
            self.node.delete(NAME, row["metadata"]["name"])
        self.kubectl.run("delete", "namespace", SPACE, "--ignore-not-found", "--wait=false")
        admin = self.node.plane.admin
        paths = [f"/api/v1/namespaces/{name}" for name in (NAME, SPACE)]
        eventually(lambda: not any(admin.request("GET", path).ok for path in paths), "they are gone", _SECONDS)

    def wait(self, deployment: str = NAME) -> None:
        """Wait until there are enough replicas of the newest template, and ready; those of before may still drain."""
        self.kubectl.run("-n", NAME, "rollout", "status", f"deployment/{deployment}", seconds=_SECONDS)

    def wait_for_the_end(self, names: Collection[str]) -> None:
        """Wait until these replicas are gone."""
        eventually(lambda: not self.names() & set(names), "they have ended", _SECONDS)

    def names(self) -> set[str]:
        """The replicas of admission, by name."""
        return {row["metadata"]["name"] for row in self.replicas()}

    def running(self) -> list[Any]:
        """The replicas of admission that nobody has told to end."""
        return [row for row in self.replicas() if "deletionTimestamp" not in row["metadata"]]

    def deployment(self, name: str = NAME) -> Any:
        """A Deployment of ours."""
        return self.node.plane.admin.must("GET", f"/apis/apps/v1/namespaces/{NAME}/deployments/{name}")

    def replicas(self, deployment: str = NAME) -> list[Any]:
        """Its pods, those too that are ending."""
        rows = self.node.plane.admin.must("GET", pods(NAME))["items"]
        return [row for row in rows if row["metadata"]["labels"][LABEL] == deployment]

    def pid(self, replica: Any) -> str:
        """The process of a replica, as the node numbers it."""
        (container,) = replica["status"]["containerStatuses"]
        name = container["containerID"].removeprefix("containerd://")
        rows = (line.split() for line in self.node.runtime.ctr("tasks", "ls").stdout.splitlines())
        (pid,) = (row[1] for row in rows if row[0] == name)
        return pid

    def run(self, *words: str) -> str:
        """What a command prints that is run among the processes of the node."""
        return subprocess.run(self.node.isolation.command(*words), capture_output=True, text=True, check=True).stdout

    def usage(self) -> dict[str, Usage]:
        """What the kubelet measures, by replica. It does so every few seconds."""
        pair = self.node.plane.authority.issue("measuring", ADMINISTRATORS)
        context = ssl._create_unverified_context()  # noqa: S323 (a kubelet makes its own certificate)
        context.load_cert_chain(pair.cert, pair.key)
        text = ask("127.0.0.1", _KUBELET_PORT, "/metrics/resource", context=context)
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        cpu, memory = (
            {row.labels["pod"]: row for row in samples if row.name == name and row.labels["namespace"] == NAME}
            for name in ("container_cpu_usage_seconds_total", "container_memory_working_set_bytes")
        )
        return {pod: Usage(_time(row), row.value, memory[pod].value) for pod, row in cpu.items()}

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a counter over all replicas, as Prometheus would read it at the metrics Service."""
        path = f"/apis/discovery.k8s.io/v1/namespaces/{NAME}/endpointslices"
        slices = self.node.plane.admin.must("GET", path)["items"]
        rows = [row for row in slices if row["metadata"]["labels"]["kubernetes.io/service-name"] == f"{NAME}-metrics"]
        addresses = [
            point["addresses"][0] for row in rows for point in row["endpoints"] if point["conditions"]["ready"]
        ]
        texts = [ask(address, rows[0]["ports"][0]["port"], "/metrics") for address in addresses]
        families = [family for text in texts for family in text_string_to_metric_families(text)]
        samples = [sample for family in families for sample in family.samples if sample.name == name]
        return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())

    def load(self, namespace: str) -> Load:
        """Pods created (dry run) in a namespace that has opted in: each has to come back defaulted."""
        path, admin = pods(namespace), self.node.plane.admin

        def admit() -> str:
            answer = admin.create(path, BARE, dry_run=True)
            if not answer.ok:
                return f"{answer.status} {answer.message}"
            return "" if APPLIED in (answer.body["metadata"].get("annotations") or {}) else "not defaulted"

        return Load(admit)

    def _patch(self) -> dict[str, Any]:
        port = str(urlsplit(self.node.plane.address).port)
        env = {"KUBERNETES_SERVICE_HOST": BRIDGE_ADDRESS, "KUBERNETES_SERVICE_PORT": port}
        container = {"name": NAME, "env": [{"name": name, "value": value} for name, value in env.items()]}
        value = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": NAME},
            "spec": {"template": {"spec": {"nodeName": NODE, "containers": [container]}}},
        }
        return {"target": {"kind": "Deployment"}, "patch": json.dumps(value)}


@contextmanager
def installing(node: Node, directory: Path) -> Iterator[Product]:
    """The image is on the node, and what is applied in the block is deleted at its end."""
    binaries.find("kubectl", "kustomize")
    with node.isolation.left():  # building takes what this machine gets from elsewhere
        archive = product_archive()
    node.runtime.load_archive(archive)
    product = Product(node, Kubectl(node.plane, directory), directory)
    try:
        yield product
    finally:
        product.delete()


def ask(
    host: str,
    port: int,
    path: str,
    body: str | None = None,
    headers: Mapping[str, str] = {},
    *,
    context: ssl.SSLContext | None = None,
) -> str:
    """The text of an answer that has to be a success: a GET, or a POST of `body`; over TLS with `context`."""
    if context is None:
        connection = http.client.HTTPConnection(host, port, timeout=10)
    else:
        connection = http.client.HTTPSConnection(host, port, timeout=10, context=context)
    try:
        connection.request("GET" if body is None else "POST", path, body, dict(headers))
        answer = connection.getresponse()
        text = answer.read().decode()
    finally:
        connection.close()
    assert answer.status == 200, f"{path}: {answer.status} {text}"
    return text


def _time(sample: Sample) -> float:
    assert isinstance(sample.timestamp, float)
    return sample.timestamp
