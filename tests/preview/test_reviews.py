"""An AdmissionReview among the manifests: the object in it, in its namespace, as it arrived."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, Final

import jsonpatch
import pytest
import yaml
from aiohttp.test_utils import TestClient, TestServer

from patches import NEWEST_MINOR, DefaulterConfiguration, Evaluation
from patches.evaluation import APPLIED_ANNOTATION
from patches.policy.policy import PSA_PREFIX
from tests.preview.cases import texts
from tests.review.builders import (
    configured,
    container,
    deployment,
    gatherer_of,
    namespace_object,
    operations,
    pod,
    review,
    reviewer_of,
)
from tests.server.serving import local_preview_app
from tests.shared_data import read_jsonl_gz, shared
from webhook.cli import main
from webhook.documents.reader import Document, flatten, read_documents
from webhook.errors import TooMuchWork
from webhook.gatherers.gatherer import GatheredNamespaces
from webhook.gatherers.manifests import ManifestGatherer
from webhook.preview.bounds import Bounds, check_bounds
from webhook.preview.preview import PreviewOptions, Surroundings, namespaces_of, preview
from webhook.preview.results import Report, Result
from webhook.review.codec import decode_review

pytestmark = pytest.mark.usefixtures("root_logger")

TOKEN: Final = {
    "name": "kube-api-access-abcde",
    "projected": {
        "defaultMode": 420,
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": {"items": [{"key": "ca.crt", "path": "ca.crt"}], "name": "kube-root-ca.crt"}},
            {
                "downwardAPI": {
                    "items": [
                        {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}, "path": "namespace"}
                    ]
                }
            },
        ],
    },
}
"""What the ServiceAccount plugin adds before webhooks run."""
MOUNT: Final = {
    "name": "kube-api-access-abcde",
    "readOnly": True,
    "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
}


def previewed(
    *documents: Any,
    objects: tuple[Any, ...] = (),
    configuration: DefaulterConfiguration | None = None,
    patch: bool = True,
) -> tuple[Report, int]:
    """The report on documents, as YAML reads them."""
    read = list(flatten(read_documents(yaml.safe_dump_all(documents).encode(), "all.yaml")))
    options = PreviewOptions("default", patch=patch)
    gatherer = gatherer_of(objects)
    snapshots = {name: gatherer.snapshot(name) for name in namespaces_of(read, options)}
    around = Surroundings(GatheredNamespaces(snapshots, {}), configuration or configured(), NEWEST_MINOR)
    return preview(read, around, options)


def result_of(document: Any, **options: Any) -> Result:
    """The only result."""
    report, _ = previewed(document, **options)
    (result,) = report.results
    return result


def arrived(**spec: Any) -> dict[str, Any]:
    """A pod as an API server sends it: with the token, and pull policies."""
    value = pod(containers=[container(imagePullPolicy="IfNotPresent", volumeMounts=[MOUNT])], **spec)
    value["spec"] |= {"serviceAccountName": "default", "securityContext": {}, "volumes": [TOKEN]}
    return value


def debugged() -> dict[str, Any]:
    """A pod with a debug container, and with a label that such a request cannot write."""
    return pod(metadata={"labels": {"a": "b"}}, ephemeralContainers=[container("debugger")])


def _warnings(result: Result) -> list[str]:
    assert isinstance(result.warnings, list)
    return result.warnings


async def _mutation(document: Any, *objects: Any, **configuration: Any) -> list[Any]:
    """The patch that /mutate gives, but for the annotation that it leaves on new pods."""
    response = await reviewer_of(gatherer_of(objects), configured(**configuration)).mutate(
        decode_review(json.dumps(document).encode())
    )
    return unannotated(operations(response))


def unannotated(patch: list[Any]) -> list[Any]:
    """The patch without the annotation, whether it is added to the map or with it."""
    place = "/metadata/annotations/" + APPLIED_ANNOTATION.replace("/", "~1")
    made = ("/metadata/annotations", [APPLIED_ANNOTATION])
    return [row for row in patch if row["path"] != place and (row["path"], _keys(row.get("value"))) != made]


def _keys(value: Any) -> list[str]:
    return list(value) if isinstance(value, dict) else []


def test_a_new_pod_is_read_as_it_arrived() -> None:
    """The token that was mounted is removed, and the patch is against the object in the review."""
    value = arrived()
    result = result_of(review(value))
    assert (result.kind, result.name, result.namespace, result.profile) == ("Pod", "web", "shop", "restricted:latest")
    assert isinstance(result.patch, list)
    assert {"op": "remove", "path": "/spec/volumes/0"} in result.patch
    assert result.patched["spec"]["automountServiceAccountToken"] is False
    assert result.patched["spec"]["volumes"] == []
    assert "annotations" not in result.patched["metadata"]
    assert result.violations
    assert result.violations.after == []
    assert isinstance(result.diff, str)
    assert "AdmissionReview" not in result.diff
    assert "+  automountServiceAccountToken: false" in result.diff.splitlines()


async def test_an_enforced_pull_policy_is_replaced() -> None:
    """What a file leaves unset is filled in here: the configured policy replaces it, as in admission."""
    settings = {"imagePullPolicy": {"enabled": True}}
    document = review(arrived())
    result = result_of(document, configuration=configured(settings=settings))
    assert result.patched["spec"]["containers"][0]["imagePullPolicy"] == "Always"
    assert result.patch == await _mutation(document, settings=settings)


async def test_the_namespace_of_the_request_wins() -> None:
    """Over the object's own; its labels decide, and it is what a caller must be allowed to ask about."""
    labelled = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "low", "labels": {}}}
    labelled["metadata"]["labels"] = {PSA_PREFIX + "enforce": "baseline"}  # type: ignore[index]
    document = review(pod(), namespace="low")
    result = result_of(document, objects=(labelled,))
    assert (result.namespace, result.profile) == ("low", "baseline:latest")
    assert result.patch == await _mutation(document, labelled)
    read = list(read_documents(json.dumps(document).encode(), "x"))
    assert namespaces_of(read, PreviewOptions("default")) == ("low",)
    unnamed = review(pod(metadata={"namespace": "own"}), namespace="")
    assert result_of(unnamed).namespace == "own"
    assert result_of(review(pod(metadata={"namespace": None}), namespace="")).namespace == "default"


