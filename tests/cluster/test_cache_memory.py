"""What it costs to follow a large cluster: 10,000 namespaces of a real API server, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from patches.policy.policy import PREFIX, PSA_PREFIX
from tests.cluster import binaries
from tests.cluster.client import spread
from tests.cluster.control_plane import ControlPlane
from tests.cluster.programs import control_plane
from tests.cluster.telling import tell

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

_COUNT = 10_000
_ROOT = Path(__file__).parents[2]
_LIMITS = {"limits": [{"type": "Container", "default": {"cpu": "1", "memory": "1Gi"}, "max": {"cpu": "4"}}]}


def _fill(plane: ControlPlane, number: int) -> None:
    """A namespace as platforms make them: labels, two accounts, in every fourth a LimitRange."""
    name = f"team-{number}"
    labels = {"team": name, "cost-centre": str(number), PSA_PREFIX + "enforce": ("baseline", "restricted")[number % 2]}
    if number % 3 == 0:
        labels[PREFIX + "mode"] = "warn"
    path = f"/api/v1/namespaces/{name}"
    plane.admin.must("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
    for account in ("default", "builder"):
        plane.admin.must("POST", f"{path}/serviceaccounts", {"metadata": {"name": account}})
    if number % 4 == 0:
        plane.admin.must("POST", f"{path}/limitranges", {"metadata": {"name": "limits"}, "spec": _LIMITS})


def test_ten_thousand_namespaces(tmp_path: Path) -> None:
    """They take some MiB, and no more when everything is listed anew; another configuration takes a blink."""
    with control_plane(tmp_path, binaries.find("etcd", "kube-apiserver")) as plane:
        spread(lambda number: _fill(plane, number), range(_COUNT))
        command = [sys.executable, str(_ROOT / "tests" / "cluster" / "resident.py"), str(plane.kubeconfig("resident"))]
        ended = subprocess.run(
            command, cwd=_ROOT, env={"PYTHONPATH": str(_ROOT)}, capture_output=True, text=True, timeout=300, check=False
        )
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    tell(
        f"{found['empty']:.0f} MiB resident before, {found['full']:.0f} with {found['objects']}, {found['again']:.0f} "
        f"after listing again; synced in {found['seconds']:.1f} s, configured anew in {found['configure']:.1f} ms; all "
        f"compiled in {found['compile']:.0f} ms, by the other configuration in {found['compile_anew']:.0f} ms"
    )
    objects = found["objects"]
    assert objects["namespaces"] >= _COUNT
    assert objects["serviceaccounts"] == 2 * _COUNT
    assert objects["limitranges"] == _COUNT // 4
    assert found["full"] - found["empty"] < 100
    assert found["again"] - found["full"] < 40
