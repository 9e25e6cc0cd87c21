"""The exported policies on a real API server: what they add is what the engine adds, and nothing is refused."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
import yaml

from patches import (
    TOKEN_MOUNT_PATH,
    TOKEN_SOURCES,
    USER_RANGE_ANNOTATION,
    DefaulterConfiguration,
    Origin,
    Snapshot,
    compile_namespace,
    empty_snapshot,
    evaluate,
    locate,
)
from patches.policy.policy import MODE_LABEL, PREFIX, PSA_PREFIX, SKIP_ANNOTATION
from tests.cluster import binaries, random_pods
from tests.cluster.client import MERGE_PATCH, STRATEGIC_PATCH, Client, pods, spread
from tests.cluster.control_plane import ADMINISTRATORS, ControlPlane
from tests.cluster.policies import until
from tests.cluster.programs import control_plane
from tests.cluster.telling import tell
from tests.shared_data import read_jsonl_gz, shared
from webhook.export.policies import carried_by, mutating_policy, validating_policy

pytestmark = pytest.mark.cluster

_REGISTRATION: Final = "/apis/admissionregistration.k8s.io/v1"
_COLLECTIONS: Final = {
    "MutatingAdmissionPolicy": "mutatingadmissionpolicies",
    "MutatingAdmissionPolicyBinding": "mutatingadmissionpolicybindings",
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
}
_SEED: Final = 20
_GENERATED: Final = 400
_DEBUGGED: Final = 80
_ON: Final = {"enabled": True}
_EXEMPT_USER: Final = "exempt"
_EXEMPT_CLASS: Final = "exempt-class"
_EXEMPT_SPACE: Final = "export-everything-exempt"
_EVERYTHING: Final = {
    "settings": {
        **dict.fromkeys(("readOnlyRootFilesystem", "hostUsers", "appArmorProfile", "imagePullPolicy"), _ON),
        "identity": {"enabled": True, "runAsGroup": 3000},
    },
    "exemptions": {"usernames": [_EXEMPT_USER], "runtimeClasses": [_EXEMPT_CLASS], "namespaces": [_EXEMPT_SPACE]},
    "allowPodSkip": True,
}
_CONFIGURATIONS: Final[dict[str, Any]] = {"default": {}, "everything": _EVERYTHING}
_TOKEN: Final = re.compile(r"kube-api-access-[a-z0-9]{5}\b")  # the name of an injected volume
_ENFORCE: Final = {MODE_LABEL: "enforce"}


def _configuration(value: Any) -> DefaulterConfiguration:
    return msgspec.convert(value, DefaulterConfiguration)


def _export(configuration: DefaulterConfiguration, *, static: bool = False) -> list[Any]:
    ids = [name for name, obstacle in carried_by(configuration, None).items() if not obstacle]
    return [*mutating_policy(configuration, ids, static=static), *validating_policy(configuration, static=static)]


@contextmanager
def _installed(plane: ControlPlane, objects: Sequence[Any], probe: str) -> Iterator[None]:
    """Create the policies, wait until they act in the namespace `probe`, and delete them at the end."""
    rows = [(f"{_REGISTRATION}/{_COLLECTIONS[row['kind']]}", row) for row in objects]
    try:
        for path, row in rows:
            plane.admin.must("POST", path, row)
        _await(plane, probe)
        yield
    finally:
        for path, row in reversed(rows):
            plane.admin.request("DELETE", f"{path}/{row['metadata']['name']}")
        _await(plane, probe, acts=False)


def _await(plane: ControlPlane, space: str, *, acts: bool = True) -> None:
    """Wait until both policies act, or no longer do."""
    value = {"metadata": {"name": "probe"}, "spec": {"hostNetwork": True, "containers": [{"name": "c", "image": "i"}]}}
    end = time.monotonic() + 60
    while True:
        answer = plane.admin.create(pods(space), value, dry_run=True)
        adds = answer.ok and "seccompProfile" in answer.body["spec"]["securityContext"]
        if adds == acts and bool(answer.warnings) == acts:
            return
        assert time.monotonic() < end, answer
        time.sleep(0.3)


# --- the same as the engine -------------------------------------------------------------------------------------------


def _sources() -> dict[str, Callable[[], list[Any]]]:
    def corpus() -> list[Any]:
        rows = read_jsonl_gz(shared("corpus/pods.jsonl.gz"))
        return [row["pod"] for row in rows if row["accepted_by_api_server"]]

    def legality() -> list[Any]:
        return [row["pod"] for row in read_jsonl_gz(shared("conformance/legality.jsonl.gz")) if row["accepted"]]

    def generated() -> list[Any]:
        chance = random.Random(_SEED)  # noqa: S311 (a draw that repeats)
        return [random_pods.pod(chance) for _ in range(_GENERATED)]

    return {"corpus": corpus, "legality": legality, "generated": generated}


@pytest.fixture(scope="module", params=_CONFIGURATIONS)
def exported(plane: ControlPlane, request: pytest.FixtureRequest) -> Iterator[tuple[str, DefaulterConfiguration]]:
    """The policies of a configuration, in force; the prefix of its namespaces."""
    configuration = _configuration(_CONFIGURATIONS[request.param])
    name = f"export-{request.param}"
    plane.namespace(f"{name}-without")
    plane.namespace(f"{name}-with", _ENFORCE)
    with _installed(plane, _export(configuration), f"{name}-with"):
        yield name, configuration


def _prepare(plane: ControlPlane, spaces: Sequence[str], rows: Sequence[Any]) -> None:
    """Create the accounts and PriorityClasses that pods name."""
    for row in rows:
        spec = row["spec"]
        account = spec.get("serviceAccountName") or spec.get("serviceAccount")
        for space in spaces if account else ():
            plane.admin.create(f"/api/v1/namespaces/{space}/serviceaccounts", {"metadata": {"name": account}})
        priority = spec.get("priorityClassName")
        if priority and not priority.startswith("system-"):
            value = {"metadata": {"name": priority}, "value": 1}
            plane.admin.create("/apis/scheduling.k8s.io/v1/priorityclasses", value)


def _expected(pod: Any, configuration: DefaulterConfiguration, snapshot: Snapshot) -> Any:
    """What the engine makes of a pod that arrives."""
    found = locate(pod, Origin.ADMISSION)
    assert found is not None
    return evaluate(found, compile_namespace(snapshot, configuration), annotate=False).patched


def _comparable(pod: Any) -> str:
    """What an author or a default wrote, as text: nothing that differs between two requests, and no list left empty."""
    metadata = {key: pod["metadata"].get(key) for key in ("labels", "annotations")}
    spec = dict(pod["spec"])
    for name in ("initContainers", "containers", "ephemeralContainers"):
        if name in spec:
            spec[name] = [{key: value for key, value in row.items() if value != []} for row in spec[name]]
    written = {key: value for key, value in spec.items() if value != []}
    return _TOKEN.sub("kube-api-access-", json.dumps([metadata, written], sort_keys=True))


@pytest.mark.parametrize("source", _sources())
def test_what_is_added_is_what_the_engine_adds(
    plane: ControlPlane, exported: tuple[str, DefaulterConfiguration], source: str
) -> None:
    """Of each pod that is accepted without policies, byte for byte; none is refused."""
    name, configuration = exported
    spaces = (f"{name}-without", f"{name}-with")
    rows = _sources()[source]()
    _prepare(plane, spaces, rows)
    snapshot = replace(empty_snapshot(spaces[1]), labels=_ENFORCE)

    def differs(pod: Any) -> str | None:
        without, with_ = (
            plane.admin.create(pods(space), {**pod, "metadata": {**pod["metadata"], "namespace": space}}, dry_run=True)
            for space in spaces
        )
        if not without.ok:
            return ""
        if not with_.ok:
            return f"{pod['metadata']}: {with_.message}"
        expected, got = _comparable(_expected(without.body, configuration, snapshot)), _comparable(with_.body)
        if got == expected:
            return None if got != _comparable(without.body) else "unchanged"
        return f"{pod['metadata']}\nexpected {expected}\ngot      {got}"

    found = spread(differs, rows)
    accepted, changed = len(found) - found.count(""), found.count(None)
    tell(f"export, {name}, {source}: {accepted} of {len(rows)} pods accepted, {changed} changed, all as by the engine")
    assert [row for row in found if row not in (None, "", "unchanged")] == []
    assert accepted > len(rows) / 2
    assert changed > accepted * 0.9


# --- labels, updates, templates, warnings -----------------------------------------------------------------------------

_PSA_WARN: Final = PSA_PREFIX + "warn"
_LABELS: Final[dict[str, dict[str, str]]] = {
    "baseline": {PREFIX + "profile": "baseline"},
    "privileged": {PREFIX + "profile": "privileged"},
    "invalid": {PREFIX + "profile": "strict"},
    "enforced": {PSA_PREFIX + "enforce": "baseline"},
    "old": {PREFIX + "profile-version": "v1.24"},
    "v34": {PREFIX + "profile-version": "v1.34"},
    "old-warn": {_PSA_WARN: "restricted", f"{_PSA_WARN}-version": "v1.20"},
    "follows": {
        PREFIX + "profile": "restricted",
        PSA_PREFIX + "enforce": "restricted",
        PSA_PREFIX + "enforce-version": "v1.24",
    },
    "off": {MODE_LABEL: "off"},
    "warn": {MODE_LABEL: "warn"},
    "audit": {MODE_LABEL: "audit"},
}
_CONTAINER: Final = {"name": "c", "image": "registry.example/i:1"}
_PODS: Final[dict[str, Any]] = {
    "plain": {"containers": [_CONTAINER]},
    "windows": {"containers": [_CONTAINER], "nodeSelector": {"kubernetes.io/os": "windows"}},
    "user-namespace": {
        "containers": [{**_CONTAINER, "securityContext": {"runAsUser": 0}}, {**_CONTAINER, "name": "d"}],
        "hostUsers": False,
    },
    "placeholder": {"containers": [_CONTAINER, {"name": "sidecar", "image": "auto"}]},
    "low-port": {"containers": [{**_CONTAINER, "ports": [{"containerPort": 80}]}]},
    "pulled-if-absent": {
        "containers": [{**_CONTAINER, "imagePullPolicy": "IfNotPresent"}],
        "volumes": [
            {"name": "plain", "emptyDir": {}},
            {"name": "never", "image": {"reference": "registry.example/v:1", "pullPolicy": "Never"}},
            {"name": "always", "image": {"reference": "registry.example/v:1", "pullPolicy": "Always"}},
        ],
    },
}


@pytest.mark.parametrize("labels", _LABELS)
def test_labels_count_as_in_the_engine(
    plane: ControlPlane, exported: tuple[str, DefaulterConfiguration], labels: str
) -> None:
    """The mode, the profile and every version that decides what is added."""
    name, configuration = exported
    space = plane.namespace(f"{name}-labels-{labels}", {**_ENFORCE, **_LABELS[labels]})
    snapshot = replace(empty_snapshot(space), labels={**_ENFORCE, **_LABELS[labels]})
    # what Kubernetes itself refuses where `restricted` is enforced says nothing of us
    specs = [spec for key, spec in _PODS.items() if labels != "follows" or key not in ("user-namespace", "placeholder")]
    without = [_create(plane, f"{name}-without", spec) for spec in specs]
    expected = [
        row if labels in ("off", "warn", "audit") else _expected(row, configuration, snapshot) for row in without
    ]
    got = [_comparable(_create(plane, space, spec)) for spec in specs]
    assert got == [_comparable(row) for row in expected]


def test_a_namespace_opts_out_of_defaults(plane: ControlPlane, exported: tuple[str, DefaulterConfiguration]) -> None:
    """By the annotation that the webhook reads."""
    name, _ = exported
    annotations = {SKIP_ANNOTATION: "seccompProfile, capabilities"}
    space = plane.namespace(f"{name}-skip", _ENFORCE, annotations=annotations)
    spec = _create(plane, space, _PODS["plain"])["spec"]
    assert "seccompProfile" not in spec["securityContext"]
    assert spec["containers"][0]["securityContext"].get("capabilities") is None
    assert spec["containers"][0]["securityContext"]["allowPrivilegeEscalation"] is False


@pytest.mark.parametrize("exported", ["everything"], indirect=True)
def test_a_pod_opts_out_where_pods_may(plane: ControlPlane, exported: tuple[str, DefaulterConfiguration]) -> None:
    """By its own annotation, as with the engine; not on an update, when anyone may have written it since."""
    name, configuration = exported
    space = plane.namespace(f"{name}-pod-skip", _ENFORCE)
    metadata = {"name": "p", "annotations": {SKIP_ANNOTATION: "seccompProfile,resources"}}
    value = {"metadata": metadata, "spec": _PODS["plain"]}
    without = plane.admin.create(pods(f"{name}-without"), value, dry_run=True).body
    got = plane.admin.must("POST", pods(space), value)
    expected = _expected(without, configuration, replace(empty_snapshot(space), labels=_ENFORCE))
    assert _comparable(got) == _comparable(expected)
    assert "seccompProfile" not in got["spec"]["securityContext"]
    added = {**got, "spec": {**got["spec"], "ephemeralContainers": [{"name": "e", "image": "i"}]}}
    updated = plane.admin.request("PUT", f"{pods(space)}/p/ephemeralcontainers", added, dryRun="All").body
    (debugger,) = updated["spec"]["ephemeralContainers"]
    assert debugger["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}


@pytest.mark.parametrize("exported", ["everything"], indirect=True)
def test_who_is_exempt_gets_nothing(plane: ControlPlane, exported: tuple[str, DefaulterConfiguration]) -> None:
    """A user, a namespace, and pods of a RuntimeClass; others in the same namespace do."""
    name, _ = exported
    space = plane.namespace(f"{name}-exemptions", _ENFORCE)
    plane.namespace(_EXEMPT_SPACE, _ENFORCE)
    node_class = {"metadata": {"name": _EXEMPT_CLASS}, "handler": "h"}
    plane.admin.must("POST", "/apis/node.k8s.io/v1/runtimeclasses", node_class)
    user = plane.client(_EXEMPT_USER, ADMINISTRATORS)

    def is_defaulted(client: Client, where: str, **spec: Any) -> bool:
        value = {"metadata": {"name": "p"}, "spec": {**_PODS["plain"], **spec}}
        answer = client.create(pods(where), value, dry_run=True)
        assert answer.ok, answer.message
        return "seccompProfile" in answer.body["spec"]["securityContext"]

    assert is_defaulted(plane.admin, space)
    assert not is_defaulted(user, space)
    assert not is_defaulted(plane.admin, _EXEMPT_SPACE)
    assert not is_defaulted(plane.admin, space, runtimeClassName=_EXEMPT_CLASS)


@pytest.mark.parametrize("exported", ["everything"], indirect=True)
def test_a_platform_that_assigns_users_is_left_to_it(
    plane: ControlPlane, exported: tuple[str, DefaulterConfiguration]
) -> None:
    """By its annotation of the namespace: nothing of `identity` is added there, all else is."""
    name, configuration = exported
    annotations = {USER_RANGE_ANNOTATION: "1000/10000"}
    space = plane.namespace(f"{name}-platform", _ENFORCE, annotations=annotations)
    spec = {"containers": [{**_CONTAINER, "volumeMounts": [{"name": "v", "mountPath": "/v"}]}]}
    volumes = [{"name": "v", "emptyDir": {}}]
    without = _create(plane, f"{name}-without", {**spec, "volumes": volumes})
    snapshot = replace(empty_snapshot(space), labels=_ENFORCE, annotations=annotations)
    got = _create(plane, space, {**spec, "volumes": volumes})
    assert _comparable(got) == _comparable(_expected(without, configuration, snapshot))
    assert "fsGroup" not in got["spec"]["securityContext"]
    assert "fsGroup" in _create(plane, f"{name}-with", {**spec, "volumes": volumes})["spec"]["securityContext"]


def _create(plane: ControlPlane, space: str, spec: Any, name: str = "p") -> Any:
    answer = plane.admin.create(pods(space), {"metadata": {"name": name}, "spec": spec}, dry_run=True)
    assert answer.ok, answer.message
    return answer.body


def test_a_written_token_volume_is_its_authors(
    plane: ControlPlane, exported: tuple[str, DefaulterConfiguration]
) -> None:
    """Exactly like the injected one, but listed in managedFields: it stays, as with the engine."""
    space = f"{exported[0]}-with"
    name = "kube-api-access-mine0"
    projected = {"sources": TOKEN_SOURCES, "defaultMode": 420}
    mount = {"name": name, "readOnly": True, "mountPath": TOKEN_MOUNT_PATH}
    spec = {
        "containers": [{**_CONTAINER, "volumeMounts": [mount]}],
        "volumes": [{"name": name, "projected": projected}],
    }
    value = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "applied"}, "spec": spec}
    path, content = f"{pods(space)}/applied", "application/apply-patch+yaml"
    answer = plane.admin.request("PATCH", path, value, content, dryRun="All", fieldManager="author")
    assert answer.ok, answer.message
    assert "automountServiceAccountToken" not in answer.body["spec"]
    assert [row["name"] for row in answer.body["spec"]["volumes"]] == [name]
    created = _create(plane, space, spec)["spec"]  # the API server lists what a request has before admission
    assert "automountServiceAccountToken" not in created
    assert [row["name"] for row in created["volumes"]] == [name]


def _session(chance: random.Random, name: str) -> Any:
    """A debug container with the security context of a container that is drawn."""
    drawn = chance.choice(random_pods.pod(chance)["spec"]["containers"])
    return {"name": name, "image": "i", "securityContext": drawn["securityContext"]}


def test_an_update_changes_new_ephemeral_containers_alone(
    plane: ControlPlane, exported: tuple[str, DefaulterConfiguration]
) -> None:
    """As the engine, in pods that were there before the policies; one of theirs stays as it was."""
    name, configuration = exported
    chance = random.Random(_SEED)  # noqa: S311 (a draw that repeats)
    space = plane.namespace(f"{name}-ephemeral", {MODE_LABEL: "off"})
    bare = {"name": "e2", "image": "i"}
    rows: list[tuple[str, Any, Any, Any]] = []
    for index in range(_DEBUGGED):
        pod = random_pods.pod(chance) if index else {"metadata": {}, "spec": _PODS["plain"]}
        first, second = _session(chance, "e1"), bare if index % 2 == 0 else _session(chance, "e2")
        old = plane.admin.create(pods(space), {**pod, "metadata": {**pod["metadata"], "name": f"p{index}"}}).body
        path = f"{pods(space)}/p{index}/ephemeralcontainers"
        if "spec" not in old:
            continue  # a draw that the API server refuses
        debugged = plane.admin.request("PUT", path, {**old, "spec": {**old["spec"], "ephemeralContainers": [first]}})
        if not debugged.ok:
            continue
        spec = debugged.body["spec"]
        added = [*spec["ephemeralContainers"], second, {**first, "name": "e3"}]
        new = {**debugged.body, "spec": {**spec, "ephemeralContainers": added}}
        without = plane.admin.request("PUT", path, new, dryRun="All")
        if without.ok:
            rows.append((path, debugged.body, new, without.body))
    assert len(rows) > _DEBUGGED / 2
    plane.admin.must("PATCH", f"/api/v1/namespaces/{space}", {"metadata": {"labels": _ENFORCE}}, MERGE_PATCH)
    namespace = compile_namespace(replace(empty_snapshot(space), labels=_ENFORCE), configuration)

    def differs(row: tuple[str, Any, Any, Any]) -> str | None:
        path, old, new, without = row
        found = locate(without, Origin.ADMISSION)
        assert found is not None
        expected = evaluate(found, namespace, old=locate(old, Origin.ADMISSION), annotate=False).patched
        got = plane.admin.request("PUT", path, new, dryRun="All")
        assert got.ok, got.message
        if _comparable(got.body) != _comparable(expected):
            return f"expected {_comparable(expected)}\ngot      {_comparable(got.body)}"
        return None if _comparable(expected) != _comparable(without) else "unchanged"

    until(lambda: differs(rows[0]) is None, "the new label counts")
    found = spread(differs, rows)
    tell(f"export, {name}: {len(rows)} pods debugged, {found.count(None)} changed, all as by the engine")
    assert [row for row in found if row not in (None, "unchanged")] == []
    assert found.count(None) > len(rows) / 2


def test_other_updates_of_pods_change_nothing(
    plane: ControlPlane, exported: tuple[str, DefaulterConfiguration]
) -> None:
    """Of a pod that was there before the policies: a label and an image."""
    name, _ = exported
    space = plane.namespace(f"{name}-updates", {MODE_LABEL: "off"})
    before = plane.admin.must("POST", pods(space), {"metadata": {"name": "p"}, "spec": _PODS["plain"]})
    plane.admin.must("PATCH", f"/api/v1/namespaces/{space}", {"metadata": {"labels": _ENFORCE}}, MERGE_PATCH)
    until(lambda: "seccompProfile" in _create(plane, space, _PODS["plain"], "q")["spec"]["securityContext"], "it acts")
    changes = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{**_CONTAINER, "image": "i:2"}]}}
    after = plane.admin.must("PATCH", f"{pods(space)}/p", changes, STRATEGIC_PATCH)
    before["spec"]["containers"][0]["image"] = "i:2"
    assert after["spec"] == before["spec"]


def test_templates_are_never_touched(plane: ControlPlane, exported: tuple[str, DefaulterConfiguration]) -> None:
    """A Deployment is stored as it is without policies."""
    name, _ = exported
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [_CONTAINER]}}
    value = {"metadata": {"name": "d"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template}}
    stored = [
        plane.admin.create(f"/apis/apps/v1/namespaces/{name}-{space}/deployments", value, dry_run=True).body["spec"]
        for space in ("with", "without")
    ]
    assert stored[0] == stored[1]


def test_a_warning_names_what_is_still_violated(
    plane: ControlPlane, exported: tuple[str, DefaulterConfiguration]
) -> None:
    """And a pod that passes gives none."""
    space = f"{exported[0]}-with"

    def warnings(spec: Any) -> list[str]:
        value = {"metadata": {"name": "p"}, "spec": spec}
        answer = plane.admin.create(pods(space), value, dry_run=True)
        return [row.rpartition("': ")[2] or row for row in answer.warnings if "pod-security-defaulter" in row]

    assert warnings(_PODS["plain"]) == []
    privileged = {**_CONTAINER, "securityContext": {"privileged": True}}
    found = "\n".join(warnings({"containers": [privileged], "hostPID": True}))
    for text in ("shares namespaces", "is privileged", "allowPrivilegeEscalation", "drop ALL", "runAsNonRoot"):
        assert text in found
    assert "hostPath" not in found


# --- the files of the control plane -----------------------------------------------------------------------------------


def test_the_api_server_loads_static_policies_from_its_files(tmp_path: Path) -> None:
    """Nothing is created through the API, and both policies act from the start."""
    found = binaries.find("etcd", "kube-apiserver")
    plugins = []
    for plugin, kind, objects in (
        ("MutatingAdmissionPolicy", "mutating", _export(_configuration({}), static=True)[:2]),
        ("ValidatingAdmissionPolicy", "validating", _export(_configuration({}), static=True)[2:]),
    ):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "policies.yaml").write_text(yaml.safe_dump_all(objects), encoding="utf-8")
        configuration = {
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": f"{plugin}Configuration",
            "staticManifestsDir": str(tmp_path / kind),
        }
        plugins.append({"name": plugin, "configuration": configuration})
    value = {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AdmissionConfiguration", "plugins": plugins}
    (tmp_path / "admission.yaml").write_text(yaml.safe_dump(value), encoding="utf-8")
    (tmp_path / "plane").mkdir()
    with control_plane(
        tmp_path / "plane", found, [f"--admission-control-config-file={tmp_path / 'admission.yaml'}"]
    ) as plane:
        if plane.minor < 37:
            pytest.skip(f"manifest-based admission is on from 1.37; this API server is 1.{plane.minor}")
        plane.namespace("static-with", _ENFORCE)
        _await(plane, "static-with")
        assert plane.admin.must("GET", f"{_REGISTRATION}/mutatingadmissionpolicies")["items"] == []
