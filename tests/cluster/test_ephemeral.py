"""Ephemeral containers through the real subresource; pods older than the webhook; both with kubectl's own patches.

And what a debug session cannot be exempted by: marks on its pod that are written late, or in its request alone.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from patches.policy.policy import PROFILE_LABEL, PSA_PREFIX, SKIP_ANNOTATION
from tests.cluster.client import MERGE_PATCH, STRATEGIC_PATCH, pods
from tests.cluster.control_plane import ControlPlane
from tests.cluster.webhooks import defaulter, namespace

pytestmark = pytest.mark.cluster


def _debugger(name: str) -> Any:
    container = {"name": name, "image": "busybox:1", "stdin": True, "terminationMessagePolicy": "File"}
    return {"spec": {"ephemeralContainers": [container]}}


def test_debug_sessions_are_hardened_and_the_rest_stays(plane: ControlPlane, work: Path) -> None:
    """Two sessions on a pod that is older than the webhook: each gets its fields, and nothing else changes.

    Without us the session is refused, since its pod sets nothing that the restricted profile asks of containers.
    """
    name = "ephemeral"
    plane.namespace(f"{name}-unlabelled")
    security = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    bare = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    container = {"name": "c", "image": "i:1", "securityContext": bare}
    value = {"metadata": {"name": "p"}, "spec": {"securityContext": security, "containers": [container]}}
    with defaulter(plane, work, name, objects=[namespace(name, {PSA_PREFIX + "enforce": "restricted"})]) as webhook:
        before = plane.bypassing.must("POST", pods(name), value)
        path = f"{pods(name)}/p/ephemeralcontainers"
        refused = plane.bypassing.request("PATCH", path, _debugger("d1"), STRATEGIC_PATCH)
        assert refused.status == 403
        assert "allowPrivilegeEscalation != false" in refused.message
        for session in ("d1", "d2"):
            answer = plane.admin.request("PATCH", path, _debugger(session), STRATEGIC_PATCH)
            assert answer.ok, answer.message
            applied = (
                f"allowPrivilegeEscalation:ephemeralContainers/{session},capabilities:ephemeralContainers/{session}"
            )
            assert plane.audit.annotations(answer.audit_id)[f"{webhook}/applied"] == applied
            assert any(text.startswith("pod-security-defaulter added ") for text in answer.warnings)
        after = plane.admin.must("GET", f"{pods(name)}/p")
        found = {row["name"]: row for row in after["spec"].pop("ephemeralContainers")}
        assert set(found) == {"d1", "d2"}
        for row in found.values():
            assert row["securityContext"] == bare
            assert not row.get("resources")
        assert after["spec"] == before["spec"]
        assert "annotations" not in after["metadata"]


def test_updates_of_older_pods_are_left_alone(plane: ControlPlane, work: Path) -> None:
    """A label or an image of a pod that was there before the webhook is changed, and nothing else."""
    name = "older"
    with defaulter(plane, work, name, objects=[namespace(name)]):
        value = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}}
        before = plane.bypassing.must("POST", pods(name), value)
        label = {"metadata": {"labels": {"a": "b"}}}
        after = plane.admin.must("PATCH", f"{pods(name)}/p", label, MERGE_PATCH)
        assert after["spec"] == before["spec"]
        image = {"spec": {"containers": [{"name": "c", "image": "i:2"}]}}
        changed = plane.admin.must("PATCH", f"{pods(name)}/p", image, STRATEGIC_PATCH)
        before["spec"]["containers"][0]["image"] = "i:2"
        assert changed["spec"] == before["spec"]


_OPT_OUT: Final = {SKIP_ANNOTATION: "runAsNonRoot,seccompProfile,allowPrivilegeEscalation,capabilities"}
_SECCOMP: Final = {
    "seccomp.security.alpha.kubernetes.io/pod": "unconfined",
    "container.seccomp.security.alpha.kubernetes.io/debug": "unconfined",
}
_MIRROR: Final = {"kubernetes.io/config.mirror": "x"}
_CLASS: Final = "unjudged"
_HARDENED: Final = {
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
}


@pytest.fixture(scope="module")
def lenient(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A namespace where only our target asks for anything, pods may opt out, and a RuntimeClass exempts."""
    name = "late-marks"
    config = {"allowPodSkip": True, "exemptions": {"runtimeClasses": [_CLASS]}}
    objects = [namespace(name, {PSA_PREFIX + "enforce": "privileged", PROFILE_LABEL: "restricted"})]
    with defaulter(plane, tmp_path_factory.mktemp(name) / "served", name, objects=objects, config=config):
        yield pods(name)


