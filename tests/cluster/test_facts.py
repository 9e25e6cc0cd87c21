"""Facts 1 to 11 of docs/facts.md, what pods say: each first without us, or as a naive patch has it, then with us."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.cluster.client import MERGE_PATCH, STRATEGIC_PATCH
from tests.cluster.control_plane import ControlPlane
from tests.cluster.differences import is_injected
from tests.cluster.scene import LIMIT, Scene, container, pod, scene

pytestmark = pytest.mark.cluster

_SECCOMP: Final = {"seccompProfile": {"type": "RuntimeDefault"}}


@pytest.fixture(scope="module")
def facts(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The one registration of this module."""
    with scene(plane, tmp_path_factory.mktemp("facts") / "served", "facts") as one:
        yield one


def _tokens(spec: Any) -> int:
    return sum(map(is_injected, spec.get("volumes") or ()))


def test_fact_01_the_token_is_already_mounted(facts: Scene) -> None:
    """The field alone leaves the token, removing the volume alone is undone; both together hold."""
    arrived = facts.without({}).body["spec"]
    assert (_tokens(arrived), arrived["serviceAccountName"]) == (1, "default")
    bare = {**arrived, "volumes": [], "containers": [container()]}
    field = {"automountServiceAccountToken": False}
    found = [_tokens(facts.without(spec).body["spec"]) for spec in ({**arrived, **field}, bare, {**bare, **field})]
    assert found == [1, 1, 0]
    assert _tokens(facts.accepted({})) == 0


def test_fact_02_a_limit_below_a_request_is_an_invalid_pod(facts: Scene) -> None:
    """Refused where it is added all the same; we skip that one resource and fill in the others."""
    spec = {"containers": [container(resources={"requests": {"memory": "2Gi"}})]}
    naive = {"containers": [container(resources={"requests": {"memory": "2Gi"}, "limits": {"memory": LIMIT}})]}
    assert facts.without(spec).ok
    assert "must be less than or equal to memory limit" in facts.without(naive).message
    (found,) = facts.accepted(spec)["containers"]
    assert found["resources"] == {"requests": {"cpu": "100m", "memory": "2Gi"}}
    assert "resources:request-above-limit" in facts.skips(spec)


def test_fact_03_limit_range(facts: Scene) -> None:
    """A bound of the pod's sum is checked after all mutation: what would exceed it is left out."""
    first = container(resources={"limits": {"memory": "200Mi"}})
    naive = container("d", resources={"requests": {"memory": "128Mi"}})
    assert facts.without({"containers": [first, container("d")]}, "-limits").ok
    refused = facts.without({"containers": [first, naive]}, "-limits")
    assert "maximum memory usage per Pod is 300Mi" in refused.message
    spec = {"containers": [first, container("d")]}
    assert facts.accepted(spec, "-limits")["containers"][1]["resources"] == {"requests": {"cpu": "100m"}}
    assert "resources:limit-range-bounds" in facts.skips(spec, "-limits")


@pytest.mark.parametrize("own", [{"privileged": True}, {"capabilities": {"add": ["CAP_SYS_ADMIN"]}}], ids=str)
def test_fact_04_no_privilege_escalation_beside_privileged(facts: Scene, own: dict[str, Any]) -> None:
    """Nor beside an added CAP_SYS_ADMIN: the API server refuses the field there, so it is not added."""
    naive = facts.without({"containers": [container(securityContext={**own, "allowPrivilegeEscalation": False})]})
    assert "cannot set `allowPrivilegeEscalation` to false" in naive.message
    (found,) = facts.accepted({"containers": [container(securityContext=own)]})["containers"]
    assert "allowPrivilegeEscalation" not in found["securityContext"]


def test_fact_05_windows_pods(facts: Scene) -> None:
    """Fields of Linux are refused there; by its nodeSelector alone the profile takes a pod for one of Linux."""
    naive = facts.without({"os": {"name": "windows"}, "securityContext": _SECCOMP})
    assert "cannot be set for a windows pod" in naive.message
    assert facts.accepted({"os": {"name": "windows"}})["securityContext"] == {"runAsNonRoot": True}
    selected = {"nodeSelector": {"kubernetes.io/os": "windows"}}
    refused = facts.without({**selected, "securityContext": {"runAsNonRoot": True}}, "-restricted")
    assert "seccompProfile" in refused.message
    assert facts.accepted(selected, "-restricted")["os"] == {"name": "windows"}


