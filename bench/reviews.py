"""The reviews that are measured: a recorded one where the shared data is there, and made ones of any size."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any, Final

_TOKEN: Final = "kube-api-access-b8b69"  # noqa: S105 (a volume's name)
SHARED: Final = Path(os.environ.get("PSD_SHARED") or Path(__file__).resolve().parents[2] / "shared")


def recorded_review() -> dict[str, Any] | None:
    """The recorded one-container pod of median size, or None where the recordings are not there."""
    file = SHARED / "reviews" / "corpus.jsonl.gz"
    if not file.exists():
        return None
    with gzip.open(file) as lines:
        reviews = [json.loads(line)["review"] for line in lines]
    single = [review for review in reviews if _containers(review["request"]["object"]) == 1]
    single.sort(key=lambda review: len(json.dumps(review)))
    median: dict[str, Any] = single[len(single) // 2]
    return median


def _containers(value: dict[str, Any]) -> int:
    spec = value["spec"] if value["kind"] == "Pod" else {}
    return len(spec.get("containers", ())) + len(spec.get("initContainers", ()))


def review_of(containers: int) -> dict[str, Any]:
    """A review of a pod with this many containers, as an API server fills it in."""
    names = [f"app-{number}" for number in range(containers)]
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "namespace": "default",
            "operation": "CREATE",
            "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller"},
            "object": {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"generateName": "web-", "namespace": "default", "managedFields": [_managed(names)]},
                "spec": {
                    "volumes": [_token_volume()],
                    "containers": [_container(name) for name in names],
                    "restartPolicy": "Always",
                    "terminationGracePeriodSeconds": 30,
                    "dnsPolicy": "ClusterFirst",
                    "serviceAccountName": "default",
                    "serviceAccount": "default",
                    "securityContext": {},
                    "schedulerName": "default-scheduler",
                    "priority": 0,
                    "enableServiceLinks": True,
                    "preemptionPolicy": "PreemptLowerPriority",
                },
                "status": {},
            },
            "oldObject": None,
            "dryRun": False,
        },
    }


def _container(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "image": f"registry.example/{name}:1",
        "ports": [{"containerPort": 8080, "protocol": "TCP"}],
        "env": [{"name": "LEVEL", "value": "info"}],
        "resources": {},
        "volumeMounts": [
            {"name": _TOKEN, "readOnly": True, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"},
        ],
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
    }


def _managed(names: list[str]) -> dict[str, Any]:
    fields: dict[str, Any] = {
        ".": {},
        "f:image": {},
        "f:imagePullPolicy": {},
        "f:name": {},
        "f:resources": {},
        "f:env": {},
    }
    containers = {f'k:{{"name":"{name}"}}': fields for name in names}
    return {
        "manager": "kube-controller-manager",
        "operation": "Update",
        "fieldsV1": {"f:spec": {"f:containers": containers}},
    }


def _token_volume() -> dict[str, Any]:
    namespace = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    sources = [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [namespace]}},
    ]
    return {"name": _TOKEN, "projected": {"sources": sources, "defaultMode": 420}}
