"""Least privilege of the observer, by the API server's audit log: nothing is refused, and every right is used."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any, Final

import pytest

from patches import APPLIED_ANNOTATION
from tests.cluster.client import pods
from tests.cluster.control_plane import ControlPlane
from tests.cluster.following import admin
from tests.cluster.installed import NAME, account_kubeconfig, applied
from tests.cluster.kubectl import Kubectl
from tests.cluster.pki import Authority
from tests.cluster.rights import calls_of, granted_to, used_by
from tests.cluster.telling import LINES
from tests.cluster.test_observer import HANGS, clear, set_status
from tests.gatherers.live_cluster import configured
from tests.gatherers.live_faults import beside, until
from tests.manifests.building import write_overlay
from tests.registry.conftest import USER, encoded, running_registry
from tests.registry.content import PASSWD, image, layer
from tests.shared_data import ROOT
from webhook.cluster.api import ClusterClient
from webhook.images.facts import ImageEntry, write_image_facts
from webhook.images.shards import KEY, NAMES
from webhook.observer.observer import Observer

pytestmark = pytest.mark.cluster

_ACCOUNT: Final = f"{NAME}-observer"
_SECONDS: Final = 30.0
_DOCKER: Final = ".dockerconfigjson"
_KINDS: Final = {
    "ReplicaSet": ("apps/v1", "/apis/apps/v1/namespaces/{}/replicasets"),
    "StatefulSet": ("apps/v1", "/apis/apps/v1/namespaces/{}/statefulsets"),
    "DaemonSet": ("apps/v1", "/apis/apps/v1/namespaces/{}/daemonsets"),
    "Job": ("batch/v1", "/apis/batch/v1/namespaces/{}/jobs"),
    "ReplicationController": ("v1", "/api/v1/namespaces/{}/replicationcontrollers"),
}


def _hanging_pod(plane: ControlPlane, namespace: str, kind: str) -> None:
    """A controller of a kind, and a pod of it that hangs because of us."""
    api_version, path = _KINDS[kind]
    name = kind.lower()
    labels, containers = {"app": name}, [{"name": "app", "image": f"{name}:1"}]
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    spec: dict[str, Any] = {"template": template, "selector": {"matchLabels": labels}}
    if kind == "Job":
        spec = {"template": {"spec": {"containers": containers, "restartPolicy": "Never"}}}
    elif kind == "ReplicationController":
        spec = {"template": template, "selector": labels}
    owner = plane.bypassing.must("POST", path.format(namespace), {"metadata": {"name": name}, "spec": spec})["metadata"]
    reference = {"apiVersion": api_version, "kind": kind, "name": name, "uid": owner["uid"], "controller": True}
    annotations = {APPLIED_ANNOTATION: "runAsNonRoot:pod"}
    metadata = {"name": f"{name}-1", "annotations": annotations, "ownerReferences": [reference]}
    security = {"runAsNonRoot": True}
    value = {"metadata": metadata, "spec": {"containers": containers, "securityContext": security}}
    plane.bypassing.must("POST", pods(namespace), value)
    set_status(plane, namespace, f"{name}-1", HANGS)


async def test_every_call_is_allowed_and_every_right_used(
    plane: ControlPlane, kubectl: Kubectl, tmp_path: Path
) -> None:
    """With `observer-heal`: pods of every kind of controller are told and deleted, and all ConfigMaps written."""
    user = f"system:serviceaccount:{NAME}:{_ACCOUNT}"
    space = plane.namespace("observer-rights")
    configuration = configured(observer={"heal": "recreate"})
    lease = f"/apis/coordination.k8s.io/v1/namespaces/{NAME}/leases/{_ACCOUNT}"
    with applied(plane, kubectl, write_overlay(tmp_path / "overlay", "observer-heal")):
        for name in NAMES[1:]:  # of a larger book, before
            text = write_image_facts({f"{name}:1": ImageEntry(uid=5)})
            value = {"metadata": {"name": name}, "data": {KEY: text}}
            plane.admin.must("POST", f"/api/v1/namespaces/{NAME}/configmaps", value)
        client = await ClusterClient.connect(account_kubeconfig(plane, NAME, _ACCOUNT, tmp_path / "kubeconfig"))
        try:
            observer = Observer(client, NAME, (lease, "one"), lambda: configuration)
            async with beside(observer.run()):
                for number, kind in enumerate(_KINDS):
                    await asyncio.to_thread(_hanging_pod, plane, space, kind)
                    if not number:  # what is learnt of the others changes a ConfigMap that is there
                        await until(lambda: observer.reporter.healed, _SECONDS)
                await until(lambda: observer.reporter.healed >= len(_KINDS), _SECONDS)
                text = (await admin(plane, "GET", f"/api/v1/namespaces/{NAME}/configmaps/{NAMES[0]}"))["data"][KEY]
                assert all(f"{kind.lower()}:1" in text for kind in _KINDS)
        finally:
            await client.close()
        granted, calls = granted_to(plane, NAME, _ACCOUNT), calls_of(plane, user)
        refused = [event["requestURI"] for event in calls if event["responseStatus"]["code"] in (401, 403)]
        assert refused == []
        assert used_by(calls, granted) == granted
        LINES.append(f"RBAC of the observer: {len(granted)} rights, each used, in {len(calls)} calls, none refused")
    clear(plane, space)


async def test_the_role_in_the_docs_suffices_for_pull_secrets_of_our_own(
    plane: ControlPlane, kubectl: Kubectl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With it a private image is learnt; the observer asks for no other Secret, and is refused nothing."""
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.cert))
    user, space = f"system:serviceaccount:{NAME}:{_ACCOUNT}", plane.namespace("observer-pulls")
    found = re.search(r"```yaml\n(# pullSecrets: named.*?)```", (ROOT / "docs" / "images.md").read_text(), re.DOTALL)
    assert found is not None
    (tmp_path / "role.yaml").write_text(found[1], encoding="utf-8")
    earlier = {event["auditID"] for event in plane.audit.events()}
    with (
        running_registry(authority, tmp_path, USER) as registry,
        applied(plane, kubectl, write_overlay(tmp_path / "overlay", "observer-registry")),
    ):
        kubectl.run("apply", "-f", str(tmp_path / "role.yaml"))
        await asyncio.to_thread(registry.push, "mine", "1", image("web", [layer({"etc/passwd": PASSWD})]))
        text = json.dumps({"auths": {registry.host: {"auth": encoded(USER)}}})
        metadata = {"name": "registries"}
        secret = {"type": "kubernetes.io/dockerconfigjson", "metadata": metadata, "stringData": {_DOCKER: text}}
        await admin(plane, "POST", f"/api/v1/namespaces/{NAME}/secrets", secret)
        settings = {"enabled": True, "allow": [registry.host], "pullSecrets": "named", "secrets": ["registries"]}
        configuration = configured(observer={"registry": settings})
        lease = f"/apis/coordination.k8s.io/v1/namespaces/{NAME}/leases/{_ACCOUNT}"
        client = await ClusterClient.connect(account_kubeconfig(plane, NAME, _ACCOUNT, tmp_path / "kubeconfig"))
        try:
            observer = Observer(client, NAME, (lease, "one"), lambda: configuration)
            async with beside(observer.run()):
                spec = {"containers": [{"name": "app", "image": f"{registry.host}/mine:1"}]}
                await admin(plane, "POST", pods(space), {"metadata": {"name": "app"}, "spec": spec})
                await until(lambda: f"{registry.host}/mine:1" in observer.book.entries, _SECONDS)
        finally:
            await client.close()
        calls = calls_of(plane, user, earlier)
        assert [row["requestURI"] for row in calls if row["responseStatus"]["code"] in (401, 403)] == []
        assert observer.book.entries[f"{registry.host}/mine:1"].uid == 101
    await admin(plane, "DELETE", f"{pods(space)}/app")  # the observers of other tests see it too