async def test_a_debug_session() -> None:
    """Only the new container is patched; of the pod before nothing is."""
    document = review(debugged(), operation="UPDATE", oldObject=pod(), subResource="ephemeralcontainers")
    result = result_of(document)
    assert isinstance(result.patch, list)
    assert {row["path"].split("/")[2] for row in result.patch} == {"ephemeralContainers"}
    assert result.patch == await _mutation(document)
    assert jsonpatch.apply_patch(document["request"]["object"], result.patch) == result.patched
    known = review(debugged(), operation="UPDATE", oldObject=debugged(), subResource="ephemeralcontainers")
    assert result_of(known).patch == []


def test_an_update_of_a_running_pod() -> None:
    """It gets nothing, and that is said; a label is allowed whatever the pod violates, another image is judged."""
    enforced = namespace_object({PSA_PREFIX + "enforce": "restricted"})
    relabelled = pod(metadata={"labels": {"a": "b"}})
    result = result_of(review(relabelled, operation="UPDATE", oldObject=pod()), objects=(enforced,))
    assert (result.patch, result.patched, result.allowed) == ([], relabelled, True)
    said = "admission adds nothing (update): The pod exists already, and its spec is immutable."
    assert said in _warnings(result)
    assert result.violations
    assert result.violations.before == result.violations.after != []
    replaced = pod(containers=[{"name": "app", "image": "registry.example/app:2"}])
    assert result_of(review(replaced, operation="UPDATE", oldObject=pod()), objects=(enforced,)).allowed is False


@pytest.mark.parametrize("document", [debugged(), pod()], ids=["a debug session", "a running pod"])
def test_an_update_takes_no_steps_of_arrival(document: dict[str, Any]) -> None:
    """They were taken when the pod was created: an AppArmor annotation that has no field by now gets none."""
    key = "container.apparmor.security.beta.kubernetes.io/app"
    document = copy.deepcopy(document)
    document["metadata"]["annotations"] = {key: "unconfined"}
    old = pod(metadata={"annotations": {key: "unconfined"}})
    enforced = namespace_object({PSA_PREFIX + "enforce": "baseline"})
    update = review(document, operation="UPDATE", oldObject=old, subResource="ephemeralcontainers")
    result = result_of(update, objects=(enforced,))
    assert result.violations
    assert result.violations.before == result.violations.after
    assert [row.detail for row in result.violations.before] == [
        f'annotation must not set AppArmor profile type to "{key}="unconfined""'
    ]
    assert "become fields" not in str(_warnings(result))


