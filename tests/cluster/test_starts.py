"""What a template says, when applied, of pods that will not start or be refused; and what a controller hears."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from typing import Any, Final

import pytest

from patches.policy.policy import PSA_PREFIX
from tests.cluster.client import pods
from tests.cluster.control_plane import ControlPlane
from tests.cluster.kubectl import Kubectl
from tests.cluster.webhooks import defaulter, namespace

pytestmark = pytest.mark.cluster

_NAME: Final = "starts"
_FREE: Final = f"{_NAME}-free"
_WAIT_SECONDS: Final = 60
_IMAGES: Final = {
    "registry.example/root:1": {"user": ""},
    "registry.example/name:1": {"user": "memcache"},
    "registry.example/number:1": {"user": 101},
}
_KINDS: Final = {
    "Deployment": "apis/apps/v1/namespaces/{}/deployments",
    "ReplicaSet": "apis/apps/v1/namespaces/{}/replicasets",
    "StatefulSet": "apis/apps/v1/namespaces/{}/statefulsets",
    "DaemonSet": "apis/apps/v1/namespaces/{}/daemonsets",
    "Job": "apis/batch/v1/namespaces/{}/jobs",
    "CronJob": "apis/batch/v1/namespaces/{}/cronjobs",
    "ReplicationController": "api/v1/namespaces/{}/replicationcontrollers",
    "PodTemplate": "api/v1/namespaces/{}/podtemplates",
}
_OURS: Final = "pod-security-defaulter: "
_ROOT: Final = (
    'container "c" (image registry.example/root:1) will not start: container has runAsNonRoot and image will run as '
    "root. Set runAsUser to a user that the image supports"
)
_NAMED: Final = (
    'container "c" (image registry.example/name:1) will not start: image has non-numeric user (memcache), cannot '
    "verify user is non-root. Set runAsUser to a user that the image supports"
)


@pytest.fixture(scope="module")
def starts(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A namespace that enforces baseline and one that enforces nothing; /mutate refuses, and knows some images."""
    objects = [namespace(_NAME, {PSA_PREFIX + "enforce": "baseline"}), namespace(_FREE)]
    directory = tmp_path_factory.mktemp(_NAME) / "served"
    with defaulter(plane, directory, _NAME, objects=objects, config={"denyIn": "mutate"}, images=_IMAGES):
        yield _NAME


def _workload(kind: str, image: str, **security: Any) -> Any:
    """A controller of no pods, so that nothing but its template counts."""
    spec = {"restartPolicy": "Never" if kind in ("Job", "CronJob") else "Always"}
    container = {"name": "c", "image": image, "securityContext": security}
    template = {"metadata": {"labels": {"app": "a"}}, "spec": {**spec, "containers": [container]}}
    match kind:
        case "PodTemplate":
            return {"metadata": {"name": "a"}, "template": template}
        case "CronJob":
            job = {"schedule": "0 0 1 1 *", "suspend": True, "jobTemplate": {"spec": {"template": template}}}
            return {"metadata": {"name": "a"}, "spec": job}
        case "Job":
            return {"metadata": {"name": "a"}, "spec": {"suspend": True, "template": template}}
        case "ReplicationController":
            return {"metadata": {"name": "a"}, "spec": {"replicas": 0, "selector": {"app": "a"}, "template": template}}
    fields: dict[str, Any] = {"selector": {"matchLabels": {"app": "a"}}, "template": template}
    if kind != "DaemonSet":
        fields["replicas"] = 0
    if kind == "StatefulSet":
        fields["serviceName"] = "a"
    return {"metadata": {"name": "a"}, "spec": fields}


def _heard(warnings: Iterable[str]) -> list[str]:
    """The warnings of ours that say what the pods will meet."""
    words = (" not start: ", "would be refused")
    return [text.removeprefix(_OURS) for text in warnings if any(word in text for word in words)]


