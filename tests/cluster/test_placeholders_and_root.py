"""Facts 23 and 27 of docs/facts.md: explicit root, and the placeholders of a mesh's injector, on a real API server."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from patches.policy.policy import PREFIX, PROFILE_LABEL, PSA_PREFIX
from tests.cluster.client import Answer, pods
from tests.cluster.control_plane import ControlPlane
from tests.cluster.injector import injector
from tests.cluster.webhooks import defaulter, namespace

pytestmark = pytest.mark.cluster

_RESTRICTED: Final = {PSA_PREFIX + "enforce": "restricted"}
_HARDENED: Final = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
_PROXY: Final = "istio-proxy"
_TEMPLATE: Final = {"image": "registry.example/proxyv2:1", "resources": {"requests": {"cpu": "50m"}}}
"""What the injector knows of its container; whatever the placeholder says wins."""
_PLACEHOLDER: Final = {"name": _PROXY, "image": "auto"}


def _fill_in(pod: Any) -> dict[str, Any]:
    """Replace the placeholder by the injector's template, with the fields that it finds there, as a mesh does."""
    for index, container in enumerate(pod["spec"]["containers"]):
        if container["image"] == "auto":
            own = {key: value for key, value in container.items() if key != "image" and value}
            value = {**_TEMPLATE, **own}
            return {"patch": [{"op": "replace", "path": f"/spec/containers/{index}", "value": value}]}
    return {}