@pytest.mark.parametrize("patch_templates", [False, True])
async def test_a_template(*, patch_templates: bool) -> None:
    """The patch is the one that is sent: none unless templates are patched. The verdict is about the pods."""
    document = review(deployment(pod()))
    result = result_of(document, configuration=configured(patchTemplates=patch_templates))
    assert result.patch == await _mutation(document, patchTemplates=patch_templates)
    assert bool(result.patch) is patch_templates
    assert (result.patched == document["request"]["object"]) is not patch_templates
    assert result.violations
    assert result.violations.after == []
    assert any("will add to the pods runAsNonRoot:pod" in text for text in _warnings(result)) is not patch_templates


@pytest.mark.parametrize("kind", ["Job", "Deployment"])
@pytest.mark.parametrize("changed", [True, False])
async def test_an_update_of_a_template(kind: str, changed: bool) -> None:  # noqa: FBT001
    """As in case 37 of public reports: a patch there would refuse the update of a Job, and start a rollout."""
    old, new = deployment(pod()), deployment(pod(), metadata={"labels": {"team": "shop"}})
    if changed:
        new["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example/app:2"
    for value in (old, new):
        value |= {"kind": kind, "apiVersion": {"Job": "batch/v1"}.get(kind, "apps/v1")}
    document = review(new, operation="UPDATE", oldObject=old)
    result = result_of(document, configuration=configured(patchTemplates=True))
    assert result.patch == await _mutation(document, patchTemplates=True)
    assert isinstance(result.patch, list)
    assert bool(result.patch) is (changed and kind == "Deployment")
    assert jsonpatch.apply_patch(new, result.patch) == result.patched


def test_a_template_that_violates_with_the_network_of_its_host() -> None:
    """It arrived, but its pods have not: both are said."""
    labels = {PSA_PREFIX + "enforce": "baseline", PSA_PREFIX + "warn": "baseline"}
    spec = pod(containers=[container(ports=[{"containerPort": 9100}])], hostNetwork=True)
    result = result_of(review(deployment(spec)), objects=(namespace_object(labels),))
    assert result.violations
    assert isinstance(result.violations.after, list)
    assert [row.id for row in result.violations.after] == ["hostNamespaces", "hostPorts"]
    assert 'would violate PodSecurity "baseline:latest": host namespaces (hostNetwork=true)' in _warnings(result)
    assert any("in its pods only: hostNetwork copies" in text for text in _warnings(result))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"operation": "DELETE", "object": None, "oldObject": pod()}, "an AdmissionReview of DELETE, not of"),
        ({"operation": "CONNECT", "subResource": "exec"}, "an AdmissionReview of CONNECT, not of CREATE or UPDATE"),
        ({"object": None}, "an AdmissionReview without an object, request.object is null"),
        ({"operation": "UPDATE", "subResource": "status"}, "an AdmissionReview of the subresource status"),
        ({"operation": "UPDATE", "subResource": "resize"}, "an AdmissionReview of the subresource resize"),
    ],
)
@pytest.mark.parametrize("patch", [True, False])
def test_what_is_not_looked_at(fields: dict[str, Any], says: str, patch: bool) -> None:  # noqa: FBT001
    """It passes through untouched, with the reason, and counts as no object with a pod."""
    document = review(pod(), name="web")
    document["request"] |= fields
    report, status = previewed(document, patch=patch)
    (result,) = report.results
    assert status == 0
    assert (result.kind, result.name, result.namespace, result.allowed) == ("AdmissionReview", "web", "shop", True)
    (warning,) = _warnings(result)
    assert warning.startswith(says)
    assert warning.endswith(": admission adds nothing, and judges nothing")
    assert report.summary.objects == 0
    if patch:
        assert (result.patch, result.patched) == ([], document)


def test_an_object_without_a_pod() -> None:
    """It passes through, as if it stood for itself."""
    value = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "shop"}, "data": {}}
    result = result_of(review(value))
    assert (result.kind, result.patched, result.warnings) == ("ConfigMap", value, [])


