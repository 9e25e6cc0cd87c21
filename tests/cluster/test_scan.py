"""`scan` on a real API server: what it says of namespaces is what happens when they are labelled."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from patches import (
    NEWEST_MINOR,
    Action,
    DefaulterConfiguration,
    Edit,
    NamespaceCompiler,
    Verdict,
    edit_document,
    empty_snapshot,
    evaluate,
    parse_level_version,
)
from patches.model.pod import Origin, locate
from patches.policy.policy import PREFIX, PSA_PREFIX
from tests.cluster.client import MERGE_PATCH, pods, spread
from tests.cluster.control_plane import ControlPlane
from tests.cluster.pki import Authority
from tests.cluster.rights import calls_of
from tests.cluster.telling import tell
from tests.cluster.webhooks import defaulter, namespace
from tests.manifests.building import NAME, build, find, write_overlay
from tests.registry.conftest import running_registry
from tests.registry.content import image
from tests.shared_data import read_jsonl_gz, shared
from webhook.cli import main
from webhook.cluster.connection import connect
from webhook.cluster.options import ConnectionOptions
from webhook.errors import ClusterError
from webhook.scan.cluster import ClusterScan, scan_cluster
from webhook.scan.results import NamespaceResult, Scan, Workload

pytestmark = pytest.mark.cluster

_NAME: Final = "scan"
_SPACES: Final = 60
_PATHS: Final = {
    "DaemonSet": "/apis/apps/v1/namespaces/{}/daemonsets",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "StatefulSet": "/apis/apps/v1/namespaces/{}/statefulsets",
    "ReplicationController": "/api/v1/namespaces/{}/replicationcontrollers",
    "CronJob": "/apis/batch/v1/namespaces/{}/cronjobs",
    "Job": "/apis/batch/v1/namespaces/{}/jobs",
    "Pod": "/api/v1/namespaces/{}/pods",
}
_RBAC: Final = "/apis/rbac.authorization.k8s.io/v1"
_OF_HOST: Final = ("hostPath", "hostNetwork", "hostPID")
"""Workloads with these words get namespaces of their own, or there were few without one that cannot pass."""
_RESTRICTED: Final = "restricted"
_ENFORCE: Final = {"metadata": {"labels": {PSA_PREFIX + "enforce": _RESTRICTED}}}
_LONELY: Final = "example.org/lonely"
_LONELY_PODS: Final = 250


class Scanned(NamedTuple):
    """The namespaces as the scan has them, and the objects in them, by namespace, kind and name."""

    scan: Scan
    objects: dict[tuple[str, str, str], Any]

    def of(self, verdict: Verdict) -> list[NamespaceResult]:
        """Those of our namespaces with this verdict."""
        return [row for row in self.scan.namespaces if row.name.startswith(_NAME) and row.verdict is verdict]

    def value(self, row: Workload) -> Any:
        """The object of a workload."""
        return self.objects[row.namespace, row.kind, row.name]


def _template(value: Any) -> Any:
    """A pod as the controller of an object makes it, with a name of its own."""
    pod = locate(value, Origin.MANIFEST)
    assert pod is not None
    node = value
    for token in pod.prefix[1:].split("/") if pod.prefix else ():
        node = node[token]
    kept = {key: part for key, part in (node.get("metadata") or {}).items() if key in ("labels", "annotations")}
    return {"metadata": {**kept, "generateName": "made-"}, "spec": node["spec"]}


def _scan(kubeconfig: Path, space: str = "", selector: str = "", level: str = _RESTRICTED) -> Scan:
    async def ask() -> Scan:
        async with connect(ConnectionOptions(kubeconfig=kubeconfig)) as client:
            what = ClusterScan(parse_level_version(level), space, selector)
            return await scan_cluster(client, what, lambda _: None)

    return asyncio.run(ask())


@pytest.fixture(scope="module")
def scanned(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scanned]:
    """Real workloads in many namespaces: each with its object, and most with a running pod of it."""
    spaces = [f"{_NAME}-{index}" for index in range(_SPACES)]
    labels = {PREFIX + "mode": "enforce", PREFIX + "profile": "restricted"}
    directory = tmp_path_factory.mktemp(_NAME) / "served"
    rows = [row["object"] for row in read_jsonl_gz(shared("corpus/workloads.jsonl.gz"))]
    with defaulter(plane, directory, _NAME, objects=[namespace(name, labels) for name in spaces]):
        objects: dict[tuple[str, str, str], Any] = {}
        for index, value in enumerate(rows):
            first, last = (0, 10) if any(word in str(value) for word in _OF_HOST) else (10, _SPACES)
            space = spaces[first + index % (last - first)]
            created = _create(plane, space, f"w-{index}", value, with_pod=index % 4 != 0)
            if created is not None:
                objects[space, value["kind"], f"w-{index}"] = created
        yield Scanned(_scan(plane.kubeconfig("scanner")), objects)


def _create(plane: ControlPlane, space: str, name: str, value: Any, *, with_pod: bool) -> Any:
    """Create a workload, and a pod of it, as before we came; None if it or its pods are invalid."""
    kept = {key: part for key, part in value["metadata"].items() if key in ("labels", "annotations")}
    value = {**value, "metadata": {**kept, "name": name, "namespace": space}}
    made = _template(value)
    account = made["spec"].get("serviceAccountName") or made["spec"].get("serviceAccount") or "default"
    plane.account(space, account)
    if value["kind"] not in _PATHS or not plane.bypassing.create(pods(space), made, dry_run=True).ok:
        return None
    answer = plane.bypassing.create(_PATHS[value["kind"]].format(space), value)
    if not answer.ok:
        return None
    if with_pod and value["kind"] != "Pod":
        owner = {key: value[key] for key in ("apiVersion", "kind")} | {"name": name, "controller": True}
        made["metadata"]["ownerReferences"] = [{**owner, "uid": answer.body["metadata"]["uid"]}]
        assert plane.bypassing.create(pods(space), made).ok
    return {"apiVersion": value["apiVersion"], "kind": value["kind"], **answer.body}


def _refused(plane: ControlPlane, space: str, made: list[Any]) -> list[str]:
    """What the API server says of pods that it refuses."""
    answers = spread(lambda pod: plane.admin.create(pods(space), pod), made)
    return [answer.message for answer in answers if not answer.ok]


def test_all_that_was_created_is_judged(scanned: Scanned) -> None:
    """Each object is one workload, with its running pod if it has one."""
    found = {(row.namespace, row.kind, row.name) for space in scanned.scan.namespaces for row in space.workloads}
    assert set(scanned.objects) <= found
    assert Counter(row.verdict for space in scanned.scan.namespaces for row in space.workloads)[Verdict.CANNOT] > 10
    counts = Counter(space.verdict for space in scanned.scan.namespaces if space.name.startswith(_NAME))
    tell(f"{len(scanned.objects)} workloads; namespaces: {dict(counts)}")


def test_one_namespace_and_its_selector(plane: ControlPlane, scanned: Scanned) -> None:
    """Each scans what it names, and says the same of it."""
    kubeconfig = plane.kubeconfig("scanner")
    whole = {row.name: row for row in scanned.scan.namespaces}
    (one,) = _scan(kubeconfig, f"{_NAME}-3").namespaces
    assert one == whole[f"{_NAME}-3"]
    chosen = _scan(kubeconfig, selector=f"kubernetes.io/metadata.name in ({_NAME}-4,{_NAME}-5)").namespaces
    assert chosen == [whole[f"{_NAME}-4"], whole[f"{_NAME}-5"]]


def test_compliant_is_what_kubernetes_own_dry_run_says(plane: ControlPlane, scanned: Scanned) -> None:
    """Of the running pods alone: a label that is only tried warns of just the workloads whose pods violate."""
    for space in scanned.scan.namespaces:
        if space.name.startswith(_NAME):
            running = [row for row in space.workloads if row.pods or row.kind == "Pod"]
            violating = any(row.verdict is not Verdict.COMPLIANT for row in running)
            assert _is_warned_of(plane, space.name, _RESTRICTED) == violating, space.name


@pytest.mark.parametrize("level", ["restricted", "baseline"])
def test_compliant_is_what_the_dry_run_says_of_each_pod(plane: ControlPlane, lonely: list[str], level: str) -> None:
    """Of the corpus' pods, each alone in its namespace, so that no other pod can hide a mistake."""
    scan = _scan(plane.kubeconfig("scanner"), selector=_LONELY, level=level)
    assert [row.name for row in scan.namespaces] == sorted(lonely)
    warned = dict(zip(lonely, spread(lambda name: _is_warned_of(plane, name, level), lonely), strict=True))
    assert {row.name: row.verdict is not Verdict.COMPLIANT for row in scan.namespaces} == warned
    counts = Counter(warned.values())
    assert min(counts[True], counts[False]) > 10
    tell(f"{level}: {counts[False]} namespaces compliant and {counts[True]} not, as Kubernetes' own dry run says")