@pytest.mark.parametrize("kind", _KINDS)
def test_a_template_says_what_will_not_start(plane: ControlPlane, starts: str, kind: str) -> None:
    """When it is created, and when it is changed: once, in the kubelet's words. Of images that run nothing is said."""
    assert starts
    path = f"/{_KINDS[kind].format(_FREE)}"
    quiet = plane.admin.create(path, _workload(kind, "registry.example/number:1", runAsNonRoot=True))
    assert (quiet.ok, _heard(quiet.warnings)) == (True, []), quiet.message
    created = {**quiet.body, "metadata": {**quiet.body["metadata"], "annotations": {"changed": "yes"}}}
    assert _heard(plane.admin.request("PUT", f"{path}/a", created).warnings) == []
    plane.admin.must("DELETE", f"{path}/a?propagationPolicy=Background")
    for image, sentence in (("registry.example/root:1", _ROOT), ("registry.example/name:1", _NAMED)):
        value = _workload(kind, image, runAsNonRoot=True)
        value["metadata"]["name"] = f"a-{image[17:21]}"
        answer = plane.admin.create(path, value)
        assert answer.ok, answer.message
        assert _heard(answer.warnings) == [sentence]
        body = {**answer.body, "metadata": {**answer.body["metadata"], "annotations": {"changed": "yes"}}}
        updated = plane.admin.request("PUT", f"{path}/{value['metadata']['name']}", body)
        assert updated.ok, updated.message
        assert _heard(updated.warnings) == [sentence]


@pytest.mark.parametrize("kind", _KINDS)
def test_a_template_says_that_its_pods_are_refused(plane: ControlPlane, starts: str, kind: str) -> None:
    """One line beside the violations, of templates that no default can mend; such a pod is refused indeed."""
    value = _workload(kind, "registry.example/number:1", privileged=True)
    answer = plane.admin.create(f"/{_KINDS[kind].format(starts)}", value, dry_run=True)
    assert answer.ok, answer.message
    sentence = f'pods of this {kind} would be refused: they violate PodSecurity "baseline:latest"'
    assert _heard(answer.warnings) == [sentence]
    spec = {"containers": [{"name": "c", "image": "i", "securityContext": {"privileged": True}}]}
    for client in (plane.admin, plane.bypassing):  # with us in front, and Kubernetes alone
        refused = client.create(pods(starts), {"metadata": {"generateName": "p-"}, "spec": spec}, dry_run=True)
        assert refused.status == 403
        assert 'violates PodSecurity "baseline:latest"' in refused.message
    mended = plane.admin.create(f"/{_KINDS[kind].format(starts)}", _workload(kind, "i"), dry_run=True)
    assert (mended.ok, _heard(mended.warnings)) == (True, [])


def test_kubectl_prints_it(starts: str, kubectl: Kubectl) -> None:
    """Whoever applies a Deployment sees both lines, once each."""
    value = _workload("Deployment", "registry.example/root:1", runAsNonRoot=True, privileged=True)
    applied = {"apiVersion": "apps/v1", "kind": "Deployment", **value}
    said = kubectl.run("apply", "-n", starts, "--dry-run=server", "-f", "-", stdin=json.dumps(applied)).stderr
    assert said.count(f"Warning: {_OURS}{_ROOT}") == 1
    assert said.count("pods of this Deployment would be refused") == 1


def test_the_controller_hears_the_hint(plane: ControlPlane, starts: str, controllers: None) -> None:
    """Under `denyIn: mutate` the event of the ReplicaSet holds the refusal, and which field to change."""
    assert controllers is None
    value = _workload("ReplicaSet", "registry.example/number:1", privileged=True)
    value["metadata"]["name"] = "heard"
    value["spec"]["replicas"] = 1
    plane.admin.must("POST", f"/{_KINDS['ReplicaSet'].format(starts)}", value)
    end, said = time.monotonic() + _WAIT_SECONDS, [""]
    while not any(said):
        assert time.monotonic() < end, "no event tells of the refused pod"
        time.sleep(0.2)
        events = plane.admin.must("GET", f"/api/v1/namespaces/{starts}/events")["items"]
        said = [event["message"] for event in events if event["reason"] == "FailedCreate"]
    plane.admin.must("DELETE", f"/{_KINDS['ReplicaSet'].format(starts)}/heard")
    refusal, _, hint = said[0].partition("; to pass, ")
    assert f'pods.{_NAME}.psd.test" denied the request: violates PodSecurity "baseline:latest"' in refusal
    assert "securityContext.privileged" in hint
