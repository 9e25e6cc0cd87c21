"""What both reviews answer alike: whom they leave alone, whom they exempt, and what they say to broken input."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import pytest

from patches.policy.policy import PSA_PREFIX
from patches.policy.snapshot import Snapshot
from tests.review.builders import (
    RESTRICTED,
    UID,
    configured,
    container,
    deployment,
    gatherer_of,
    namespace_object,
    operations,
    pod,
    privileged_pod,
    request,
    review,
    reviewer,
    reviewer_of,
    sent,
    update,
)
from tests.review.gatherers import AccountlessGatherer, UnlabelledGatherer, UnreachableGatherer
from webhook.review.codec import AdmissionRequest, AdmissionResponse, decode_review
from webhook.review.namespace_cache import NamespaceCache
from webhook.review.reviewer import Reviewer

Call: TypeAlias = Callable[[Reviewer, AdmissionRequest], Awaitable[AdmissionResponse]]

UNTOUCHED = {"uid": UID, "allowed": True}

both = pytest.mark.parametrize("call", [Reviewer.mutate, Reviewer.validate], ids=["mutate", "validate"])


POD_FIELDS = ("initContainers", "ephemeralContainers", "volumes", "securityContext", "nodeSelector", "os", "hostUsers")
CONTAINER_FIELDS = ("securityContext", "resources", "ports", "volumeMounts", "lifecycle", "livenessProbe", "env")


def strict(**settings: Any) -> Reviewer:
    """A reviewer that would refuse a privileged pod in either review."""
    return reviewer(RESTRICTED, denyIn="mutate", **settings)


def invalid(message: str) -> dict[str, Any]:
    """The answer to an object that cannot be read."""
    status = {"status": "Failure", "code": 400, "reason": "BadRequest", "message": message}
    return {"uid": UID, "allowed": False, "status": status}


@both
async def test_would_refuse(call: Call) -> None:
    """The reviewer of these tests has something to say about the pod that they leave alone."""
    answer = sent(await call(strict(), request(privileged_pod())))
    assert (answer["uid"], answer["allowed"], answer["status"]["code"]) == (UID, False, 403)


@both
@pytest.mark.parametrize("operation", ["DELETE", "CONNECT", "PATCH", ""])
async def test_other_operations(call: Call, operation: str) -> None:
    """Only a create or an update says what will run; of a delete not even the object is there."""
    for document in (privileged_pod(), None):
        assert sent(await call(strict(), request(document, operation=operation))) == UNTOUCHED


@both
@pytest.mark.parametrize(
    "name", ["resize", "binding", "eviction", "status", "scale", "exec", "attach", "log", "Ephemeralcontainers"]
)
async def test_other_subresources(call: Call, name: str) -> None:
    """Of a pod's subresources only ephemeralcontainers brings containers; those of a controller bring no template."""
    for document in (privileged_pod(), deployment(privileged_pod())):
        for operation in ("CREATE", "UPDATE"):
            asked = request(document, operation=operation, oldObject=document, subResource=name)
            assert sent(await call(strict(patchTemplates=True), asked)) == UNTOUCHED


@both
@pytest.mark.parametrize(
    ("api_version", "kind"),
    [
        ("v1", "ConfigMap"),
        ("v1", "Binding"),
        ("autoscaling/v1", "Scale"),
        ("apps/v1", "Pod"),
        ("example.org/v1", "Deployment"),
    ],
)
async def test_other_kinds(call: Call, api_version: str, kind: str) -> None:
    """A kind that is not of Kubernetes' nine is none of our business, whatever it looks like."""
    document = privileged_pod() | {"apiVersion": api_version, "kind": kind}
    assert sent(await call(strict(), request(document))) == UNTOUCHED


@both
@pytest.mark.parametrize(
    ("exemptions", "value"),
    [({"namespaces": ["shop"]}, "namespace"), ({"usernames": ["jane"]}, "user")],
)
async def test_exempt_requests(call: Call, exemptions: dict[str, list[str]], value: str) -> None:
    """An exempt namespace or user is neither patched nor judged, not even read; the audit log says so."""
    for document in (privileged_pod(), deployment(privileged_pod()), pod(metadata={"labels": []})):
        answer = sent(await call(strict(exemptions=exemptions), request(document)))
        assert answer == UNTOUCHED | {"auditAnnotations": {"exempt": value}}