def test_a_cluster_object_counts_for_the_other_documents() -> None:
    """A LimitRange that was created in the namespace of its request gives its defaults to pods there."""
    limits = {"limits": [{"type": "Container", "defaultRequest": {"cpu": "50m", "memory": "64Mi"}}]}
    value = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "l", "namespace": "x"}, "spec": limits}
    report, _ = previewed(review(value, namespace="shop"), pod())
    rows = report.results[1].defaults
    assert isinstance(rows, list)
    assert {row.reason for row in rows if row.id == "resources"} == {"limit-range"}
    broken = copy.deepcopy(value)
    broken["spec"]["limits"][0]["defaultRequest"]["cpu"] = "fast"  # type: ignore[index]
    error = result_of(review(broken)).error
    assert error
    assert error.field == "request.object.spec.limits[0].defaultRequest[cpu]"


def test_the_user_of_the_request_may_be_exempt() -> None:
    """As in admission."""
    exempting = configured(exemptions={"usernames": ["jane"]})
    result = result_of(review(pod()), configuration=exempting)
    assert result.patch == []
    assert any("exempts it" in text for text in _warnings(result))
    assert result_of(review(pod(), userInfo={"username": "joe"}), configuration=exempting).patch != []


def test_a_list_of_reviews() -> None:
    """Each item is read as the object in it, beside objects that stand for themselves."""
    items = [review(pod()), pod(metadata={"name": "plain"}), review(pod(), operation="DELETE", object=None)]
    report, _ = previewed({"apiVersion": "v1", "kind": "List", "items": items})
    assert [(result.kind, result.name) for result in report.results] == [
        ("Pod", "web"),
        ("Pod", "plain"),
        ("AdmissionReview", ""),
    ]
    typed = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReviewList"}
    assert result_of({**typed, "items": [{"request": review(pod())["request"]}]}).kind == "Pod"


