"""The real server, registered with the API server by URL and CA bundle, for the namespaces of one test."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from tests.cluster.client import pods
from tests.cluster.control_plane import BYPASS, ControlPlane
from tests.served import served

LABEL: Final = "test-webhook"
"""The label that names the registration which concerns a namespace."""
_CONFIGURATIONS: Final = "/apis/admissionregistration.k8s.io/v1"
_WAIT_SECONDS: Final = 20

PODS: Final = [
    {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]},
    {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["pods/ephemeralcontainers"]},
]
TEMPLATES: Final = [
    {
        "apiGroups": [group],
        "apiVersions": ["v1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": resources,
    }
    for group, resources in (
        ("", ["podtemplates", "replicationcontrollers"]),
        ("apps", ["daemonsets", "deployments", "replicasets", "statefulsets"]),
        ("batch", ["cronjobs", "jobs"]),
    )
]
JUDGED: Final = [
    {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["pods"]},
    {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["pods/ephemeralcontainers"]},
]


@contextmanager
def defaulter(
    plane: ControlPlane,
    directory: Path,
    name: str,
    *,
    objects: Sequence[Any] = (),
    described: Sequence[Any] | None = None,
    config: Any = None,
    images: Any = None,
    validating: bool = False,
    rules: Sequence[Any] = PODS,
) -> Iterator[str]:
    """Create these namespaces and other objects, and serve them with this configuration; the webhook's name.

    With `validating` both webhooks are registered, else /mutate alone. Both concern only these namespaces. `described`
    is what the server is told of them where that differs from what the API server knows, `images` what it knows of
    images, `rules` what /mutate is asked about beside templates.
    """
    probe = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"{name}-probe"}}
    create_objects(plane, name, [*objects, probe])
    told = [*(objects if described is None else described), probe]
    (directory / "objects").mkdir(parents=True)
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": told})
    (directory / "objects" / "objects.json").write_text(text, encoding="utf-8")
    arguments: list[str | Path] = ["--objects", directory / "objects"]
    if config is not None:
        (directory / "config.json").write_text(json.dumps(config), encoding="utf-8")
        arguments += ["--config", directory / "config.json"]
    if images is not None:
        known = {"apiVersion": "pod-security-defaulter.io/v1alpha1", "kind": "ImageFacts", "images": images}
        (directory / "images.json").write_text(json.dumps(known), encoding="utf-8")
        arguments += ["--images", directory / "images.json"]
    with ExitStack() as stack:
        server = stack.enter_context(served(directory, *arguments))
        bundle = base64.b64encode((directory / "certs" / "ca.crt").read_bytes()).decode()
        stack.enter_context(registered(plane, name, server.address, bundle, validating=validating, rules=rules))
        yield f"pods.{name}.psd.test"


@contextmanager
def registered(
    plane: ControlPlane,
    name: str,
    address: str,
    bundle: str,
    *,
    validating: bool = False,
    rules: Sequence[Any] = PODS,
) -> Iterator[None]:
    """Register a server for the namespaces labelled with `name`, and wait until the API server asks it."""
    rows = {
        "mutatingwebhookconfigurations": [
            _webhook(name, f"pods.{name}.psd.test", f"{address}/mutate", bundle, rules, reinvocationPolicy="IfNeeded"),
            _webhook(
                name, f"templates.{name}.psd.test", f"{address}/mutate", bundle, TEMPLATES, failurePolicy="Ignore"
            ),
        ],
    }
    if validating:
        rows["validatingwebhookconfigurations"] = [
            _webhook(name, f"judge.{name}.psd.test", f"{address}/validate", bundle, JUDGED),
        ]
    try:
        for resource, webhooks in rows.items():
            value = {"metadata": {"name": name}, "webhooks": webhooks}
            plane.admin.must("POST", f"{_CONFIGURATIONS}/{resource}", value)
        _await(plane, f"{name}-probe", [f"{row[0]['name']}/" for row in rows.values()])
        yield
    finally:
        for resource in rows:
            plane.admin.request("DELETE", f"{_CONFIGURATIONS}/{resource}/{name}")


def _webhook(name: str, webhook: str, url: str, bundle: str, rules: Sequence[Any], **fields: Any) -> dict[str, Any]:
    return {
        "name": webhook,
        "clientConfig": {"url": url, "caBundle": bundle},
        "rules": rules,
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Fail",
        "matchPolicy": "Equivalent",
        "timeoutSeconds": 5,
        "namespaceSelector": {"matchLabels": {LABEL: name}},
        "matchConditions": [{"name": "concerned", "expression": f"!('{BYPASS}' in request.userInfo.groups)"}],
        **fields,
    }


def _await(plane: ControlPlane, namespace: str, prefixes: Sequence[str]) -> None:
    """Each webhook annotates the audit event of a pod; until all do, the API server has not heard of them."""
    pod = {"metadata": {"generateName": "probe-"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    end = time.monotonic() + _WAIT_SECONDS
    seen: set[str] = set()
    while not all(any(key.startswith(prefix) for key in seen) for prefix in prefixes):
        assert time.monotonic() < end, f"the API server does not call {prefixes}"
        answer = plane.admin.create(pods(namespace), pod, dry_run=True)
        seen = set(plane.audit.annotations(answer.audit_id))


_COLLECTIONS: Final = {
    "LimitRange": "limitranges",
    "ResourceQuota": "resourcequotas",
    "ServiceAccount": "serviceaccounts",
}


def create_objects(plane: ControlPlane, name: str, objects: Sequence[Any]) -> None:
    """Create objects, namespaces with the label and the account `default`; give a quota the status it needs."""
    for value in objects:
        metadata = value["metadata"]
        match value["kind"]:
            case "Namespace":
                labels = {**(metadata.get("labels") or {}), LABEL: name}
                plane.namespace(metadata["name"], labels, annotations=metadata.get("annotations") or {})
            case "ServiceAccount":
                fields = {key: field for key, field in value.items() if key not in ("apiVersion", "kind", "metadata")}
                plane.account(metadata["namespace"], metadata["name"], **fields)
            case "RuntimeClass":
                answer = plane.admin.create("/apis/node.k8s.io/v1/runtimeclasses", value)
                assert answer.ok or answer.status == 409, (
                    answer.message
                )  # they belong to no namespace: tests share them
            case kind:
                path = f"/api/v1/namespaces/{metadata['namespace']}/{_COLLECTIONS[kind]}"
                created = plane.admin.must("POST", path, value)
                if kind == "ResourceQuota":  # else kube-controller-manager does this
                    hard = value["spec"]["hard"]
                    created["status"] = {"hard": hard, "used": dict.fromkeys(hard, "0")}
                    plane.admin.must("PUT", f"{path}/{metadata['name']}/status", created)


def namespace(name: str, labels: dict[str, str] | None = None, annotations: dict[str, str] | None = None) -> Any:
    """A Namespace for `defaulter`."""
    metadata = {"name": name, "labels": labels or {}, "annotations": annotations or {}}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
