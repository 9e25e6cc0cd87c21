"""Warnings in time, beside what the API server, its plugins and an injector then do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Final

import pytest

from patches.policy.policy import PREFIX, PSA_PREFIX
from tests.cluster.client import Answer, pods
from tests.cluster.control_plane import ControlPlane
from tests.cluster.differences import is_injected
from tests.cluster.injector import TOKEN_MOUNT, injector
from tests.cluster.kubectl import Kubectl
from tests.cluster.webhooks import defaulter, namespace
from tests.review.builders import container, deployment, pod

pytestmark = pytest.mark.cluster

_NAME: Final = "noticed"
_AGENT: Final = "vault.hashicorp.com/agent-inject"
_LIMITS: Final = {"cpu": "200m", "memory": "128Mi"}

_QUOTAS: Final[dict[str, Any]] = {
    "all": {
        "hard": {
            "requests.cpu": "4",
            "requests.memory": "8Gi",
            "limits.cpu": "8",
            "limits.memory": "16Gi",
            "requests.ephemeral-storage": "20Gi",
        }
    },
    "names": {"hard": {"cpu": "4", "memory": "8Gi", "limits.memory": "8Gi"}},
    "storage": {"hard": {"ephemeral-storage": "2Gi", "limits.ephemeral-storage": "2Gi"}},
    "other": {"hard": {"pods": "9", "requests.nvidia.com/gpu": "1", "hugepages-2Mi": "1Gi"}},
    "terminating": {"hard": {"limits.cpu": "8"}, "scopes": ["Terminating"]},
    "not-terminating": {"hard": {"limits.cpu": "8"}, "scopes": ["NotTerminating"]},
    "not-best-effort": {"hard": {"limits.cpu": "8", "cpu": "4"}, "scopes": ["NotBestEffort"]},
}
"""The specs of quotas, each in a namespace of its own."""

_PODS: Final[dict[str, Any]] = {
    "bare": {"containers": [container()]},
    "injected": {
        "initContainers": [container("mesh-init"), container("mesh", restartPolicy="Always")],
        "containers": [container(resources={"limits": _LIMITS, "requests": {"ephemeral-storage": "1Gi"}})],
    },
    "in-part": {"containers": [container("b", resources={"limits": {"memory": "1Gi"}}), container("a")]},
    "zero": {"containers": [container(resources={"limits": {"cpu": "0"}, "requests": {"memory": "0"}})]},
    "pod-level": {"containers": [container()], "resources": {"limits": {"cpu": "1"}}},
    "ends": {"containers": [container(resources={"requests": {"memory": "1Mi"}})], "activeDeadlineSeconds": 60},
}

_SENTENCE: Final = re.compile("pod-security-defaulter: pods would be refused: failed quota: q: must specify (.*)")
_REFUSED: Final = re.compile("failed quota: q: must specify (.*)")


@pytest.fixture(scope="module")
def noticed(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The namespaces of these tests, and the server in front of them: without defaults of resources, to meet quotas."""
    restricted = {PSA_PREFIX + "enforce": "restricted", PSA_PREFIX + "warn": "restricted", PREFIX + "mode": "enforce"}
    objects = [namespace(f"{_NAME}-restricted", restricted)]
    for name, spec in _QUOTAS.items():
        for suffix in ("", "-filled"):
            objects.append(namespace(f"{_NAME}-{name}{suffix}", {} if suffix else {PREFIX + "profile": "privileged"}))
            metadata = {"name": "q", "namespace": f"{_NAME}-{name}{suffix}"}
            objects.append({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": spec})
    with defaulter(plane, tmp_path_factory.mktemp(_NAME) / "served", _NAME, objects=objects):
        yield _NAME


@pytest.mark.parametrize("filled", ["", "-filled"], ids=["as-sent", "filled-in"])
@pytest.mark.parametrize("quota", _QUOTAS)
@pytest.mark.parametrize("spec", _PODS)
def test_the_refusal_of_a_quota_names_what_the_warning_names(
    plane: ControlPlane, noticed: str, spec: str, quota: str, filled: str
) -> None:
    """The same resources and containers, in the same words; a pod without that warning is created."""
    value = {"metadata": {"generateName": "p-"}, "spec": _PODS[spec]}
    answer = plane.admin.create(pods(f"{noticed}-{quota}{filled}"), value, dry_run=True)
    warned = [match[1] for warning in answer.warnings if (match := _SENTENCE.fullmatch(warning))]
    refused = _REFUSED.search(answer.message)
    assert warned == ([refused[1]] if refused else [])
    assert answer.ok == (refused is None), answer.message


def test_what_those_quotas_refuse(plane: ControlPlane, noticed: str) -> None:
    """Case 48 of public reports: limits of init containers and sidecars; ephemeral storage counts as 0."""
    value = {"metadata": {"generateName": "p-"}, "spec": _PODS["injected"]}
    answer = plane.admin.create(pods(f"{noticed}-all-filled"), value, dry_run=True)
    missing = "limits.cpu for: mesh,mesh-init; limits.memory for: mesh,mesh-init"
    assert answer.message.endswith(f"failed quota: q: must specify {missing}")
    uncounted = "quota q counts 0 where nobody sets it: requests.ephemeral-storage for: mesh,mesh-init"
    assert f"pod-security-defaulter: {uncounted}" in answer.warnings
    stored = plane.admin.create(pods(f"{noticed}-storage"), value, dry_run=True)
    assert stored.ok
    assert [warning for warning in stored.warnings if "ephemeral-storage for: app,mesh,mesh-init" in warning] != []


def test_kubernetes_warns_of_a_template_whose_pods_pass(plane: ControlPlane, noticed: str, kubectl: Kubectl) -> None:
    """Case 47 of public reports: `kubectl apply` prints both warnings, and what the template describes is created."""
    where = f"{noticed}-restricted"
    value = deployment(pod(), metadata={"namespace": where})
    value["spec"]["selector"] = {"matchLabels": {"app": "web"}}
    said = kubectl.run("apply", "-f", "-", stdin=json.dumps(value)).stderr
    assert said.count('would violate PodSecurity "restricted:latest": allowPrivilegeEscalation != false') == 1
    assert said.count("pods of this Deployment are filled in and pass restricted:latest") == 1
    created = {"metadata": {"generateName": "web-"}, "spec": value["spec"]["template"]["spec"]}
    assert plane.admin.create(pods(where), created, dry_run=True).ok
    assert not plane.bypassing.create(pods(where), created, dry_run=True).ok


def _inject(value: Any) -> dict[str, Any]:
    """Refuse a pod without a mount of the token, as vault-k8s does, else copy the mount to an agent."""
    (mount, *_) = [
        mount
        for row in value["spec"]["containers"]
        for mount in row.get("volumeMounts") or ()
        if mount["mountPath"] == TOKEN_MOUNT
    ] or [None]
    if mount is None:
        return {"allowed": False, "status": {"message": "no service account name or path found"}}
    if any(row["name"] == "agent" for row in value["spec"]["containers"]):
        return {}
    agent = {"name": "agent", "image": "agent:1", "volumeMounts": [mount]}
    return {"patch": [{"op": "add", "path": "/spec/containers/-", "value": agent}]}


@pytest.fixture(scope="module")
def injecting(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A namespace in which the token goes and one in which `injectors: keep` is set; the injector comes after us."""
    names = (f"{_NAME}-warn", f"{_NAME}-keep")
    with ExitStack() as stack:
        for name in names:
            injectors = {"injectors": name.removeprefix(f"{_NAME}-")}
            config = {"settings": {"automountServiceAccountToken": injectors}}
            directory = tmp_path_factory.mktemp(name) / "served"
            objects = [namespace(name)]
            stack.enter_context(defaulter(plane, directory, name, objects=objects, config=config))
            stack.enter_context(injector(plane, name, _inject))
        yield names


def _create(plane: ControlPlane, name: str, **annotations: str) -> Answer:
    metadata = {"generateName": "p-", "annotations": annotations}
    value = {"metadata": metadata, "spec": {"containers": [container()]}}
    return plane.admin.create(pods(name), value, dry_run=True)


def test_an_injector_without_the_token(plane: ControlPlane, injecting: tuple[str, str]) -> None:
    """Case 07 of public reports: the injector refuses the pod, and the warning says why, beside the refusal."""
    warn, _ = injecting
    answer = _create(plane, warn, **{_AGENT: "true"})
    assert "no service account name or path found" in answer.message
    assert [warning for warning in answer.warnings if f": {_AGENT} needs the API token" in warning] != []
    silent = _create(plane, warn, **{_AGENT: "false"})
    assert not [warning for warning in silent.warnings if "needs the API token" in warning]


def test_an_injector_with_the_token(plane: ControlPlane, injecting: tuple[str, str]) -> None:
    """With `injectors: keep` the pod has its token and the agent too, and nothing is said; others lose theirs."""
    _, keep = injecting
    answer = _create(plane, keep, **{_AGENT: "true"})
    assert answer.ok, answer.message
    assert any(map(is_injected, answer.body["spec"]["volumes"]))
    assert [row["name"] for row in answer.body["spec"]["containers"]] == ["app", "agent"]
    assert not [warning for warning in answer.warnings if "needs the API token" in warning]
    assert "no service account name or path found" in _create(plane, keep).message
