"""What is read of a pod."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from patches import APPLIED_ANNOTATION, ContainerState, Owner, PodState
from webhook.observer.pods import images_of, read_pod

NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)
DIGEST = "docker.io/library/nginx@sha256:" + "a" * 64


def read(**parts: Any) -> PodState:
    """A pod of one container `app`."""
    value = {
        "metadata": {"name": "web-1", "namespace": "shop", "uid": "u", **parts.pop("metadata", {})},
        "spec": {
            "containers": [{"name": "app", "image": "nginx:1", **parts.pop("container", {})}],
            **parts.pop("spec", {}),
        },
        "status": {"containerStatuses": [{"name": "app", **parts.pop("status", {})}]},
    }
    assert not parts
    return read_pod(msgspec.json.encode(value), NOW)


def app(**parts: Any) -> ContainerState:
    """Its container."""
    (found,) = read(**parts).containers
    return found


def owned(kind: str, name: str, **labels: str) -> Any:
    """The metadata of a pod with this controller."""
    reference = {"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": "o"}
    other = {**reference, "uid": "p"}
    return {"ownerReferences": [other, {**reference, "controller": True}], "labels": labels}


@pytest.mark.parametrize(
    ("metadata", "workload"),
    [
        ({}, "Pod web-1"),
        (owned("ReplicaSet", "web-5d4f", **{"pod-template-hash": "5d4f"}), "ReplicaSet web"),
        (owned("ReplicaSet", "web"), "ReplicaSet web"),
        (owned("StatefulSet", "db-1"), "StatefulSet db-1"),
        (owned("Job", "backup-29012345"), "Job backup"),
    ],
)
def test_pods_of_one_workload(metadata: Any, workload: str) -> None:
    """They share a name, across rollouts of a Deployment and runs of a CronJob."""
    found = read(metadata=metadata)
    assert found.workload == workload
    assert (found.owner is None) == (metadata == {})


def test_the_controller_and_the_annotation() -> None:
    """One owner at most is the controller; the annotation names defaults, with places."""
    annotations = {APPLIED_ANNOTATION: "runAsNonRoot:pod,capabilities:app", "other": None}
    created = "2026-11-25T09:59:00Z"
    found = read(
        metadata={**owned("ReplicaSet", "web"), "annotations": annotations, "creationTimestamp": created},
    )
    assert found.owner == Owner("apps/v1", "ReplicaSet", "web", "o")
    assert found.applied == {"runAsNonRoot", "capabilities"}
    assert found.created == NOW.timestamp() - 60
    assert not found.deleted
    assert read(metadata={"deletionTimestamp": created}).deleted


@pytest.mark.parametrize(
    ("spec", "container", "expected"),
    [
        ({}, {}, (False, False, False, False, False)),
        ({"securityContext": {"runAsUser": 0, "runAsNonRoot": True}}, {}, (True, False, True, False, False)),
        ({"securityContext": {"runAsNonRoot": True}}, {"securityContext": {"runAsNonRoot": False}}, (False,) * 5),
        ({}, {"securityContext": {"runAsUser": 5, "runAsGroup": 5}}, (True, True, False, False, False)),
        ({}, {"securityContext": {"capabilities": {"drop": ["all"]}}}, (False, False, False, True, False)),
        ({}, {"resources": {"limits": {"memory": "1Mi", "cpu": 1}}}, (False, False, False, False, True)),
        ({}, {"resources": {"limits": {"cpu": 1}}}, (False,) * 5),
    ],
)
def test_fields_that_count(spec: Any, container: Any, expected: tuple[bool, ...]) -> None:
    """User, group, runAsNonRoot, drop ALL, memory limit: of the container, else of the pod."""
    found = app(spec=spec, container=container)
    assert (
        found.sets_user,
        found.sets_group,
        found.non_root,
        found.drops_all,
        found.limits_memory,
    ) == expected


def test_a_running_container() -> None:
    """Its user and since when."""
    started = "2026-11-25T09:59:30Z"
    status = {
        "imageID": DIGEST,
        "state": {"running": {"startedAt": started}},
        "lastState": {"terminated": {"reason": "Error", "exitCode": 1}},
        "user": {"linux": {"uid": 101, "gid": 102, "supplementalGroups": [102]}},
        "restartCount": 2,
    }
    found = app(status=status)
    assert (found.uid, found.gid, found.image_id, found.reason) == (101, 102, DIGEST, "")
    assert (found.running_since, found.restarts) == (NOW.timestamp() - 30, 2)
    assert app(status={"state": {"running": {}}}).running_since == NOW.timestamp()


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({}, ("", "")),
        (
            {"state": {"waiting": {"reason": "CreateContainerConfigError", "message": "m"}}},
            ("CreateContainerConfigError", "m"),
        ),
        (
            {
                "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
                "lastState": {"terminated": {"reason": "StartError", "message": "exec"}},
            },
            ("StartError", "exec"),
        ),
        ({"state": {"waiting": {"reason": "CrashLoopBackOff"}}}, ("CrashLoopBackOff", "")),
        ({"state": {"terminated": {"reason": "OOMKilled"}}}, ("OOMKilled", "")),
        ({"state": {"waiting": {"message": "x" * 5000}}}, ("", "x" * 1024)),
    ],
)
def test_why_a_container_does_not_run(status: Any, expected: tuple[str, str]) -> None:
    """In a crash loop, how it ended; messages are cut off."""
    found = app(status=status)
    assert (found.reason, found.message) == expected


@pytest.mark.parametrize(
    ("image_id", "expected"),
    [
        (DIGEST, DIGEST),
        (f"docker-pullable://{DIGEST}", DIGEST),
        ("sha256:" + "b" * 64, ""),
        ("", ""),
    ],
)
def test_the_digest(image_id: str, expected: str) -> None:
    """A local image has none by which others could name it."""
    assert app(status={"imageID": image_id}).image_id == expected


def test_containers_of_every_kind() -> None:
    """Each with its state and image."""
    value = {
        "metadata": {"name": "web"},
        "spec": {
            "containers": [{"name": "a", "image": "a:1"}],
            "initContainers": [{"name": "b", "image": "b:1"}],
            "ephemeralContainers": [{"name": "c", "image": "c:1"}],
        },
        "status": {
            "initContainerStatuses": [{"name": "b", "imageID": DIGEST}],
            "ephemeralContainerStatuses": [{"name": "c", "restartCount": 1}],
        },
    }
    found = read_pod(msgspec.json.encode(value), NOW)
    assert [use.references for use in images_of(found)] == [("a:1",), (DIGEST, "b:1"), ("c:1",)]
    assert found.containers[2].restarts == 1


def test_an_unreadable_pod() -> None:
    """The reflector logs it."""
    with pytest.raises(msgspec.MsgspecError):
        read_pod(b'{"metadata": {"name": 7}, "spec": {}}', NOW)