@both
async def test_exempt_runtime_classes(call: Call) -> None:
    """A pod or template that asks for an exempt RuntimeClass is left alone; one that does not is not."""
    exempt = strict(exemptions={"runtimeClasses": ["kata"]})
    spec = privileged_pod()["spec"] | {"runtimeClassName": "kata"}
    for document in (pod(**spec), deployment({"spec": spec})):
        answer = sent(await call(exempt, request(document)))
        assert answer == UNTOUCHED | {"auditAnnotations": {"exempt": "runtimeClass"}}
    assert not sent(await call(exempt, request(privileged_pod())))["allowed"]


@both
async def test_exemptions_do_not_spread(call: Call) -> None:
    """A name is exempt where it is listed as what it is, and only whole."""
    wrong = {"namespaces": ["jane", "sho"], "usernames": ["shop", "janet"], "runtimeClasses": ["jane"]}
    assert not sent(await call(strict(exemptions=wrong), request(privileged_pod())))["allowed"]


@both
async def test_the_namespace_is_the_requests(call: Call) -> None:
    """What the object says about its namespace is not believed."""
    document = privileged_pod()
    document["metadata"]["namespace"] = "kube-system"
    assert not sent(await call(strict(), request(document)))["allowed"]
    elsewhere = sent(await call(strict(), request(privileged_pod(), namespace="elsewhere")))
    assert elsewhere["allowed"]


@both
async def test_a_namespace_that_cannot_be_learnt(call: Call) -> None:
    """Nothing may be decided then: refused with 500 and one line that says why."""
    answer = sent(await call(reviewer_of(UnreachableGatherer()), request(pod())))
    assert answer == {
        "uid": UID,
        "allowed": False,
        "status": {
            "status": "Failure",
            "code": 500,
            "reason": "InternalError",
            "message": "namespace shop: connection refused by peer",
        },
    }


@both
async def test_what_needs_no_namespace_is_answered_without(call: Call) -> None:
    """Exempt and unrelated requests are answered also while no namespace can be learnt."""
    away = reviewer_of(UnreachableGatherer(), configured(exemptions={"usernames": ["jane"]}))
    assert sent(await call(away, request(pod())))["allowed"]
    away = reviewer_of(UnreachableGatherer())
    assert sent(await call(away, request(pod(), operation="DELETE"))) == UNTOUCHED


@both
@pytest.mark.parametrize(
    ("document", "message"),
    [
        (None, "object: Expected `object`, got `null`"),
        ([pod()], "object: Expected `object`, got `array`"),
        ("pod", "object: Expected `object`, got `str`"),
        (pod(metadata={"annotations": {"a": 1}}), "object.metadata.annotations[...]: Expected `str | null`, got `int`"),
        (pod() | {"metadata": "web"}, "object.metadata: Expected `object | null`, got `str`"),
        (pod() | {"spec": []}, "object.spec: Expected `object | null`, got `array`"),
        (pod(containers=[container(name="")]) | {"spec": {"containers": {}}}, "object.spec.containers: "),
        (pod(containers=[None]), "object.spec.containers[0]: Expected `object`, got `null`"),
        (pod(containers=[{"image": "i"}]), "object.spec.containers[0]: Object missing required field `name`"),
        (pod(containers=[container(securityContext=True)]), "object.spec.containers[0].securityContext: "),
        (pod(hostUsers="false"), "object.spec.hostUsers: Expected `bool | null`, got `str`"),
        (pod(securityContext={"runAsUser": 0.5}), "object.spec.securityContext.runAsUser: "),
        (pod(securityContext={"runAsUser": True}), "object.spec.securityContext.runAsUser: "),
    ],
)
async def test_wrong_types_are_named(call: Call, document: Any, message: str) -> None:
    """A pod with wrong types is refused with 400 and the path of the field, never a crash, never let through."""
    answer = sent(await call(strict(), request(document)))
    assert answer["status"]["message"].startswith(message)
    assert answer == invalid(answer["status"]["message"])