_HEAD: Final = "apiVersion: admission.k8s.io/v1\nkind: AdmissionReview\n"
_REQUEST: Final = (
    'request:\n  uid: a\n  kind: {group: "", version: v1, kind: Pod}\n  operation: CREATE\n  namespace: shop\n'
)
_UPDATE: Final = _REQUEST.replace("CREATE", "UPDATE") + "  object: {apiVersion: v1, kind: Pod, spec: {}}\n"
_LOTS: Final = "      containers:\n      - name: a\n        resources: {requests: {cpu: lots}}\n"


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        (_HEAD, (1, "request"), "expected the request"),
        (f"{_HEAD}response: {{uid: a, allowed: true}}\n", (1, "request"), "expected the request"),
        (f"{_HEAD}request: [1]\n", (3, "request"), "expected the request"),
        (_HEAD.replace("/v1", "/v1beta1") + _REQUEST, (1, "apiVersion"), "expected admission.k8s.io/v1, got"),
        (f"{_HEAD}request: {{operation: CREATE}}\n", (3, "request"), "missing required field `kind`"),
        (f"{_HEAD}{_REQUEST}  object: [1]\n", (8, "request.object"), "expected an object"),
        (f"{_HEAD}{_REQUEST.replace('operation: CREATE', 'operation: 7')}", (6, "request.operation"), "Expected `str`"),
        (
            f"{_HEAD}{_REQUEST}  object:\n    apiVersion: v1\n    kind: Pod\n    spec:\n      containers: 3\n",
            (12, "request.object.spec.containers"),
            "Expected `array",
        ),
        (
            f"{_HEAD}{_REQUEST}  object:\n    apiVersion: apps/v1\n    kind: Deployment\n",
            (10, "request.object.kind"),
            "Expected `Pod`, as request.kind says",
        ),
        (
            f"{_HEAD}{_UPDATE}",
            (3, "request.oldObject"),
            "Expected `object`, got `null`",
        ),
        (
            f"{_HEAD}{_REQUEST}  object:\n    apiVersion: v1\n    kind: Pod\n    spec:\n{_LOTS}",
            (14, "request.object.spec.containers[0].resources.requests"),
            "'lots' is not a quantity",
        ),
        (
            f"{_HEAD}{_UPDATE}  oldObject: {{apiVersion: v1, kind: Pod, spec: {{hostNetwork: 1}}}}\n",
            (9, "request.oldObject.spec.hostNetwork"),
            "Expected `bool",
        ),
    ],
)
def test_what_cannot_be_read(
    text: str, place: tuple[int, str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error that names line and field, in the review as it stands in the file; it hides nothing."""
    file = tmp_path / "all.yaml"
    file.write_text(f"{text}---\n{yaml.safe_dump(review(pod()))}")
    assert main(["preview", "-f", str(file), "-o", "json"]) == 2
    error, other = json.loads(capsys.readouterr().out)["results"]
    assert (error["error"]["line"], error["error"]["field"]) == place
    assert says in error["error"]["message"]
    assert other["kind"] == "Pod"


def test_a_review_needs_no_uid() -> None:
    """Whoever shortens one for a test case leaves that out first."""
    document = review(pod())
    del document["request"]["uid"]
    assert result_of(document).patch != []


def test_the_bounds_hold_inside_a_review() -> None:
    """Containers count there too, before and after an update."""
    many = pod(containers=[container(f"c{index}") for index in range(1001)])
    documents = [
        review(many),
        review(pod(), operation="UPDATE", oldObject=many),
    ]
    for value in documents:
        (read,) = read_documents(json.dumps(value).encode(), "x")
        assert isinstance(read, Document)
        with pytest.raises(TooMuchWork, match="1001"):
            check_bounds([read], Bounds())
    (broken,) = read_documents(_HEAD.encode(), "x")
    check_bounds([broken], Bounds())


async def test_every_door_agrees(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints what the endpoint answers; YAML is the object, patched."""
    document = review(arrived())
    file = tmp_path / "review.yaml"
    file.write_text(yaml.safe_dump(document))
    assert main(["preview", "-f", str(file), "-o", "json"]) == 0
    (printed,) = json.loads(capsys.readouterr().out)["results"]
    assert main(["preview", "-f", str(file), "-o", "yaml"]) == 0
    assert yaml.safe_load(capsys.readouterr().out) == printed["patched"]
    async with TestClient(TestServer(local_preview_app(ManifestGatherer()))) as client:
        reply = await client.post("/preview", json=document)
        (answered,) = (await reply.json())["results"]
    del printed["diff"], answered["diff"]  # they name the input
    assert answered == printed
    assert main(["check", "-f", str(file), "-o", "json"]) == 1
    (checked,) = json.loads(capsys.readouterr().out)["results"]
    assert texts(checked["violations"]["before"]) == texts(printed["violations"]["before"])


_CONFIGURATIONS: Final[dict[str, dict[str, Any]]] = {
    "default": {},
    "enforcing": {
        "patchTemplates": True,
        "settings": {
            "imagePullPolicy": {"enabled": True},
            "automountServiceAccountToken": {"serviceAccounts": "all"},
            "readOnlyRootFilesystem": {"enabled": True, "writableTmp": True},
        },
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("name", _CONFIGURATIONS)
async def test_recorded_reviews(name: str) -> None:
    """Of every recorded review the preview shows the very patch that /mutate gives, and judges what it judged."""
    recorded = [record["review"] for record in read_jsonl_gz(shared("reviews/corpus.jsonl.gz"))]
    recorded += [record["review"] for record in json.loads(shared("reviews/special.json").read_bytes())]
    objects = list(yaml.safe_load_all(shared("reviews/objects.yaml").read_bytes()))
    configuration = configured(**_CONFIGURATIONS[name])
    evaluations: list[Evaluation] = []
    reviewer = reviewer_of(gatherer_of(objects), configuration, evaluations.append)
    read = [Document("recorded", number, value, place=1) for number, value in enumerate(recorded, start=1)]
    gatherer = gatherer_of(objects)
    options = PreviewOptions("default")
    snapshots = {name: gatherer.snapshot(name) for name in namespaces_of(read, options)}
    report, _ = preview(read, Surroundings(GatheredNamespaces(snapshots, {}), configuration, NEWEST_MINOR), options)
    assert len(report.results) == len(recorded)
    patched = 0
    for document, result in zip(recorded, report.results, strict=True):
        evaluations.clear()
        response = await reviewer.mutate(decode_review(json.dumps(document).encode()))
        assert not result.error, result.error
        assert result.patch == unannotated(operations(response)), document["request"]["uid"]
        patched += bool(result.patch)
        for evaluation in evaluations:
            remaining = evaluation.verdicts.get(evaluation.policy.target)
            if remaining is not None and not evaluation.pod.is_template:
                assert [tuple(row) for row in remaining] == _rows(result)
    print(f"{patched} of {len(recorded)} patched")
    assert patched > len(recorded) / 2


def _rows(result: Result) -> list[tuple[str, str, str]]:
    assert result.violations
    assert isinstance(result.violations.after, list)
    return [(row.id, row.reason, row.detail) for row in result.violations.after]
