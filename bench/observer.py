"""`python -m bench.observer`: what an observer needs in a large cluster, on a real API server with no kubelet.

It makes 20,000 pods in 500 namespaces, with statuses as a kubelet writes them, and changes 100 a second: `make assets`.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from patches import APPLIED_ANNOTATION
from tests.cluster import binaries
from tests.cluster.client import MERGE_PATCH, pods, spread
from tests.cluster.control_plane import ControlPlane
from tests.cluster.programs import control_plane
from tests.leftovers import bound
from tests.served import served
from webhook.images.shards import KEY, NAMES

_OWN: Final = "bench-own"
_IN_WORKLOAD: Final = 4
_SETTLED_SECONDS: Final = 10.0
_HANG: Final = 0.01
"""The part of the changes after which a container hangs."""
_ROOT: Final = "container has runAsNonRoot and image will run as root"


def main() -> int:
    """Fill a cluster, start a server and an observer as processes of their own, change pods, and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.observer", description=__doc__)
    parser.add_argument("--namespaces", type=int, default=500, help="(default: %(default)s)")
    parser.add_argument("--pods", type=int, default=20_000, help="in all of them (default: %(default)s)")
    parser.add_argument("--changes", type=int, default=100, help="a second (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=60, help="for how long (default: %(default)s)")
    options = parser.parse_args()
    found = binaries.find("etcd", "kube-apiserver")
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        plane = stack.enter_context(control_plane(directory, found))
        _fill(plane, options)
        common = ["--kubeconfig", str(plane.kubeconfig("bench")), "--own-namespace", _OWN]
        server = stack.enter_context(served(directory / "served", "--cluster", *common)).process.pid
        time.sleep(_SETTLED_SECONDS)
        before = _memory(server)
        started = time.monotonic()
        observer = stack.enter_context(_observing(common, directory / "observe.log"))
        images = _settled(plane)
        seconds = time.monotonic() - started
        print(f"first list: {images} entries written after {seconds - _SETTLED_SECONDS:.0f} s,", end=" ")
        print(f"{_cpu(observer):.1f} s of CPU, {_memory(observer):.0f} MiB")
        cpu = _cpu(observer)
        made = _change(plane, options)
        cpu, seconds = _cpu(observer) - cpu, made[1]
        print(
            f"{made[0] / seconds:.0f} changes a second for {seconds:.0f} s: {100 * cpu / seconds:.1f} % of a core,",
            end=" ",
        )
        print(f"peak {_memory(observer, 'VmHWM'):.0f} MiB")
        _settled(plane)
        sizes = [len(text.encode()) for text in _texts(plane)]
        print(f"ConfigMaps: {' + '.join(map(str, sizes))} bytes, {images} entries")
        print(f"admission: {before:.0f} MiB before anything was learnt, {_memory(server):.0f} MiB after")
    return 0


def _fill(plane: ControlPlane, options: argparse.Namespace) -> None:
    """Every fourth pod shares its workload and its image; of each hundredth workload the pods hang."""
    started = time.monotonic()
    plane.namespace(_OWN)
    names = [plane.namespace(f"space-{index}") for index in range(options.namespaces)]

    def create(workload: int) -> None:
        space = names[workload % len(names)]
        labels = {"app": f"w-{workload}"}
        template = {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": "app", "image": _image(workload)}]},
        }
        path = f"/apis/apps/v1/namespaces/{space}/replicasets"
        value = {
            "metadata": {"name": f"w-{workload}"},
            "spec": {"selector": {"matchLabels": labels}, "template": template},
        }
        owner = plane.bypassing.must("POST", path, value)["metadata"]
        reference = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": owner["name"], "uid": owner["uid"]}
        metadata = {
            "labels": labels,
            "ownerReferences": [{**reference, "controller": True}],
            "annotations": {APPLIED_ANNOTATION: "runAsNonRoot:pod"},
        }
        spec = {**template["spec"], "securityContext": {"runAsNonRoot": True}}
        for number in range(_IN_WORKLOAD):
            name = f"w-{workload}-{number}"
            plane.bypassing.must("POST", pods(space), {"metadata": {**metadata, "name": name}, "spec": spec})
            _set(plane, f"{pods(space)}/{name}", workload, restarts=0, hangs=workload % 100 == 0)

    spread(create, range(options.pods // _IN_WORKLOAD))
    print(f"{len(names)} namespaces, {options.pods} pods: {time.monotonic() - started:.0f} s")


def _image(workload: int) -> str:
    return f"registry.example/team-{workload % 500}/app-{workload}:1.{workload % 10}"


def _set(plane: ControlPlane, path: str, workload: int, *, restarts: int, hangs: bool) -> None:
    """Write the status of a pod as a kubelet does."""
    state: Any = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
    if hangs:
        state = {"waiting": {"reason": "CreateContainerConfigError", "message": _ROOT}}
    row = {
        "name": "app",
        "image": _image(workload),
        "imageID": "" if hangs else f"registry.example/app@sha256:{workload:064x}",
        "ready": not hangs,
        "restartCount": restarts,
        "state": state,
        "user": {"linux": {"uid": 1000 + workload % 1000, "gid": 1000}},
    }
    body = {"status": {"phase": "Running", "containerStatuses": [row]}}
    plane.bypassing.must("PATCH", f"{path}/status", body, MERGE_PATCH)


def _change(plane: ControlPlane, options: argparse.Namespace) -> tuple[int, float]:
    """Write statuses at a steady rate: restarts, and now and then a container that hangs; how many, and how long."""
    draw = random.Random(13)  # noqa: S311 (test data)
    started, made = time.monotonic(), 0
    with ThreadPoolExecutor(8) as pool:
        futures = []
        while (now := time.monotonic() - started) < options.seconds:
            while made < now * options.changes:
                workload, number = draw.randrange(options.pods // _IN_WORKLOAD), draw.randrange(_IN_WORKLOAD)
                space = f"space-{workload % options.namespaces}"
                hangs = draw.random() < _HANG
                path = f"{pods(space)}/w-{workload}-{number}"
                futures.append(pool.submit(_set, plane, path, workload, restarts=made + 1, hangs=hangs))
                made += 1
            time.sleep(0.01)
        for future in futures:
            future.result()
    return made, time.monotonic() - started


@contextmanager
def _observing(common: list[str], log: Path) -> Iterator[int]:
    """An observer; its process id."""
    with log.open("wb") as errors:
        command = bound([sys.executable, "-m", "webhook", "observe", "--health-port", "0", *common])
        process = subprocess.Popen(command, stdout=errors, stderr=errors)  # noqa: S603 (this program)
        try:
            yield process.pid
        finally:
            process.terminate()
            process.wait(20)


def _settled(plane: ControlPlane) -> int:
    """Wait until the ConfigMaps no longer grow; how many entries they have."""
    last, since = -1, time.monotonic()
    while time.monotonic() - since < _SETTLED_SECONDS or last <= 0:
        count = sum(max(0, text.count("\n") - 2) for text in _texts(plane))
        if count != last:
            last, since = count, time.monotonic()
        time.sleep(0.5)
    return last


def _texts(plane: ControlPlane) -> list[str]:
    answers = [plane.admin.request("GET", f"/api/v1/namespaces/{_OWN}/configmaps/{name}") for name in NAMES]
    return [(answer.body.get("data") or {}).get(KEY, "") for answer in answers if answer.ok]


def _cpu(process: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(process: int, field: str = "VmRSS") -> float:
    """MiB that a process has; with `VmHWM`, at its peak."""
    lines = (line.split() for line in Path(f"/proc/{process}/status").read_text().splitlines())
    return next(int(words[1]) for words in lines if words[0] == f"{field}:") / 1024


if __name__ == "__main__":
    sys.exit(main())