@pytest.fixture(scope="module")
def lonely(plane: ControlPlane) -> list[str]:
    """A namespace for each of many pods of the corpus, every second one defaulted, or few would comply."""
    rows = [row["pod"] for row in read_jsonl_gz(shared("corpus/pods.jsonl.gz")) if row["accepted_by_api_server"]]
    free = [pod for pod in rows if not {"serviceAccountName", "serviceAccount", "priorityClassName"} & set(pod["spec"])]

    space = NamespaceCompiler(DefaulterConfiguration(), NEWEST_MINOR).compile(empty_snapshot("")).enforcing()
    space = space.retargeted(parse_level_version(_RESTRICTED))

    def create(index: int) -> str:
        name = plane.namespace(f"lonely-{index}", {_LONELY: ""})
        made = {**free[index], "metadata": {**free[index]["metadata"], "name": "web", "namespace": name}}
        if index % 2:
            pod = locate(made, Origin.MANIFEST)
            assert pod is not None
            made = evaluate(pod, space).patched
        return name if plane.bypassing.create(pods(name), made).ok else ""

    return [name for name in spread(create, range(0, len(free), len(free) // _LONELY_PODS | 1)) if name]


def _is_warned_of(plane: ControlPlane, space: str, level: str) -> bool:
    """Whether Kubernetes, asked to enforce a level on trial, says that existing pods violate it.

    It says so only if that is a change, so a label from before goes first.
    """
    path, key = f"/api/v1/namespaces/{space}", PSA_PREFIX + "enforce"
    plane.admin.must("PATCH", path, {"metadata": {"labels": {key: None}}}, MERGE_PATCH)
    answer = plane.admin.request("PATCH", path, {"metadata": {"labels": {key: level}}}, MERGE_PATCH, dryRun="All")
    assert not any("only checked against" in text for text in answer.warnings)
    return any("existing pods" in text for text in answer.warnings)


def test_with_defaults_all_pods_come_back(plane: ControlPlane, scanned: Scanned) -> None:
    """Labelled in fact, every workload that passes with defaults, and every one that complies, gets its pods."""
    made: dict[str, list[Any]] = defaultdict(list)
    ready = (Verdict.COMPLIANT, Verdict.WITH_DEFAULTS)
    for space in scanned.scan.namespaces:
        for row in space.workloads:
            if row.verdict in ready and (row.namespace, row.kind, row.name) in scanned.objects:
                made[space.name].append(_template(scanned.value(row)))
    _label(plane, made)
    assert [text for space, rows in made.items() for text in _refused(plane, space, rows)] == []
    tell(f"{sum(map(len, made.values()))} workloads made anew in {len(made)} labelled namespaces, none refused")


def test_edits_suffice(plane: ControlPlane, scanned: Scanned) -> None:
    """Every list of edits, made in the object, lets its pods pass in the labelled namespace."""
    made: dict[str, list[Any]] = defaultdict(list)
    for space in scanned.scan.namespaces:
        for row in space.workloads:
            if row.verdict is Verdict.NEEDS_EDITS and (row.namespace, row.kind, row.name) in scanned.objects:
                edits = [Edit(edit.id, Action(edit.action), edit.path, edit.value) for edit in row.edits or ()]
                assert edits
                made[space.name].append(_template(edit_document(scanned.value(row), edits)))
    _label(plane, made)
    refused = [text for space, rows in made.items() for text in _refused(plane, space, rows)]
    assert refused == []
    assert sum(map(len, made.values())) > 15
    tell(f"{sum(map(len, made.values()))} workloads edited in {len(made)} labelled namespaces, none refused")


def _label(plane: ControlPlane, spaces: dict[str, list[Any]]) -> None:
    for space in spaces:
        answer = plane.admin.request("PATCH", f"/api/v1/namespaces/{space}", _ENFORCE, MERGE_PATCH)
        assert answer.ok, answer.message


def test_every_right_of_the_role_is_used(plane: ControlPlane, tmp_path: Path) -> None:
    """The role of the component is enough, and nothing in it is too much, but for custom kinds that are not served."""
    objects = build(write_overlay(tmp_path, "scan"))
    role = find(objects, "ClusterRole", f"{NAME}-scan")
    plane.admin.must("POST", f"{_RBAC}/clusterroles", role)
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": f"{NAME}-scan"}
    subjects = [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "reader"}]
    binding = {"metadata": {"name": "reader"}, "roleRef": reference, "subjects": subjects}
    plane.admin.must("POST", f"{_RBAC}/clusterrolebindings", binding)
    granted = {
        (verb, group, resource)
        for rule in role["rules"]
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        if group in ("", "apps", "batch", "node.k8s.io")
    }
    kubeconfig = plane.kubeconfig("reader", f"system:serviceaccounts:{NAME}")
    for space in ("", "default"):
        scan = _scan(kubeconfig, space)
        assert scan.problems == []
    plane.admin.must("DELETE", f"{_RBAC}/clusterrolebindings/reader")  # another test makes that role, too
    plane.admin.must("DELETE", f"{_RBAC}/clusterroles/{NAME}-scan")
    calls = [event["objectRef"] for event in calls_of(plane, "reader") if "resource" in event.get("objectRef", {})]
    assert {(event.get("apiGroup", ""), event["resource"]) for event in calls} == {row[1:] for row in granted}
    assert len(calls) < 40


def test_what_may_not_be_read_is_said(plane: ControlPlane) -> None:
    """Without a right to its namespace or pods there is no answer."""
    with pytest.raises(ClusterError, match="403"):
        _scan(plane.kubeconfig("nobody", "nobodies"), "default")


def test_registries_tell_what_will_not_start(
    plane: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What images there are, the first scan finds out; the second knows what their registry says."""
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.cert))
    space = plane.namespace("scan-registry", {PREFIX + "mode": "enforce"})
    with running_registry(authority, tmp_path) as registry:
        registry.push("number", "1", image("7", []))
        registry.push("root", "1", image("", []))
        for name in ("number", "root", "gone"):
            container = {"name": "c", "image": f"{registry.host}/{name}:1", "securityContext": {"runAsNonRoot": True}}
            value = {"metadata": {"name": name}, "spec": {"containers": [container]}}
            plane.bypassing.must("POST", pods(space), value)
        words = ["scan", "--kubeconfig", str(plane.kubeconfig("scanner")), "-n", space, "-o", "json"]
        main([*words, "--images-from-registry", "--private-registry", registry.host])
    printed = capsys.readouterr()
    (place,) = json.loads(printed.out)["namespaces"]
    found = {row["name"]: row["starts"][0]["forecast"] for row in place["workloads"]}
    assert found == {"number": "runs", "root": "will-not-start", "gone": "unknown"}
    assert f"nothing is known of the image {registry.host}/gone:1" in printed.err
