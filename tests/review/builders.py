"""What the tests of the review ask and are told: documents, requests as an API server sends them, answers applied."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import jsonpatch
import msgspec

from patches.model.shapes import Json
from patches.policy.configuration import DefaulterConfiguration
from patches.policy.policy import PSA_PREFIX
from webhook.gatherers.gatherer import Gatherer
from webhook.gatherers.manifests import ManifestGatherer
from webhook.review.codec import AdmissionRequest, AdmissionResponse, decode_review, encode_review
from webhook.review.namespace_cache import NamespaceCache
from webhook.review.reviewer import OnEvaluation, Reviewer

UID: Final = "f0e1d2c3-b4a5-4697-8879-6a5b4c3d2e1f"
NAMESPACE: Final = "shop"
RESTRICTED: Final = {PSA_PREFIX + "enforce": "restricted"}

BARE: Final = (
    "allowPrivilegeEscalation != false "
    '(container "app" must set securityContext.allowPrivilegeEscalation=false), '
    'unrestricted capabilities (container "app" must set securityContext.capabilities.drop=["ALL"]), '
    'runAsNonRoot != true (pod or container "app" must set securityContext.runAsNonRoot=true), '
    'seccompProfile (pod or container "app" must set securityContext.seccompProfile.type to '
    '"RuntimeDefault" or "Localhost")'
)
"""What upstream says of a pod with one bare container `app`, at restricted."""

PRIVILEGED_TEXT: Final = 'privileged (container "app" must not set securityContext.privileged=true)'
"""What upstream says of a pod whose container `app` is privileged, at baseline."""


def pod(*, metadata: Json = None, containers: Sequence[Json] | None = None, **spec: Json) -> dict[str, Any]:
    """A pod named `web`, with one bare container `app` where none are given."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "namespace": NAMESPACE} | (metadata or {}),
        "spec": {"containers": [container()] if containers is None else [*containers], **spec},
    }


def container(name: str = "app", **fields: Json) -> dict[str, Any]:
    """A container with a name and an image."""
    return {"name": name, "image": "registry.example/app:1", **fields}


def privileged_pod() -> dict[str, Any]:
    """A pod that no default can repair, at any profile but privileged."""
    return pod(containers=[container(securityContext={"privileged": True})])


def deployment(template: Mapping[str, Json], *, metadata: Json = None) -> dict[str, Any]:
    """A Deployment of such pods."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": NAMESPACE} | (metadata or {}),
        "spec": {"template": {"metadata": {"labels": {"app": "web"}}, "spec": template["spec"]}},
    }


def review(document: Json, **request: Json) -> dict[str, Any]:
    """The AdmissionReview of creating `document`; other fields of the request may be given."""
    known = document if isinstance(document, dict) else pod()
    group, _, version = str(known.get("apiVersion", "v1")).rpartition("/")
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": UID,
            "kind": {"group": group, "version": version, "kind": known.get("kind", "Pod")},
            "resource": {"group": group, "version": version, "resource": "any"},
            "namespace": NAMESPACE,
            "operation": "CREATE",
            "userInfo": {"username": "jane"},
            "object": document,
            "oldObject": None,
            "dryRun": False,
            **request,
        },
    }


def request(document: Json, **fields: Json) -> AdmissionRequest:
    """The decoded request of creating `document`."""
    return decode_review(json.dumps(review(document, **fields)).encode())


def update(old: Json, new: Json, **fields: Json) -> AdmissionRequest:
    """The decoded request of changing `old` to `new`."""
    return request(new, operation="UPDATE", oldObject=old, **fields)


def debug_session(old: Json, new: Json) -> AdmissionRequest:
    """The decoded request that `kubectl debug` makes."""
    return update(old, new, subResource="ephemeralcontainers")


def configured(**settings: Json) -> DefaulterConfiguration:
    """The configuration that a file with these entries means."""
    return msgspec.convert(settings, DefaulterConfiguration)


def namespace_object(labels: Mapping[str, str], annotations: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The Namespace `shop`."""
    metadata = {"name": NAMESPACE, "labels": dict(labels), "annotations": dict(annotations or {})}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def gatherer_of(objects: Iterable[Json], **options: Any) -> ManifestGatherer:
    """A gatherer that holds these objects, of which every one counts."""
    gatherer = ManifestGatherer(**options)
    for value in objects:
        assert gatherer.add(value), value
    return gatherer


def reviewer_of(
    gatherer: Gatherer, configuration: DefaulterConfiguration | None = None, on_evaluation: OnEvaluation | None = None
) -> Reviewer:
    """A reviewer for the namespaces of a gatherer."""
    return Reviewer(NamespaceCache(gatherer, configuration or configured()), on_evaluation)


def reviewer(
    labels: Mapping[str, str] | None = None,
    *,
    annotations: Mapping[str, str] | None = None,
    objects: Sequence[Json] = (),
    **settings: Json,
) -> Reviewer:
    """A reviewer for a namespace `shop` with these labels, among these objects, under this configuration."""
    return reviewer_of(gatherer_of([namespace_object(labels or {}, annotations), *objects]), configured(**settings))


def sent(response: AdmissionResponse) -> dict[str, Any]:
    """The response as an API server reads it."""
    answer = json.loads(encode_review(response))
    assert (answer["apiVersion"], answer["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    assert set(answer) == {"apiVersion", "kind", "response"}
    result: dict[str, Any] = answer["response"]
    return result


def operations(response: AdmissionResponse) -> list[dict[str, Any]]:
    """The operations of the patch, none without one."""
    answer = sent(response)
    assert ("patch" in answer) == ("patchType" in answer)
    if "patch" not in answer:
        return []
    assert answer["patchType"] == "JSONPatch"
    decoded: list[dict[str, Any]] = json.loads(base64.b64decode(answer["patch"], validate=True))
    return decoded


def applied(response: AdmissionResponse, document: Json) -> dict[str, Any]:
    """The document once the patch is applied, by another library than ours."""
    patched: dict[str, Any] = jsonpatch.apply_patch(document, operations(response))
    return patched
