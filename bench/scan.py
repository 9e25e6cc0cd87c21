"""`python -m bench.scan`: time, requests, bytes and memory of scanning a large cluster, on a real API server.

It makes 200 namespaces with 5,000 workloads and 20,000 pods of the corpus on an API server of its own: `make assets`.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from tests.cluster import binaries
from tests.cluster.client import pods, spread
from tests.cluster.control_plane import ControlPlane
from tests.cluster.programs import control_plane
from tests.shared_data import read_jsonl_gz, shared

_DEPLOYMENTS: Final = "/apis/apps/v1/namespaces/{}/deployments"
_KEPT: Final = ("labels", "annotations")


def main() -> int:
    """Fill a cluster and scan it, in a process of its own, whose peak of memory counts."""
    parser = argparse.ArgumentParser(prog="python -m bench.scan", description=__doc__)
    parser.add_argument("--namespaces", type=int, default=200, help="(default: %(default)s)")
    parser.add_argument("--workloads", type=int, default=5_000, help="(default: %(default)s)")
    parser.add_argument("--pods", type=int, default=4, help="pods of each workload (default: %(default)s)")
    parser.add_argument("--kubeconfig", type=Path, help=argparse.SUPPRESS)  # of the process that scans
    options = parser.parse_args()
    if options.kubeconfig:
        return _scan(options.kubeconfig)
    found = binaries.find("etcd", "kube-apiserver")
    with tempfile.TemporaryDirectory() as directory, control_plane(Path(directory), found) as plane:
        _fill(plane, options)
        command = [sys.executable, "-m", "bench.scan", "--kubeconfig", str(plane.kubeconfig("scanner"))]
        return subprocess.run(command, check=False).returncode  # noqa: S603 (this module)


def _fill(plane: ControlPlane, options: argparse.Namespace) -> None:
    """Every workload is a Deployment with a template of the corpus, and some pods that it owns."""
    started = time.monotonic()
    names = [plane.namespace(f"space-{index}") for index in range(options.namespaces)]
    specs = [row["pod"] for row in read_jsonl_gz(shared("corpus/pods.jsonl.gz")) if row["accepted_by_api_server"]]
    specs = [
        pod for pod in specs if not {"serviceAccountName", "serviceAccount", "priorityClassName"} & set(pod["spec"])
    ]

    def create(index: int) -> int:
        pod, space = specs[index % len(specs)], names[index % len(names)]
        return _workload(plane, space, f"w-{index}", pod, options.pods)

    made = sum(spread(create, range(options.workloads)))
    print(f"{len(names)} namespaces, {options.workloads} workloads, {made} pods: {time.monotonic() - started:.0f} s")


def _workload(plane: ControlPlane, space: str, name: str, pod: Any, count: int) -> int:
    kept = {key: part for key, part in pod["metadata"].items() if key in _KEPT}
    labels = {**(kept.get("labels") or {}), "app": name}
    spec = {**pod["spec"], "restartPolicy": "Always"}
    for key in ("activeDeadlineSeconds", "ephemeralContainers"):  # a Deployment may not have these
        spec.pop(key, None)
    template = {"metadata": {**kept, "labels": labels}, "spec": spec}
    value = {"metadata": {"name": name}, "spec": {"selector": {"matchLabels": {"app": name}}, "template": template}}
    answer = plane.admin.create(_DEPLOYMENTS.format(space), value)
    assert answer.ok, answer.message
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name, "uid": answer.body["metadata"]["uid"]}
    owned = {"generateName": f"{name}-", "labels": labels, "ownerReferences": [{**owner, "controller": True}]}
    annotations = {"annotations": kept["annotations"]} if kept.get("annotations") else {}
    for _ in range(count):
        made = plane.admin.create(pods(space), {"metadata": {**owned, **annotations}, "spec": spec})
        assert made.status == HTTPStatus.CREATED, made.message
    return count


def _scan(kubeconfig: Path) -> int:
    import asyncio  # noqa: PLC0415 (only the process that scans counts its memory)

    from patches import parse_level_version  # noqa: PLC0415
    from webhook.cluster.api import ClusterClient  # noqa: PLC0415
    from webhook.scan.cluster import ClusterScan, scan_cluster  # noqa: PLC0415

    class Counting(ClusterClient):
        requests = received = 0

        async def get(self, path: str, query: Mapping[str, str] | None = None, *, seconds: float = 30) -> bytes:
            body = await super().get(path, query, seconds=seconds)
            self.requests += 1
            self.received += len(body)
            return body

    async def ask() -> None:
        client = await Counting.connect(kubeconfig)
        before, started = _peak(), time.monotonic()
        scan = await scan_cluster(client, ClusterScan(parse_level_version("restricted")), lambda _: None)
        seconds = time.monotonic() - started
        await client.close()
        workloads = sum(len(row.workloads) for row in scan.namespaces)
        print(f"{len(scan.namespaces)} namespaces, {workloads} workloads, kinds {scan.kinds}")
        print(f"{seconds:.1f} s, {client.requests} requests, {client.received / 2**20:.1f} MiB received")
        print(f"peak memory {_peak():.0f} MiB, of which {before:.0f} MiB before the first request")

    asyncio.run(ask())
    return 0


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main())
