"""A pod through the whole of it: API server, registration, the real command, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from patches.policy.policy import PREFIX, PSA_PREFIX
from tests.cluster.client import pods
from tests.cluster.control_plane import ControlPlane
from tests.cluster.webhooks import defaulter, namespace

pytestmark = pytest.mark.cluster


@pytest.mark.parametrize("way", ["real", "dry"])
def test_a_pod_is_defaulted_and_its_token_is_gone(plane: ControlPlane, work: Path, way: str) -> None:
    """Without us a bare pod is refused in a restricted namespace; with us it is created, and mounts no token."""
    name, dry_run = f"smoke-{way}", way == "dry"
    value: dict[str, Any] = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}}
    with defaulter(plane, work, name, objects=[namespace(name, {PSA_PREFIX + "enforce": "restricted"})]) as webhook:
        without = plane.bypassing.create(pods(name), value, dry_run=dry_run)
        assert without.status == 403
        assert without.message.startswith('pods "p" is forbidden: violates PodSecurity "restricted:latest": ')

        answer = plane.admin.create(pods(name), value, dry_run=dry_run)
        assert answer.status == 201, answer.message
        assert answer.warnings == ()
        spec = answer.body["spec"]
        assert spec["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
        assert spec["automountServiceAccountToken"] is False
        assert "volumes" not in spec
        (container,) = spec["containers"]
        assert "volumeMounts" not in container
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"] == {"requests": {"cpu": "100m", "memory": "128Mi"}}
        applied = answer.body["metadata"]["annotations"][PREFIX + "applied"]
        assert "automountServiceAccountToken:pod" in applied.split(",")
        audit = plane.audit.annotations(answer.audit_id)
        assert audit[f"{webhook}/applied"] == applied
        exists = plane.admin.request("GET", f"{pods(name)}/p").ok
        assert exists is not dry_run
