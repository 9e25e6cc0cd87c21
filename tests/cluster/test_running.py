"""`bench.creates --kubeconfig` measures on a cluster that runs: who is asked in a namespace, and what that adds."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import running
from tests.cluster.control_plane import ADMINISTRATORS, ControlPlane
from tests.cluster.webhooks import defaulter
from webhook.errors import ClusterError

pytestmark = pytest.mark.cluster

_NAME = "psd-running"
_BARE = {"metadata": {"generateName": "p-"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
_UNACCEPTED = {"metadata": {"generateName": "p-"}, "spec": {"containers": []}}


def test_a_namespace_with_a_webhook_beside_one_without(
    plane: ControlPlane, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Times of both, how long the API server waited for our webhook, and no pod that it refuses anyway."""
    quiet = plane.namespace(f"{_NAME}-quiet")
    asked = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _NAME}}
    kubeconfig = plane.kubeconfig(_NAME, ADMINISTRATORS)
    with defaulter(plane, tmp_path / "served", _NAME, objects=[asked]) as webhook:
        spaces = {"nobody": quiet, "ours": _NAME}
        report = running.measure(kubeconfig, None, spaces, [_UNACCEPTED, _BARE], rounds=2)
    assert report["pods"] == 1
    assert list(report["results"]) == ["nobody", "ours"]
    for row in report["results"].values():
        assert 0 < row["1"]["p50 ms"] <= row["1"]["p99 ms"]
    assert set(report["webhooks"][f"{webhook} (admit)"]) == {"1", "32"}
    running.print_report(report)
    printed = capsys.readouterr().out
    assert printed.startswith("1 pods, as dry runs\n")
    assert f"the API server waited for {webhook} (admit): 1 at once: mean " in printed


def test_a_cluster_that_accepts_none(plane: ControlPlane) -> None:
    """It is said, instead of a division by zero."""
    kubeconfig = plane.kubeconfig(f"{_NAME}-none", ADMINISTRATORS)
    with pytest.raises(ClusterError, match="no pod is accepted in all of these namespaces"):
        running.measure(kubeconfig, None, {"nobody": "psd-nowhere"}, [_BARE], rounds=1)
