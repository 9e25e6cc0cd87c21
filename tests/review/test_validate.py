"""/validate: the same judgement, without a patch, and it denies."""

from __future__ import annotations

from typing import Any

import pytest

from patches.policy.policy import PREFIX, PSA_PREFIX
from tests.review.builders import (
    BARE,
    PRIVILEGED_TEXT,
    RESTRICTED,
    UID,
    container,
    debug_session,
    deployment,
    pod,
    privileged_pod,
    request,
    reviewer,
    sent,
    update,
)

SECCOMP = "seccomp.security.alpha.kubernetes.io/"
REFUSED = {
    "uid": UID,
    "allowed": False,
    "auditAnnotations": {"enforce-policy": "restricted:latest"},
    "status": {
        "status": "Failure",
        "code": 403,
        "reason": "Forbidden",
        "message": f'violates PodSecurity "restricted:latest": {BARE}',
    },
}
INSIGNIFICANT = {"uid": UID, "allowed": True}


async def test_a_create_is_judged() -> None:
    """A violation is 403 Forbidden in upstream's exact words, without the warning that would say it again."""
    assert sent(await reviewer(RESTRICTED).validate(request(pod()))) == REFUSED


async def test_a_pod_that_complies() -> None:
    """It is allowed, and the audit log has the level that it was judged at."""
    answer = sent(await reviewer({PSA_PREFIX + "enforce": "baseline"}).validate(request(pod())))
    text = f'would violate PodSecurity "restricted:latest": {BARE}'
    assert answer == INSIGNIFICANT | {"auditAnnotations": {"enforce-policy": "baseline:latest"}}
    labels = {PSA_PREFIX + "enforce": "baseline", PSA_PREFIX + "warn": "restricted", PSA_PREFIX + "audit": "restricted"}
    answer = sent(await reviewer(labels).validate(request(pod())))
    assert answer == INSIGNIFICANT | {
        "warnings": [text],
        "auditAnnotations": {"enforce-policy": "baseline:latest", "audit-violations": text},
    }


@pytest.mark.parametrize("mode", ["enforce", "warn", "audit", "off", "typo"])
async def test_mode_is_about_mutation(mode: str) -> None:
    """Whatever is patched or not, what violates the enforce level is refused."""
    assert sent(await reviewer(RESTRICTED | {PREFIX + "mode": mode}).validate(request(pod()))) == REFUSED


async def test_the_target_profile_is_about_mutation() -> None:
    """A pod that misses only the target profile gets neither a refusal nor a warning."""
    answer = sent(await reviewer({PREFIX + "profile": "restricted"}).validate(request(privileged_pod())))
    assert answer == INSIGNIFICANT | {"auditAnnotations": {"enforce-policy": "privileged:latest"}}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (pod(), pod(containers=[container(image="registry.example/app:2")])),
        (pod(initContainers=[container("i")]), pod(initContainers=[container("i", image="x")])),
        (pod(), pod(containers=[container(), container("more")])),
    ],
    ids=["image", "init-image", "container"],
)
async def test_updates_that_count(old: dict[str, Any], new: dict[str, Any]) -> None:
    """An image that changes is judged, as upstream does; so would be another number of containers."""
    answer = sent(await reviewer(RESTRICTED).validate(update(old, new)))
    assert answer["status"]["message"].startswith('violates PodSecurity "restricted:latest": ')


@pytest.mark.parametrize(
    "new",
    [
        pod(),
        pod(metadata={"labels": {"a": "b"}}),
        pod(metadata={"annotations": {"a": "b"}}),
        pod(metadata={"finalizers": []}),
        pod(metadata={"annotations": {SECCOMP + "pod": "unconfined", "container." + SECCOMP + "app": "unconfined"}}),
        pod(tolerations=[{"operator": "Exists"}]),
        pod(activeDeadlineSeconds=1),
    ],
    ids=["nothing", "label", "annotation", "finalizers", "seccomp", "tolerations", "deadline"],
)
async def test_updates_that_do_not_count(new: dict[str, Any]) -> None:
    """A pod that ran before the policy can still be labelled, annotated and finished."""
    assert sent(await reviewer(RESTRICTED).validate(update(pod(), new))) == INSIGNIFICANT


