"""The install that counts: the image of `make image`, applied by kubectl, as pods of a real kubelet."""

from __future__ import annotations

import base64
import json
import signal
import ssl
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from patches.policy.policy import PREFIX
from tests.cluster import binaries
from tests.cluster.client import JSON_PATCH, MERGE_PATCH, pods
from tests.cluster.installed import APPLIED, MODE, NAME, apply_definitions, eventually
from tests.cluster.kubectl import Kubectl
from tests.cluster.pki import Authority
from tests.cluster.previewing import may_create_pods, new_token
from tests.manifests.building import TOGETHER
from tests.node.node import Node
from tests.node.outcomes import State, run_servers
from tests.node.product import BARE, LABEL, PREVIEW, Product, ask
from tests.node.product_image import product_archive
from tests.node.programs import NODE, is_ready
from tests.node.servers import SERVERS
from tests.node.telling import tell

pytestmark = pytest.mark.node

_LAST: Final = "managed-control-planes"
_ALL: Final = (*(name for name in TOGETHER if name not in {"cert-manager", _LAST}), _LAST)
_SPACE: Final = "opted-in"
_LOAD: Final = 100
"""Creates that have to be answered before and after what happens."""
_LOAD_SECONDS: Final = 8
_REQUESTED_MIB: Final = 128
_UNANSWERED: Final = 'failed calling webhook "pods.pod-security-defaulter.io"'
"""In the API server's answer where no replica answered, for whatever reason of the network."""
_NOTICED_SECONDS: Final = 10
"""From when a replica has been killed until the kubelet knows."""
_DRAIN_SECONDS: Final = 120
_HUNG_SECONDS: Final = 120
"""From when a replica hangs until it is started again: three probes, one in ten seconds, and its grace period."""
_GRACE_SECONDS: Final = 20
"""From when a probe has told the kubelet to end a replica until it is ended."""


class Hung(NamedTuple):
    """A replica of the preview that was stopped, as one that hangs, and when."""

    name: str
    since: float


