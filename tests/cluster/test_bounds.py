"""What is more than a review may be, sent through a real API server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from patches.policy.policy import PSA_PREFIX
from tests.cluster.client import pods
from tests.cluster.control_plane import ControlPlane
from tests.cluster.webhooks import defaulter, namespace

pytestmark = pytest.mark.cluster


def _spec(containers: int) -> dict[str, Any]:
    return {"containers": [{"name": f"c{number}", "image": "i"} for number in range(containers)]}


def test_pods_of_many_containers(plane: ControlPlane, work: Path) -> None:
    """A thousand are patched, one more is refused with the count and the bound, 60,000 are too long a body."""
    name = "bounds-pods"
    with defaulter(plane, work, name, objects=[namespace(name, {PSA_PREFIX + "enforce": "restricted"})]):
        most = plane.admin.create(pods(name), {"metadata": {"name": "most"}, "spec": _spec(1_000)}, dry_run=True)
        assert most.status == 201, most.message
        assert most.body["spec"]["containers"][999]["securityContext"]["allowPrivilegeEscalation"] is False

        more = plane.admin.create(pods(name), {"metadata": {"name": "more"}, "spec": _spec(1_001)}, dry_run=True)
        assert more.status == 400
        assert "object.spec.containers: 1001 containers; at most 1000 are supported" in more.message

        far_more = plane.admin.create(pods(name), {"metadata": {"name": "far"}, "spec": _spec(60_000)}, dry_run=True)
        assert not far_more.ok
        assert "the server responded with the status code 413" in far_more.message
