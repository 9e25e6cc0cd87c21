"""Controllers: the pods that kube-controller-manager creates come out defaulted, once each, and nothing drifts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import pytest
import yaml

from patches.policy.policy import PREFIX, PSA_PREFIX
from tests.cluster.client import MERGE_PATCH, pods
from tests.cluster.control_plane import ControlPlane
from tests.cluster.kubectl import Kubectl
from tests.cluster.webhooks import defaulter, namespace
from tests.cluster.workloads import REPLICAS, manifests

pytestmark = pytest.mark.cluster

_NAME: Final = "controllers"
_NODE: Final = "controllers-node"
_BARE: Final = "controllers-without"
_WAIT_SECONDS: Final = 120
_QUIET_SECONDS: Final = 30
_COLLECTIONS: Final = {
    "Deployment": "apis/apps/v1/{}/deployments",
    "ReplicaSet": "apis/apps/v1/{}/replicasets",
    "StatefulSet": "apis/apps/v1/{}/statefulsets",
    "DaemonSet": "apis/apps/v1/{}/daemonsets",
    "Job": "apis/batch/v1/{}/jobs",
    "CronJob": "apis/batch/v1/{}/cronjobs",
}


class Observed(NamedTuple):
    """What there is at one moment: generations by kind and name, pods by uid, and how often pods were written."""

    generations: dict[str, int]
    pods: dict[str, Any]
    writes: list[tuple[str, int]]


class Applied(NamedTuple):
    """The workloads after kubectl had applied them, and again a while later."""

    said: str
    early: Observed
    late: Observed


def _path(kind: str, namespace: str) -> str:
    return "/" + _COLLECTIONS[kind].format(f"namespaces/{namespace}")


def _until(found: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + _WAIT_SECONDS
    while not (value := found()):
        assert time.monotonic() < end, what
        time.sleep(0.2)
    return value


def _observe(plane: ControlPlane) -> Observed:
    generations = {
        f"{kind}/{row['metadata']['name']}": row["metadata"]["generation"]
        for kind in _COLLECTIONS
        for row in plane.admin.must("GET", _path(kind, _NAME))["items"]
    }
    found = {row["metadata"]["uid"]: row for row in plane.admin.must("GET", pods(_NAME))["items"]}
    writes = [
        (event["verb"], event["responseStatus"]["code"])
        for event in plane.audit.events()
        if (ref := event.get("objectRef")) and ref["resource"] == "pods" and ref.get("namespace") == _NAME
    ]
    return Observed(generations, found, writes)


def _start_cron_job(plane: ControlPlane, name: str) -> None:
    """Say that it ran last a good year ago: then its controller makes up for what was missed, without a wait."""
    path = f"{_path('CronJob', _NAME)}/{name}"
    last = {"status": {"lastScheduleTime": "2024-06-01T00:00:00Z"}}
    plane.admin.must("PATCH", f"{path}/status", last, MERGE_PATCH)


@pytest.fixture(scope="module")
def node(plane: ControlPlane) -> Iterator[str]:
    """A Node for the DaemonSet, without the taint that a node has until its kubelet reports."""
    plane.admin.must("POST", "/api/v1/nodes", {"metadata": {"name": _NODE}})
    plane.admin.must("PATCH", f"/api/v1/nodes/{_NODE}", {"spec": {"taints": None}}, MERGE_PATCH)
    yield _NODE
    plane.admin.request("DELETE", f"/api/v1/nodes/{_NODE}")


@pytest.fixture(scope="module")
def applied(
    plane: ControlPlane,
    controllers: None,
    node: str,
    kubectl: Kubectl,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Applied]:
    """All workloads in one restricted namespace, observed when their pods are there and again after the same wait."""
    assert (controllers, node) == (None, _NODE)
    directory = tmp_path_factory.mktemp(_NAME) / "served"
    objects = [namespace(_NAME, {PSA_PREFIX + "enforce": "restricted"})]
    with defaulter(plane, directory, _NAME, objects=objects):
        said = kubectl.run("apply", "-n", _NAME, "-f", "-", stdin=yaml.safe_dump_all(manifests())).stderr
        _start_cron_job(plane, "cronjob")
        wanted = sum(REPLICAS.values())
        _until(lambda: len(_observe(plane).pods) >= wanted, f"there are fewer than {wanted} pods")
        _until(lambda: len(_observe(plane).writes) >= wanted, f"fewer than {wanted} creates are in the audit log")
        early = _observe(plane)
        time.sleep(_QUIET_SECONDS)
        yield Applied(said, early, _observe(plane))


def _kind(pod: Any) -> str:
    """The kind of workload that a pod belongs to: each labels its template with it."""
    kind: str = pod["metadata"]["labels"]["workload"]
    return kind


def test_without_us_no_pod_is_created(plane: ControlPlane, controllers: None, kubectl: Kubectl) -> None:
    """In a restricted namespace that nobody defaults, the ReplicaSet controller is refused again and again."""
    assert controllers is None
    plane.namespace(_BARE, {PSA_PREFIX + "enforce": "restricted"})
    deployment = [row for row in manifests() if row["kind"] == "Deployment"]
    kubectl.run("apply", "-n", _BARE, "-f", "-", stdin=yaml.safe_dump_all(deployment))

    def failure() -> str:
        rows = plane.admin.must("GET", _path("ReplicaSet", _BARE))["items"]
        said = [row["message"] for set_ in rows for row in set_["status"].get("conditions", ())]
        return said[0] if said else ""

    assert 'violates PodSecurity "restricted:latest"' in _until(failure, "nothing is said of a refused pod")
    assert plane.admin.must("GET", pods(_BARE))["items"] == []
    plane.admin.must("DELETE", f"{_path('Deployment', _BARE)}/deployment")


def test_the_template_s_author_is_told(applied: Applied) -> None:
    """Kubectl prints what the pods will get, beside the plugin's own warning of the template as it was written."""
    assert "Warning: pod-security-defaulter will add to the pods runAsNonRoot:pod, " in applied.said