@pytest.fixture(scope="module")
def product(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Base and the preview, from nothing until every replica is ready."""
    binaries.find("kubectl", "kustomize")
    with node.isolation.left():  # building takes what this machine gets from elsewhere
        archive = product_archive()
    node.runtime.load_archive(archive)
    directory = tmp_path_factory.mktemp("product")
    product = Product(node, Kubectl(node.plane, directory), directory)
    started = time.monotonic()
    try:
        product.apply("base", ["preview"])
        product.wait()
        product.wait(PREVIEW)
        product.wait(f"{NAME}-observer")
        tell(f"product: all replicas ready {time.monotonic() - started:.0f} s after kubectl apply")
        node.plane.namespace(_SPACE, {MODE: "enforce", f"{PREFIX}profile": "restricted"})
        yield product
    finally:
        product.delete()


@pytest.fixture(scope="module")
def hung(product: Product) -> Hung:
    """It hangs from the first test on; what the kubelet does about it takes as long as the others."""
    (replica,) = product.replicas(PREVIEW)
    product.run("kill", "-STOP", product.pid(replica))
    return Hung(replica["metadata"]["name"], time.time())


@pytest.fixture(scope="module")
def everything(product: Product) -> Product:
    """All components but cert-manager, over base: an upgrade of it."""
    apply_definitions(product.node.plane, product.kubectl)
    started = time.monotonic()
    product.apply("everything", _ALL)
    product.wait()
    product.wait(PREVIEW)
    tell(f"product: every component at once, ready after {time.monotonic() - started:.0f} s")
    return product


@pytest.mark.usefixtures("hung")
def test_own_pods_run_restricted(product: Product) -> None:
    """In a namespace that enforces restricted; and what the kernel says of the processes is what the manifests say."""
    labels = product.node.plane.admin.must("GET", f"/api/v1/namespaces/{NAME}")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert labels["pod-security.kubernetes.io/enforce-version"] == "latest"
    replicas = product.replicas()
    assert len(replicas) == 2
    for replica in replicas:
        pid = product.pid(replica)
        lines = (line.partition(":") for line in product.run("cat", f"/proc/{pid}/status").splitlines())
        status = {key: value.split() for key, _, value in lines}
        assert status["Uid"] == status["Gid"] == ["65532"] * 4
        assert {int(status[name][0], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
        assert (status["NoNewPrivs"], status["Seccomp"]) == (["1"], ["2"])
        mounts = [line.split() for line in product.run("cat", f"/proc/{pid}/mounts").splitlines()]
        (root,) = (row[3] for row in mounts if row[1] == "/")
        assert "ro" in root.split(",")
        assert replica["status"]["containerStatuses"][0]["restartCount"] == 0


def test_a_pod_is_defaulted_through_the_service_and_runs(product: Product) -> None:
    """A server whose image has a numeric user: it gets the defaults, starts and answers."""
    node = product.node
    eventually(lambda: not product.load(_SPACE).once(), "the namespace is known")
    server = next(row for row in SERVERS if row.name == "nginx-number")
    outcomes = run_servers(node, node.plane.admin, _SPACE, [server], seconds=1)
    assert {row.state for row in outcomes.values()} == {State.RUNS}


def test_a_rolling_restart_under_creates(product: Product) -> None:
    """Every pod that is created until the last replica of before has ended is defaulted."""
    before = product.names()
    started = time.monotonic()
    with product.load(_SPACE).running() as load:
        load.window(_LOAD)
        product.kubectl.run("-n", NAME, "rollout", "restart", f"deployment/{NAME}")
        product.wait()
        product.wait_for_the_end(before)
        load.window(_LOAD)
    tell(f"product: rolling restart, {load.answered} creates in {time.monotonic() - started:.0f} s, none failed")


def test_a_drain_under_creates(product: Product) -> None:
    """The eviction of the second replica is refused until the first has another in its place; no create fails."""
    before = product.names()
    started = time.monotonic()
    with product.load(_SPACE).running() as load:
        drain = product.kubectl.run("drain", NODE, f"--pod-selector={LABEL}={NAME}", seconds=_DRAIN_SECONDS)
        product.kubectl.run("uncordon", NODE)
        product.wait()
        load.window(_LOAD)
    tell(f"product: node drained, {load.answered} creates in {time.monotonic() - started:.0f} s, none failed")
    assert "Cannot evict pod as it would violate the pod's disruption budget" in drain.stderr
    assert not before & product.names()


def test_a_replica_is_killed_under_creates(product: Product) -> None:
    """Creates fail until the kubelet has noticed, then the other replica answers; the one killed is started again."""
    victim = product.replicas()[0]
    name = victim["metadata"]["name"]
    with product.load(_SPACE).running() as load:
        eventually(lambda: load.answered >= _LOAD, "creates are under way")
        assert not load.failures
        product.run("kill", "-KILL", product.pid(victim))
        killed = time.monotonic()
        eventually(lambda: _restarts(product, name) == 1, "it has been started again")
        noticed = time.monotonic() - killed
        eventually(lambda: all(map(_is_ready, product.replicas())), "both are ready")
        ready = time.monotonic() - killed
        failures = list(load.failures)
        answered = load.answered
        eventually(lambda: load.answered >= answered + _LOAD, "creates are under way again")
    assert load.failures == failures, "once both are ready"
    assert all(_UNANSWERED in row for row in failures), "closed, for want of an answer: none is refused for what it is"
    assert noticed < _NOTICED_SECONDS
    causes = sorted({row.rpartition(": ")[2] for row in failures})
    tell(
        f"product: a replica killed, started again after {noticed:.1f} s, ready after {ready:.1f} s;"
        f" {len(failures)} of {answered} creates failed: {', '.join(causes)}"
    )


def test_memory_and_cpu_under_load(product: Product) -> None:
    """As the kubelet measures them: less than what is requested."""
    before = product.usage()
    started = time.monotonic()
    with product.load(_SPACE).running() as load:
        enough = time.time() + _LOAD_SECONDS
        eventually(lambda: all(row.time > enough for row in product.usage().values()), "the kubelet has measured it")
        after = product.usage()
        rate = load.answered / (time.monotonic() - started)
    assert not load.failures
    for name in sorted(product.names()):
        cpu = (after[name].cpu - before[name].cpu) / (after[name].time - before[name].time)
        memory = [row[name].memory / 2**20 for row in (before, after)]
        tell(
            f"product: at {rate:.0f} creates/s {name} takes {cpu:.2f} CPU, {memory[1]:.0f} MiB ({memory[0]:.0f} before)"
        )
        assert cpu > 0
        assert memory[1] < _REQUESTED_MIB


def test_a_hung_replica_is_replaced(product: Product, hung: Hung) -> None:
    """By the probes, which admission has too: it is not asked any more, and ended without the time to drain."""
    probes = [
        {key: value for key, value in container.items() if key.endswith("Probe")}
        for name in (NAME, PREVIEW)
        for container in product.deployment(name)["spec"]["template"]["spec"]["containers"]
    ]
    assert probes[0] == probes[1]
    assert len(probes[0]) == 3
    eventually(lambda: _restarts(product, hung.name) == 1, "it has been started again", _HUNG_SECONDS)
    product.wait(PREVIEW)
    (replica,) = product.replicas(PREVIEW)
    (status,) = replica["status"]["containerStatuses"]
    ended = status["lastState"]["terminated"]
    assert ended["exitCode"] == 128 + signal.SIGKILL
    path = f"/api/v1/namespaces/{NAME}/events"
    events = [
        row
        for row in product.node.plane.admin.must("GET", path)["items"]
        if row["involvedObject"]["name"] == hung.name and row["reason"] in {"Unhealthy", "Killing"}
    ]
    assert any(row["message"].startswith("Readiness probe failed") for row in events)
    (killing,) = (row for row in events if "failed liveness probe, will be restarted" in row["message"])
    end, told = (datetime.fromisoformat(text).timestamp() for text in (ended["finishedAt"], killing["lastTimestamp"]))
    tell(f"product: a replica that hangs is ended after {end - hung.since:.0f} s, {end - told:.0f} s of them to end")
    assert end - told < _GRACE_SECONDS


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
    # The webhook of validate has no CA until the leader of before, which does not know of it, has drained and ended.
    eventually(lambda: not everything.load(namespace).once(), "the new leader has written the CA")
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
    editor, path = plane.client("editor", "editors"), f"/api/v1/namespaces/{_SPACE}"
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
    may_create_pods(plane, _SPACE, "default", _SPACE)
    headers = {"Authorization": f"Bearer {new_token(plane, _SPACE, 'default')}", "Content-Type": "application/yaml"}
    metadata = {"name": "a", "namespace": _SPACE}
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
    assert "certificate signed by unknown authority" in everything.load(_SPACE).once()
    for kind in ("mutating", "validating"):
        path = f"/apis/admissionregistration.k8s.io/v1/{kind}webhookconfigurations/{NAME}"
        webhooks = admin.must("GET", path)["webhooks"]
        operations = [
            {"op": "add", "path": f"/webhooks/{index}/clientConfig/caBundle", "value": encoded["ca.crt"]}
            for index in range(len(webhooks))
        ]
        admin.must("PATCH", path, operations, JSON_PATCH)
    eventually(lambda: not everything.load(_SPACE).once(), "it answers by the certificate of cert-manager")


def _restarts(product: Product, name: str) -> int:
    pod: Any = product.node.plane.admin.must("GET", f"{pods(NAME)}/{name}")
    return sum(row["restartCount"] for row in pod["status"]["containerStatuses"])


def _is_ready(pod: Any) -> bool:
    return any(row["type"] == "Ready" and row["status"] == "True" for row in pod["status"]["conditions"])
