"""Ephemeral containers through the real subresource; pods older than the webhook; both with kubectl's own patches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from patches.policy.policy import PSA_PREFIX
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