@pytest.mark.parametrize("kind", REPLICAS)
def test_pods_come_out_defaulted(applied: Applied, kind: str) -> None:
    """As many as are wanted, each with the fields of the profile and without the token."""
    found = [row for row in applied.late.pods.values() if _kind(row) == kind]
    assert len(found) == REPLICAS[kind]
    for row in found:
        spec = row["spec"]
        assert spec["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
        assert spec["automountServiceAccountToken"] is False
        assert [volume for volume in spec.get("volumes", ()) if "projected" in volume] == []
        (container,) = spec["containers"]
        assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
        assert container["resources"] == {"requests": {"cpu": "100m", "memory": "128Mi"}}
        assert "capabilities:containers/c" in row["metadata"]["annotations"][PREFIX + "applied"].split(",")


def test_each_pod_is_written_once(applied: Applied) -> None:
    """The audit log has one create for each replica and no other write of a pod: nothing is refused and tried again."""
    assert applied.late.writes == [("create", 201)] * sum(REPLICAS.values())


def test_nothing_moves_for_half_a_minute(applied: Applied) -> None:
    """The same pods, and the same generation of each workload, of its ReplicaSet and of the CronJob's Job."""
    assert list(applied.late.pods) == list(applied.early.pods)
    assert applied.late.generations == applied.early.generations
    assert set(applied.late.generations.values()) == {1}
    assert len(applied.late.generations) == len(REPLICAS) + 2


def test_applying_again_finds_nothing_to_change(applied: Applied, plane: ControlPlane, kubectl: Kubectl) -> None:
    """Templates are as their author wrote them, so that a GitOps tool sees no drift.

    Of a StatefulSet with claims kubectl always says that it sends a change; the API server finds none.
    """
    done = kubectl.run("apply", "-n", _NAME, "-f", "-", stdin=yaml.safe_dump_all(manifests()))
    changed = [line for line in done.stdout.splitlines() if not line.endswith(" unchanged")]
    assert changed in ([], ["statefulset.apps/statefulset configured"])
    assert _observe(plane).generations == applied.late.generations
