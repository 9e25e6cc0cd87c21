"""Every component over base, as pods of a real kubelet, installed at once; then cert-manager too, by an upgrade."""

from __future__ import annotations

import base64
import json
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from patches.policy.policy import PREFIX
from tests.cluster.client import JSON_PATCH, MERGE_PATCH, pods
from tests.cluster.installed import APPLIED, MODE, NAME, apply_definitions, eventually
from tests.cluster.pki import Authority
from tests.cluster.previewing import may_create_pods, new_token
from tests.manifests.building import TOGETHER
from tests.node.node import Node
from tests.node.product import BARE, PREVIEW, SPACE, Product, ask, installing
from tests.node.programs import NODE, is_ready
from tests.node.telling import tell

pytestmark = pytest.mark.node

_LAST: Final = "managed-control-planes"
_ALL: Final = (*(name for name in TOGETHER if name not in {"cert-manager", _LAST}), _LAST)


@pytest.fixture(scope="module")
def everything(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """All components but cert-manager."""
    with installing(node, tmp_path_factory.mktemp("everything")) as product:
        apply_definitions(node.plane, product.kubectl)
        started = time.monotonic()
        product.apply("everything", _ALL)
        product.wait()
        product.wait(PREVIEW)
        tell(f"product: every component at once, ready after {time.monotonic() - started:.0f} s")
        node.plane.namespace(SPACE, {MODE: "enforce", f"{PREFIX}profile": "restricted"})
        yield product


def test_every_component_at_once_runs(everything: Product) -> None:
    """Three replicas, none of which has failed a start, and two that a drain has to leave."""
    replicas = everything.running()
    assert len(replicas) == 3
    assert [row["status"]["containerStatuses"][0]["restartCount"] for row in replicas] == [0] * 3
    path = f"/apis/policy/v1/namespaces/{NAME}/poddisruptionbudgets/{NAME}"
    eventually(lambda: everything.node.plane.admin.must("GET", path)["status"]["disruptionsAllowed"] == 1, "the budget")
    assert everything.node.plane.admin.must("GET", path)["status"]["desiredHealthy"] == 2
    assert everything.metric("psd_build_info") == 3, "Prometheus finds each replica by the metrics Service"


def test_cluster_wide_and_fortress(everything: Product) -> None:
    """A namespace that says nothing gets every setting, in templates too, and both webhooks are asked."""
    admin, namespace = everything.node.plane.admin, everything.node.plane.namespace("silent")
    eventually(lambda: not everything.load(namespace).once(), "the leader has written the CA of both webhooks")
    asked = everything.metric("psd_requests_total", endpoint="validate")
    spec = admin.create(pods(namespace), BARE, dry_run=True).body["spec"]
    assert everything.metric("psd_requests_total", endpoint="validate") == asked + 1
    assert spec["hostUsers"] is False
    assert spec["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True
    assert spec["containers"][0]["imagePullPolicy"] == "Always"
    template = {"metadata": {"labels": {"a": "b"}}, "spec": BARE["spec"]}
    value = {"metadata": {"name": "a"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template}}
    answer = admin.create(f"/apis/apps/v1/namespaces/{namespace}/deployments", value, dry_run=True)
    assert answer.body["spec"]["template"]["spec"]["securityContext"]["runAsNonRoot"] is True
    container = {"name": "c", "image": "i:1", "securityContext": {"privileged": True}}
    answer = admin.create(pods(namespace), {**BARE, "spec": {"containers": [container]}}, dry_run=True)
    assert not answer.ok
    assert "privileged" in answer.message


def test_managed_control_planes(everything: Product) -> None:
    """In a namespace of the provider's no pod waits for us."""
    namespace = everything.node.plane.namespace("provider", {"control-plane": "true", MODE: "enforce"})
    answer = everything.node.plane.admin.create(pods(namespace), BARE, dry_run=True)
    assert answer.ok
    assert APPLIED not in (answer.body["metadata"].get("annotations") or {})


def test_policies_leave_the_kubelet_alone(everything: Product) -> None:
    """They refuse what they are for; nothing that a real kubelet has asked for meanwhile was refused."""
    plane, kubectl = everything.node.plane, everything.kubectl
    value = {"metadata": {"name": "a"}, "spec": {"ports": [{"port": 80}], "externalIPs": ["192.0.2.1"]}}
    answer = plane.admin.create("/api/v1/namespaces/default/services", value, dry_run=True)
    assert "new external addresses are not allowed" in answer.message
    kubectl.run("create", "clusterrole", "editors", "--verb=patch", "--resource=namespaces")
    kubectl.run("create", "clusterrolebinding", "editors", "--clusterrole=editors", "--group=editors")
    editor, path = plane.client("editor", "editors"), f"/api/v1/namespaces/{SPACE}"
    assert editor.request("PATCH", path, {"metadata": {"labels": {"a": "b"}}}, MERGE_PATCH).ok
    answer = editor.request("PATCH", path, {"metadata": {"labels": {MODE: "off"}}}, MERGE_PATCH)
    assert "only users with the verb exempt" in answer.message
    lease = f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{NODE}"
    renewed = plane.admin.must("GET", lease)["spec"]["renewTime"]
    eventually(lambda: plane.admin.must("GET", lease)["spec"]["renewTime"] != renewed, "the kubelet renews its lease")
    assert "ValidatingAdmissionPolicy" not in (everything.node.directory / "kubelet.log").read_text(encoding="utf-8")
    assert is_ready(plane.admin)


def test_the_preview_answers(everything: Product) -> None:
    """At its pod's address, as a port-forward leads there: the page to anybody, a preview to who may create pods."""
    (replica,) = everything.replicas(PREVIEW)
    plane = everything.node.plane
    context = ssl._create_unverified_context()  # noqa: S323 (each pod makes its own certificate)
    where = (replica["status"]["podIP"], 8444)
    assert "<html" in ask(*where, "/", context=context)
    may_create_pods(plane, SPACE, "default", SPACE)
    headers = {"Authorization": f"Bearer {new_token(plane, SPACE, 'default')}", "Content-Type": "application/yaml"}
    metadata = {"name": "a", "namespace": SPACE}
    pod = json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": BARE["spec"]})
    assert "runAsNonRoot" in ask(*where, "/preview", pod, headers, context=context)


def test_cert_manager(everything: Product, tmp_path: Path) -> None:
    """The test does its part: the Secret by the Certificate's names, which the pods can read, and the caBundle."""
    admin = everything.node.plane.admin
    service = f"{NAME}.{NAME}.svc"
    authority = Authority(tmp_path, [service])
    pair = authority.issue("issued")
    files = {"tls.crt": pair.cert, "tls.key": pair.key, "ca.crt": authority.cert}
    encoded = {name: base64.b64encode(file.read_bytes()).decode() for name, file in files.items()}
    secret = {"metadata": {"name": f"{NAME}-cert-manager"}, "type": "kubernetes.io/tls", "data": encoded}
    admin.must("POST", f"/api/v1/namespaces/{NAME}/secrets", secret)
    before = everything.names()
    everything.apply("cert-manager", [*_ALL, "cert-manager"])
    (certificate,) = [
        row
        for row in admin.must("GET", f"/apis/cert-manager.io/v1/namespaces/{NAME}/certificates")["items"]
        if row["spec"]["secretName"] == f"{NAME}-cert-manager"
    ]
    assert service in certificate["spec"]["dnsNames"]
    everything.wait()
    everything.wait_for_the_end(before)  # until then the leader writes its own CA
    assert "certificate signed by unknown authority" in everything.load(SPACE).once()
    for kind in ("mutating", "validating"):
        path = f"/apis/admissionregistration.k8s.io/v1/{kind}webhookconfigurations/{NAME}"
        webhooks = admin.must("GET", path)["webhooks"]
        operations = [
            {"op": "add", "path": f"/webhooks/{index}/clientConfig/caBundle", "value": encoded["ca.crt"]}
            for index in range(len(webhooks))
        ]
        admin.must("PATCH", path, operations, JSON_PATCH)
    eventually(lambda: not everything.load(SPACE).once(), "it answers by the certificate of cert-manager")