def test_fact_06_run_as_non_root_that_cannot_start(facts: Scene) -> None:
    """The API server takes it beside user 0, where only the kubelet refuses it; we leave it out and say why."""
    spec = {"securityContext": {"runAsUser": 0}}
    assert facts.without({"securityContext": {"runAsUser": 0, "runAsNonRoot": True}}).ok
    assert "runAsNonRoot" not in facts.accepted(spec)["securityContext"]
    assert "runAsNonRoot:runs-as-root" in facts.skips(spec)


def test_fact_07_ephemeral_containers(facts: Scene) -> None:
    """The second session arrives before the first; found by name, it alone is hardened."""
    path = f"{facts.pods()}/debugged/ephemeralcontainers"
    facts.plane.bypassing.must("POST", facts.pods(), pod({}, name="debugged"))

    def session(name: str) -> Any:
        return {"spec": {"ephemeralContainers": [container(name, terminationMessagePolicy="File")]}}

    facts.plane.bypassing.must("PATCH", path, session("first"), STRATEGIC_PATCH)
    bare = facts.plane.bypassing.request("PATCH", path, session("second"), STRATEGIC_PATCH, dryRun="All").body
    assert [row["name"] for row in bare["spec"]["ephemeralContainers"]] == ["second", "first"]
    found = facts.plane.admin.request("PATCH", path, session("second"), STRATEGIC_PATCH, dryRun="All").body
    second, first = found["spec"]["ephemeralContainers"]
    assert first == bare["spec"]["ephemeralContainers"][1]
    assert second["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_fact_08_pod_updates(facts: Scene) -> None:
    """The spec is immutable: a patch of it makes a mere label change fail. Ours leaves updates and mirrors alone."""
    path = f"{facts.pods()}/older"
    before = facts.plane.bypassing.must("POST", facts.pods(), pod({}, name="older", finalizers=["psd.test/hold"]))
    naive = facts.plane.bypassing.request("PATCH", path, {"spec": {"hostUsers": False}}, MERGE_PATCH)
    assert "pod updates may not change fields" in naive.message
    after = facts.plane.admin.must("PATCH", path, {"metadata": {"labels": {"a": "b"}}}, MERGE_PATCH)
    assert after["spec"] == before["spec"]
    facts.plane.admin.request("DELETE", path)
    facts.plane.admin.must("PATCH", path, {"metadata": {"finalizers": None}}, MERGE_PATCH)
    mirror: Any = {"annotations": {"kubernetes.io/config.mirror": "x"}}
    assert facts.accepted({"nodeName": "n"}, **mirror) == facts.without({"nodeName": "n"}, **mirror).body["spec"]
    for ask in (facts.without, facts.patched):
        assert "violates PodSecurity" in ask({"nodeName": "n"}, "-restricted", **mirror).message


def test_fact_09_capabilities_are_dropped_in_capitals(facts: Scene) -> None:
    """`all` drops them and does not pass; `ALL` is appended, and then it does."""
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["all"]}}
    spec = {"securityContext": {"runAsNonRoot": True, **_SECCOMP}, "containers": [container(securityContext=security)]}
    assert facts.without(spec, "-restricted").message.endswith('must set securityContext.capabilities.drop=["ALL"])')
    (found,) = facts.accepted(spec, "-restricted")["containers"]
    assert found["securityContext"]["capabilities"] == {"drop": ["all", "ALL"]}


def test_fact_10_image_pull_policy(facts: Scene) -> None:
    """It is filled in before admission, so that only enforcing it is possible, over an author's word too."""
    assert facts.without({}).body["spec"]["containers"][0]["imagePullPolicy"] == "IfNotPresent"
    spec = {"containers": [container(), container("d", imagePullPolicy="Never")]}
    assert [row["imagePullPolicy"] for row in facts.accepted(spec)["containers"]] == ["Always", "Always"]


@pytest.mark.parametrize(
    ("name", "refusal", "reason"),
    [("absent", "not found", "unknown"), ("elsewhere", "conflict", "runtime-class-selector")],
)
def test_fact_11_runtime_class(facts: Scene, name: str, refusal: str, reason: str) -> None:
    """One that does not exist, or runs on other nodes than the pod, refuses the pod: it is not added.

    The stand-alone server cannot tell a class that does not exist from one that nobody described to it.
    """
    spec = {"nodeSelector": {"where": "here"}}
    naive = facts.without({**spec, "runtimeClassName": name})
    assert naive.status == 403
    assert refusal in naive.message
    assert "runtimeClassName" not in facts.accepted(spec, f"-{name}")
    assert f"runtimeClassName:{reason}" in facts.skips(spec, f"-{name}")