@both
@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (None, None),
        ({"template": None}, None),
        ({}, None),
        ([], "object.spec: Expected `object`, got `array`"),
        ({"template": "x"}, "object.spec.template: Expected `object`, got `str`"),
        ({"template": {"spec": 1}}, "object.spec.template.spec: Expected `object | null`, got `int`"),
        ({"template": {"metadata": []}}, "object.spec.template.metadata: Expected `object | null`, got `array`"),
    ],
)
async def test_templates_of_any_shape(call: Call, spec: Any, message: str | None) -> None:
    """A controller without a template is none of our business; one with a wrong type is told where."""
    answer = sent(await call(strict(patchTemplates=True), request(deployment(pod()) | {"spec": spec})))
    assert answer == (UNTOUCHED if message is None else invalid(message))


@both
@pytest.mark.parametrize("owners", ["me", {"controller": True}, [None], ["me"], [{"controller": "yes"}]])
async def test_owners_of_wrong_types(call: Call, owners: Any) -> None:
    """A template is patched only once its owners could be read."""
    document = deployment(pod(), metadata={"ownerReferences": owners})
    answer = sent(await call(strict(patchTemplates=True), request(document)))
    assert answer["status"]["code"] == 400
    assert answer["status"]["message"].startswith("object.metadata.ownerReferences")


@both
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "ConfigMap"}, "kind"),
        ({"kind": None}, "kind"),
        ({"kind": {}}, "kind"),
        ({"apiVersion": "apps/v1"}, "apiVersion"),
        ({"apiVersion": None}, "apiVersion"),
        ({"apiVersion": 1}, "apiVersion"),
    ],
)
async def test_an_object_that_is_not_what_the_request_names(call: Call, change: dict[str, Any], field: str) -> None:
    """It slips through no door: an object, old or new, of another kind than the request's is refused."""
    named = {"kind": {"group": "", "version": "v1", "kind": "Pod"}}
    answer = sent(await call(strict(), request(privileged_pod() | change, **named)))
    assert answer["status"]["code"] == 400
    assert answer["status"]["message"].startswith(f"object.{field}: Expected ")
    answer = sent(await call(strict(), update(pod() | change, pod(metadata={"labels": {"a": "b"}}))))
    assert answer["status"]["code"] == 400
    assert answer["status"]["message"].startswith(f"oldObject.{field}: Expected ")


@both
@pytest.mark.parametrize(
    ("old", "message"),
    [
        (None, "oldObject: Expected `object`, got `null`"),
        ([], "oldObject: Expected `object`, got `array`"),
        (pod() | {"spec": 1}, "oldObject.spec: Expected `object | null`, got `int`"),
    ],
)
async def test_an_update_needs_the_old_pod(call: Call, old: Any, message: str) -> None:
    """Without the pod as it was, nobody knows what is new: refused, and it is not taken for a create."""
    assert sent(await call(strict(), update(old, pod()))) == invalid(message)


@both
async def test_an_old_pod_that_cannot_be_decoded(call: Call) -> None:
    """What is wrong with the old object's bytes is an answer too."""
    body = json.dumps(review(pod(), operation="UPDATE", oldObject=pod(x="HERE"))).replace('"HERE"', "9" * 5000)
    answer = sent(await call(strict(), decode_review(body.encode())))
    assert answer == invalid("oldObject[...][...]: Integer value out of range")


@both
@pytest.mark.parametrize(
    "document",
    [
        pod(metadata={"annotations": None, "labels": None, "managedFields": None, "ownerReferences": None}),
        pod() | {"metadata": None, "status": None},
        pod(containers=[{"name": "app"} | dict.fromkeys(CONTAINER_FIELDS)], **dict.fromkeys(POD_FIELDS)),
    ],
    ids=["metadata", "no-metadata", "spec"],
)
async def test_null_everywhere(call: Call, document: Any) -> None:
    """A null is an absent field, wherever it stands."""
    assert sent(await call(reviewer(), request(document)))["allowed"]


@both
async def test_no_spec_at_all(call: Call) -> None:
    """A pod without containers is refused by the API server; we answer it without a crash."""
    for document in (pod() | {"spec": None}, pod(containers=[]), {"apiVersion": "v1", "kind": "Pod"}):
        assert sent(await call(reviewer(), request(document)))["uid"] == UID