def _bare_pod(plane: ControlPlane, collection: str, **fields: Any) -> str:
    """The path of a new pod that was there before us."""
    value = {"metadata": {"generateName": "p-"}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}, **fields}
    return f"{collection}/{plane.bypassing.must('POST', collection, value)['metadata']['name']}"


@pytest.mark.parametrize("annotations", [_OPT_OUT, _SECCOMP], ids=["skip", "seccomp"])
@pytest.mark.parametrize("late", [True, False])
def test_a_pod_s_annotations_exempt_no_debug_session(
    plane: ControlPlane,
    lenient: str,
    annotations: dict[str, str],
    late: bool,  # noqa: FBT001 (a row)
) -> None:
    """Case 12: anyone with the right to edit may write them onto a running pod; nobody can tell when it was."""
    if late:
        path = _bare_pod(plane, lenient)
        written = plane.admin.must("PATCH", path, {"metadata": {"annotations": annotations}}, MERGE_PATCH)
        assert written["metadata"]["annotations"] == annotations
    else:
        path = _bare_pod(plane, lenient, metadata={"generateName": "p-", "annotations": annotations})
    answer = plane.admin.request("PATCH", f"{path}/ephemeralcontainers", _debugger("debug"), STRATEGIC_PATCH)
    assert answer.ok, answer.message
    (found,) = answer.body["spec"]["ephemeralContainers"]
    assert found["securityContext"] == _HARDENED


@pytest.mark.parametrize(
    ("metadata", "spec"),
    [
        ({"annotations": _MIRROR}, {}),
        ({"annotations": _OPT_OUT}, {}),
        ({"deletionTimestamp": "2026-01-01T00:00:00Z"}, {}),
        ({}, {"runtimeClassName": _CLASS}),
        ({}, {"os": {"name": "windows"}}),
        ({}, {"securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}}),
    ],
    ids=["mirror", "skip", "deletion", "exempt-class", "windows", "security-context"],
)
def test_what_a_session_says_of_its_pod_is_dropped(plane: ControlPlane, lenient: str, metadata: Any, spec: Any) -> None:
    """Written in the request alone it reaches mutating admission, and is never stored: it must exempt nothing."""
    path = _bare_pod(plane, lenient)
    sent = plane.admin.must("GET", path)
    before = copy.deepcopy(sent)
    sent["metadata"] |= metadata
    sent["spec"] |= {**_debugger("debug")["spec"], **spec}
    answer = plane.admin.request("PUT", f"{path}/ephemeralcontainers", sent)
    assert answer.ok, answer.message
    (found,) = answer.body["spec"].pop("ephemeralContainers")
    assert found["securityContext"] == _HARDENED
    assert answer.body["spec"] == before["spec"]
    assert not {"annotations", "deletionTimestamp"} & set(answer.body["metadata"])


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"annotations": _MIRROR}, "may not add mirror pod annotation"),
        ({"deletionTimestamp": "2026-01-01T00:00:00Z"}, "field is immutable"),
        ({"annotations": {"container.apparmor.security.beta.kubernetes.io/c": "unconfined"}}, "may not add AppArmor"),
    ],
)
def test_marks_that_nobody_can_write_late(plane: ControlPlane, lenient: str, metadata: Any, said: str) -> None:
    """The API server refuses them, so that on a stored pod they may count."""
    refused = plane.bypassing.request("PATCH", _bare_pod(plane, lenient), {"metadata": metadata}, MERGE_PATCH)
    assert said in refused.message


def test_a_mirror_pod_has_no_debug_sessions(plane: ControlPlane, lenient: str) -> None:
    """So that its annotation exempts none."""
    spec = {"nodeName": "n", "containers": [{"name": "c", "image": "i:1"}]}
    path = _bare_pod(plane, lenient, metadata={"generateName": "p-", "annotations": _MIRROR}, spec=spec)
    refused = plane.admin.request("PATCH", f"{path}/ephemeralcontainers", _debugger("debug"), STRATEGIC_PATCH)
    assert "static pods do not support ephemeral containers" in refused.message
