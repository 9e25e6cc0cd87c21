"""Scans of manifests: what is judged, as what, and what is named that is not judged."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from patches import (
    NEWEST_MINOR,
    DefaulterConfiguration,
    Level,
    NamespaceCompiler,
    Verdict,
    empty_snapshot,
    parse_level_version,
)
from patches.policy.configuration import TemplateRule
from tests.shared_data import read_jsonl_gz, shared
from webhook.documents.reader import flatten, read_documents
from webhook.gatherers.gatherer import GatheredNamespaces
from webhook.preview.preview import Surroundings
from webhook.scan.manifests import ScanOptions, scan_manifests
from webhook.scan.results import Scan, Unjudged, Workload
from webhook.scan.scanner import Scanner

_SURE: Final = {"image": "registry.example/app"}
_SPEC: Final[dict[str, Any]] = {"containers": [{"name": "app", **_SURE}]}


def _scan(*values: Any, rules: Sequence[TemplateRule] = ()) -> Scan:
    data = "\n---\n".join(json.dumps(value) for value in values).encode()
    documents = list(flatten(read_documents(data, "in.yaml")))
    configuration = DefaulterConfiguration(templates=tuple(rules))
    surroundings = Surroundings(GatheredNamespaces({}, {}), configuration, NEWEST_MINOR)
    return scan_manifests(documents, surroundings, ScanOptions(parse_level_version("restricted")))


def _only(scan: Scan) -> Workload:
    (namespace,) = scan.namespaces
    (workload,) = namespace.workloads
    return workload


def _object(kind: str, spec: Any, **metadata: Any) -> Any:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "web", **metadata}, "spec": spec}


def test_a_plain_workload_passes_with_defaults() -> None:
    """And its place in the file is known."""
    row = _only(_scan(_object("Pod", _SPEC)))
    assert (row.verdict, row.fits, row.edits) == (Verdict.WITH_DEFAULTS, Level.RESTRICTED, [])
    assert row.position is not None
    assert (row.position.source, row.position.line) == ("in.yaml", 1)


def test_privileged_alone_has_to_go() -> None:
    """The defaults do the rest."""
    spec = {"containers": [{**_SPEC["containers"][0], "securityContext": {"privileged": True}}]}
    row = _only(_scan(_object("Pod", spec)))
    assert row.verdict is Verdict.NEEDS_EDITS
    assert [edit.path for edit in row.edits or ()] == ["/spec/containers/0/securityContext/privileged"]


def test_who_needs_the_host_cannot() -> None:
    """A path of the node or a namespace of the host is no careless value."""
    for spec in ({"hostNetwork": True}, {"volumes": [{"name": "logs", "hostPath": {"path": "/var/log"}}]}):
        row = _only(_scan(_object("Pod", {**_SPEC, **spec})))
        assert (row.verdict, row.fits) == (Verdict.CANNOT, Level.PRIVILEGED)


def test_a_volume_of_another_kind_fits_baseline() -> None:
    """And is an edit."""
    row = _only(_scan(_object("Pod", {**_SPEC, "volumes": [{"name": "data", "nfs": {"server": "s", "path": "/"}}]})))
    assert (row.verdict, row.fits) == (Verdict.NEEDS_EDITS, Level.BASELINE)


def test_a_pod_and_its_owner_are_one_workload() -> None:
    """Through the ReplicaSet between them, which is not judged beside its Deployment; the sidecar is named."""
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "controller": True}
    replica_set = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": "web-1", "ownerReferences": [reference]},
        "spec": {"template": {"spec": _SPEC}},
    }
    own = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "controller": True}
    sidecar = {"name": "proxy", "image": "mesh", "securityContext": {"capabilities": {"add": ["NET_ADMIN"]}}}
    running = _object("Pod", {"containers": [*_SPEC["containers"], sidecar]}, ownerReferences=[own])
    template = {**replica_set, "kind": "Deployment", "metadata": {"name": "web"}}
    row = _only(_scan(running, template, replica_set, {**running, "metadata": {**running["metadata"], "name": "b"}}))
    assert (row.kind, row.pods, row.only_in_pods) == ("Deployment", 2, ["proxy"])
    assert row.verdict is Verdict.NEEDS_EDITS
    assert [edit.text for edit in row.edits or ()] == [
        "in its pods, remove spec.containers[1].securityContext.capabilities.add[0] (NET_ADMIN)"
    ]


def test_what_is_owned_is_judged_if_its_owner_is_not_there() -> None:
    """A dump of ReplicaSets alone says as much as their Deployments would."""
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "controller": True}
    metadata = {"name": "web-1", "ownerReferences": [reference]}
    value = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata, "spec": {"template": {"spec": _SPEC}}}
    row = _only(_scan(value))
    assert (row.kind, row.name, row.verdict) == ("Deployment", "web", Verdict.WITH_DEFAULTS)


def test_every_template_of_a_custom_workload_counts() -> None:
    """KubeRay's workers stand in a list; Knative's containers may lack names."""
    group = {"template": {"spec": _SPEC}}
    privileged = {"containers": [{"name": "w", **_SURE, "securityContext": {"privileged": True}}]}
    ray = _object(
        "RayCluster", {"headGroupSpec": group, "workerGroupSpecs": [group, {"template": {"spec": privileged}}]}
    )
    row = _only(_scan({**ray, "apiVersion": "ray.io/v1"}))
    assert row.edits is not None
    (edit,) = row.edits
    assert edit.path == "/spec/workerGroupSpecs/1/template/spec/containers/0/securityContext/privileged"
    service = _object("Service", {"template": {"spec": {"containers": [_SURE]}}})
    assert _only(_scan({**service, "apiVersion": "serving.knative.dev/v1"})).verdict is Verdict.WITH_DEFAULTS


def test_a_kind_that_nobody_configured_is_named() -> None:
    """With the path that the configuration may have; configured, it is judged."""
    value = {**_object("Widget", {"parts": [{"template": {"spec": _SPEC}}]}), "apiVersion": "example.org/v1"}
    assert _scan(value).unjudged == [Unjudged("example.org", "Widget", 1, ["spec.parts[].template"])]
    rule = TemplateRule("example.org", "Widget", "spec.parts[].template")
    assert _only(_scan(value, rules=[rule])).verdict is Verdict.WITH_DEFAULTS


def test_a_policy_makes_no_pods() -> None:
    """Its patterns look like pods."""
    value = {**_object("ClusterPolicy", {"pattern": {"spec": _SPEC}}), "apiVersion": "kyverno.io/v1"}
    assert _scan(value).unjudged == []


def test_manifests_of_one_name_are_workloads_of_their_own() -> None:
    """Overlays and examples say things twice."""
    (namespace,) = _scan(_object("Pod", _SPEC), _object("Pod", {**_SPEC, "hostPID": True})).namespaces
    assert [row.verdict for row in namespace.workloads] == [Verdict.CANNOT, Verdict.WITH_DEFAULTS]
    assert namespace.verdict is Verdict.CANNOT


def test_an_unreadable_object_is_an_error() -> None:
    """With its field; the others are judged."""
    scan = _scan(_object("Pod", {"containers": "none"}), _object("Pod", _SPEC))
    assert [error.field for error in scan.errors] == ["spec.containers"]
    assert _only(scan).verdict is Verdict.WITH_DEFAULTS


def test_peers_manifests() -> None:
    """Thousands of files go through; each custom kind that is known without configuration is judged."""
    rows = read_jsonl_gz(shared("corpus/raw.jsonl.gz"))
    documents = [document for row in rows for document in flatten(read_documents(row["text"].encode(), row["path"]))]
    surroundings = Surroundings(GatheredNamespaces({}, {}), DefaulterConfiguration(), NEWEST_MINOR)
    scan = scan_manifests(documents, surroundings, ScanOptions(parse_level_version("restricted")))
    print(scan.kinds)
    assert {"RayCluster", "RayJob", "RayService", "Rollout", "SparkApplication", "Service"} <= set(scan.kinds)
    assert ("spot.io", "SpotDeployment", ["spec.template"]) in [
        (row.group, row.kind, row.paths) for row in scan.unjudged
    ]
    assert len(scan.errors) < 100


def test_pods_that_differ_in_what_each_has_are_judged_once() -> None:
    """Node, host name, the volume of the token, what a network writes; but a difference that counts is not lost."""
    scanner = Scanner(
        NamespaceCompiler(DefaulterConfiguration(), NEWEST_MINOR), empty_snapshot, parse_level_version("restricted")
    )
    for number in range(20):
        scanner.add_pod(_running(number), "team")
    assert scanner.evaluated == 1
    scanner.add_pod(_running(20, hostPID=True), "team")
    unconfined = _running(21)
    unconfined["metadata"]["annotations"]["container.apparmor.security.beta.kubernetes.io/app"] = "unconfined"
    scanner.add_pod(unconfined, "team")
    assert scanner.evaluated == 3
    (row,) = scanner.namespaces()[0].workloads
    assert (row.kind, row.pods, row.verdict) == ("DaemonSet", 22, Verdict.CANNOT)


def _running(number: int, **fields: Any) -> Any:
    """A pod of a DaemonSet as an API server stores it."""
    token = {"name": f"kube-api-access-{number:05}", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [f"node-{number}"]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}
    spec = {
        "nodeName": f"node-{number}",
        "hostname": f"web-{number}",
        "affinity": affinity,
        "containers": [{**_SPEC["containers"][0], "volumeMounts": [token]}],
        "volumes": [{"name": token["name"], "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}],
        **fields,
    }
    owner = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "agent", "controller": True}
    marks = {"cni.projectcalico.org/podIP": f"10.0.0.{number}/32", "kubernetes.io/config.seen": str(number)}
    return {**_object("Pod", spec, ownerReferences=[owner], annotations=marks)}