async def test_ephemeral_containers() -> None:
    """An added one is judged with its pod; the same ones in another order are nothing new."""
    first, second = container("first"), container("second")
    chosen = reviewer({PSA_PREFIX + "enforce": "baseline"})
    evil = pod(ephemeralContainers=[first, privileged_pod()["spec"]["containers"][0] | {"name": "evil"}])
    answer = sent(await chosen.validate(debug_session(pod(ephemeralContainers=[first]), evil)))
    assert answer["status"]["message"] == (
        f'violates PodSecurity "baseline:latest": {PRIVILEGED_TEXT.replace("app", "evil")}'
    )
    answer = sent(await chosen.validate(debug_session(pod(), pod(ephemeralContainers=[first]))))
    assert answer == INSIGNIFICANT | {"auditAnnotations": {"enforce-policy": "baseline:latest"}}
    reordered = debug_session(pod(ephemeralContainers=[first, second]), pod(ephemeralContainers=[second, first]))
    assert sent(await reviewer(RESTRICTED).validate(reordered)) == INSIGNIFICANT


async def test_mirror_pods_are_judged() -> None:
    """Anyone can write that annotation."""
    mirror = pod(metadata={"annotations": {"kubernetes.io/config.mirror": "abc"}})
    assert sent(await reviewer(RESTRICTED).validate(request(mirror))) == REFUSED


@pytest.mark.parametrize(
    ("api_version", "kind", "place"),
    [
        ("v1", "PodTemplate", ("template",)),
        ("v1", "ReplicationController", ("spec", "template")),
        ("apps/v1", "Deployment", ("spec", "template")),
        ("apps/v1", "ReplicaSet", ("spec", "template")),
        ("apps/v1", "StatefulSet", ("spec", "template")),
        ("apps/v1", "DaemonSet", ("spec", "template")),
        ("batch/v1", "Job", ("spec", "template")),
        ("batch/v1", "CronJob", ("spec", "jobTemplate", "spec", "template")),
    ],
)
async def test_controllers_are_never_denied(api_version: str, kind: str, place: tuple[str, ...]) -> None:
    """All eight are warned about and audited, on create and on any update, and allowed."""
    node: Any = {"spec": pod()["spec"]}
    for token in reversed(place):
        node = {token: node}
    document = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "web"}, **node}
    text = f'would violate PodSecurity "restricted:latest": {BARE}'
    chosen = reviewer(RESTRICTED | {PSA_PREFIX + "audit": "restricted"})
    for asked in (request(document), update(document, document), update(None, document)):
        assert sent(await chosen.validate(asked)) == INSIGNIFICANT | {
            "warnings": [text],
            "auditAnnotations": {"audit-violations": text},
        }


async def test_labels_that_cannot_be_read() -> None:
    """Enforce counts as restricted then; the audit log says what could not be read."""
    answer = sent(await reviewer({PSA_PREFIX + "enforce": "strict"}).validate(request(pod())))
    assert answer["status"] == REFUSED["status"]
    assert answer["auditAnnotations"]["error"] == (
        "Failed to parse policy: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "
        '"strict": must be one of privileged, baseline, restricted'
    )
    answer = sent(await reviewer({PSA_PREFIX + "warn": "strict"}).validate(request(deployment(pod()))))
    assert "warn]" in answer["auditAnnotations"]["error"]


async def test_it_agrees_with_mutate() -> None:
    """Where nothing is patched, both reviews see the same violations."""
    document = privileged_pod()
    labels = RESTRICTED | {PREFIX + "mode": "audit"}
    judged = sent(await reviewer(labels).validate(request(document)))
    mutated = sent(await reviewer(labels, denyIn="mutate").mutate(request(document)))
    assert mutated["status"]["message"].startswith(judged["status"]["message"] + "; to pass, remove ")