@pytest.fixture(scope="module", params=["before", "after"])
def mesh(
    request: pytest.FixtureRequest, plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """A restricted namespace whose violations both our webhooks refuse, and an injector called before or after us."""
    name = f"mesh-{request.param}"
    directory = tmp_path_factory.mktemp(name) / "served"
    objects, config = [namespace(name, _RESTRICTED)], {"denyIn": "mutate"}
    with (
        defaulter(plane, directory, name, objects=objects, config=config, validating=True),
        injector(plane, name, _fill_in, first=request.param == "before") as received,
    ):
        yield name, received


def _create(plane: ControlPlane, name: str, *containers: dict[str, Any]) -> Answer:
    value = {"metadata": {"generateName": "p-"}, "spec": {"containers": list(containers)}}
    return plane.admin.create(pods(name), value, dry_run=True)


@pytest.mark.parametrize("beside", [[], [{"name": "app", "image": "i:1"}]], ids=["gateway", "sidecar"])
def test_fact_27_a_placeholder_is_hardened_when_it_is_filled_in(
    plane: ControlPlane, mesh: tuple[str, list[tuple[str, Any]]], beside: list[dict[str, Any]]
) -> None:
    """The injector finds what the author wrote and no more; its container is then defaulted, and the pod passes."""
    name, received = mesh
    received.clear()
    lifecycle = {"preStop": {"exec": {"command": ["sleep", "12"]}}}
    answer = _create(plane, name, *beside, {**_PLACEHOLDER, "lifecycle": lifecycle})
    assert answer.ok, answer.message
    assert not answer.warnings
    found = {row["name"]: row for row in answer.body["spec"]["containers"]}
    proxy = found[_PROXY]
    assert proxy["image"] == _TEMPLATE["image"]
    assert proxy["lifecycle"] == lifecycle
    assert proxy["resources"] == {"requests": {"cpu": "50m", "memory": "128Mi"}}
    for container in found.values():
        assert container["securityContext"] == _HARDENED
    applied = answer.body["metadata"]["annotations"][PREFIX + "applied"].split(",")
    assert f"capabilities:containers/{_PROXY}" in applied

    met = [row for _, request in received for row in request["object"]["spec"]["containers"] if row["image"] == "auto"]
    assert met
    for placeholder in met:
        assert not {"securityContext"} & placeholder.keys()
        assert placeholder["resources"] == {}
        assert not placeholder.get("volumeMounts") or name == "mesh-before"  # the API server's token is still there


def test_fact_27_what_stands_on_a_placeholder_is_a_wish(
    plane: ControlPlane, mesh: tuple[str, list[tuple[str, Any]]]
) -> None:
    """Requests that a careless defaulter wrote on it would be kept, and the injector's own lost."""
    name, _ = mesh
    naive = {**_PLACEHOLDER, "resources": {"requests": {"cpu": "100m"}}}
    answer = _create(plane, name, naive)
    assert answer.ok, answer.message
    assert answer.body["spec"]["containers"][0]["resources"]["requests"]["cpu"] == "100m"


def test_fact_27_nobody_fills_it_in(plane: ControlPlane, work: Path) -> None:
    """It passes /mutate, which cannot know, and is refused by those who judge last, in the same words."""
    name = "mesh-absent"
    with defaulter(plane, work, name, objects=[namespace(name, _RESTRICTED)], config={"denyIn": "mutate"}):
        answer = _create(plane, name, _PLACEHOLDER)
        assert answer.status == 403
        assert f'container "{_PROXY}" must set securityContext.allowPrivilegeEscalation=false' in answer.message
        explicit = _create(plane, name, {**_PLACEHOLDER, "securityContext": {"privileged": True}})
        assert f"pods.{name}.psd.test" in explicit.message  # what it sets will stay: refused by /mutate at once
        assert "privileged (" in explicit.message
        assert "allowPrivilegeEscalation" not in explicit.message


_INIT: Final = {
    "name": "own-the-volume",
    "image": "registry.example/tools:1",
    "command": ["sh", "-c", "chown -R 1001:1001 /data"],
    "securityContext": {"runAsUser": 0},
    "volumeMounts": [{"name": "data", "mountPath": "/data"}],
}
_DB: Final = {
    "name": "db",
    "image": "registry.example/db:15",
    "securityContext": {"runAsUser": 1001, "runAsNonRoot": True},
    "volumeMounts": [{"name": "data", "mountPath": "/data"}],
}


def _database(**spec: Any) -> dict[str, Any]:
    return {"initContainers": [_INIT], "containers": [_DB], **spec}


@pytest.fixture(scope="module")
def root(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A namespace that defaults for restricted and enforces nothing, and one that enforces restricted."""
    name = "root"
    objects = [namespace(name, {PROFILE_LABEL: "restricted"}), namespace(f"{name}-restricted", _RESTRICTED)]
    with defaulter(plane, tmp_path_factory.mktemp(name) / "served", name, objects=objects):
        yield name


def _create_database(plane: ControlPlane, name: str, **spec: Any) -> Answer:
    volumes = [{"name": "data", "emptyDir": {}}]
    value = {"metadata": {"generateName": "db-"}, "spec": copy.deepcopy(_database(volumes=volumes, **spec))}
    return plane.admin.create(pods(name), value, dry_run=True)


def _capabilities(answer: Answer) -> list[Any]:
    assert answer.ok, answer.message
    spec = answer.body["spec"]
    return [row["securityContext"].get("capabilities") for row in (*spec["initContainers"], *spec["containers"])]


def test_fact_23_explicit_root_keeps_its_powers(plane: ControlPlane, root: str) -> None:
    """Where nothing is enforced it runs as without us; where restricted is, it is refused in upstream's words."""
    answer = _create_database(plane, root)
    assert _capabilities(answer) == [None, {"drop": ["ALL"]}]
    assert not any("user namespace" in text for text in answer.warnings)
    refused = _create_database(plane, f"{root}-restricted")
    assert refused.status == 403
    assert "runAsNonRoot != true (" in refused.message
    assert 'runAsUser=0 (container "own-the-volume" must not set runAsUser=0)' in refused.message


def test_fact_23_of_a_stateful_set(plane: ControlPlane, root: str) -> None:
    """The template is accepted, stays as it is, and its author hears what its pods will violate."""
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    labels = {"app": "db"}
    value = {
        "metadata": {"name": "db"},
        "spec": {
            "serviceName": "db",
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": _database()},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
        },
    }
    path = f"/apis/apps/v1/namespaces/{root}-restricted/statefulsets"
    answer = plane.admin.create(path, value, dry_run=True)
    assert answer.ok, answer.message
    assert "capabilities" not in answer.body["spec"]["template"]["spec"]["initContainers"][0]["securityContext"]
    assert any('container "own-the-volume" must not set runAsUser=0' in text for text in answer.warnings)


def test_fact_23_root_in_a_user_namespace_passes(plane: ControlPlane, root: str) -> None:
    """From 1.35 restricted admits it with ALL dropped, and the warning says what it loses."""
    if plane.admin.must("GET", "/version")["minor"] < "35":
        pytest.skip("Pod Security waives runAsUser from 1.35")
    answer = _create_database(plane, f"{root}-restricted", hostUsers=False)
    assert _capabilities(answer) == [{"drop": ["ALL"]}, {"drop": ["ALL"]}]
    (warning,) = [text for text in answer.warnings if "user namespace" in text]
    assert warning.startswith('pod-security-defaulter: container "own-the-volume" runs as root')
    assert warning.endswith("chown, setuid and setgid fail")