@both
async def test_hostile_text(call: Call) -> None:
    """Names and annotations of any content and size make no answer that an API server cannot read."""
    evil = 'x"\r\n\0\x1b[2J~/,:\u2028'
    document = pod(
        metadata={"name": evil, "annotations": {evil: evil, "big": "ü" * 2_000_000}},
        containers=[container(evil, securityContext={"privileged": True, "capabilities": {"add": [evil]}})],
        volumes=[{"name": evil, "hostPath": {"path": evil}}],
    )
    labels = RESTRICTED | {PSA_PREFIX + "audit": "baseline"}
    warned = {PSA_PREFIX + "warn": "baseline"}
    for chosen in (reviewer(labels), reviewer(labels, denyIn="mutate"), reviewer(warned)):
        answer = sent(await call(chosen, request(document)))
        assert answer["uid"] == UID
        texts = [*answer.get("warnings", ()), *answer["auditAnnotations"].values()]
        texts.append(answer.get("status", {}).get("message", "-"))
        assert texts
        assert all(text.isprintable() for text in texts)


async def test_dry_run_is_answered_like_any_other() -> None:
    """Nothing here has side effects, so a dry run gets the same patch, warnings and annotations."""
    chosen = reviewer(RESTRICTED)
    wet, dry = [sent(await chosen.mutate(request(pod(), dryRun=run))) for run in (False, True)]
    assert wet == dry
    assert wet["patch"]


async def test_a_name_is_not_needed() -> None:
    """Under generateName neither the request nor the object has a name yet."""
    document = pod(metadata={"generateName": "web-"})
    del document["metadata"]["name"]
    assert operations(await reviewer().mutate(request(document)))
    assert sent(await reviewer().validate(request(document))) == UNTOUCHED | {
        "auditAnnotations": {"enforce-policy": "privileged:latest"}
    }


@both
async def test_the_generation_is_in_the_audit_annotations(call: Call) -> None:
    """Of what was decided by the configuration; and a new configuration answers the next request."""
    namespaces = NamespaceCache(gatherer_of([namespace_object(RESTRICTED)]), configured())
    chosen = Reviewer(namespaces)
    assert "generation" not in sent(await call(chosen, request(pod()))).get("auditAnnotations", {})
    namespaces.configure(configured(), "abc123")
    assert sent(await call(chosen, request(pod())))["auditAnnotations"]["generation"] == "abc123"
    namespaces.configure(configured(exemptions={"usernames": ["jane"]}), "def456")
    assert sent(await call(chosen, request(pod())))["auditAnnotations"] == {
        "exempt": "user",
        "generation": "def456",
    }


@both
async def test_the_account_of_the_pod_is_looked_up(call: Call) -> None:
    """Whose word counts is the pod's account; a template that names none has the account `default`."""
    gatherer = AccountlessGatherer()
    chosen = reviewer_of(gatherer, configured(settings={"automountServiceAccountToken": {"serviceAccounts": "all"}}))
    await call(chosen, request(pod(serviceAccountName="robot")))
    await call(chosen, request(deployment(pod())))
    assert gatherer.looked_up == [("shop", "robot"), ("shop", "default")]


@both
async def test_a_controller_is_not_denied_for_what_cannot_be_learnt(call: Call) -> None:
    """Its author is warned and the audit log has it; a pod is refused."""
    chosen = Reviewer(NamespaceCache(UnreachableGatherer(), configured(), "abc123"))
    answer = sent(await call(chosen, request(deployment(pod()))))
    assert answer["allowed"]
    assert answer["warnings"] == [
        "pod-security-defaulter: namespace shop: connection refused by peer; nothing was looked at"
    ]
    assert answer["auditAnnotations"] == {
        "error": "namespace shop: connection refused by peer",
        "generation": "abc123",
    }
    assert sent(await call(chosen, request(pod())))["status"]["code"] == 500


@both
async def test_one_configuration_decides(call: Call) -> None:
    """What waited for its namespace while the configuration was swapped is asked again, and signed by the new one."""
    asked = 0

    class SwappingGatherer(UnlabelledGatherer):
        async def gather(self, namespace: str, deadline: float) -> Snapshot:
            nonlocal asked
            asked += 1
            if asked == 1:
                namespaces.configure(configured(), "second")
            return await super().gather(namespace, deadline)

    namespaces = NamespaceCache(SwappingGatherer(), configured(), "first")
    assert sent(await call(Reviewer(namespaces), request(pod())))["auditAnnotations"]["generation"] == "second"
    assert asked == 2
