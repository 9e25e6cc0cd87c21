"""What the API server is asked about our rights."""

from __future__ import annotations

from typing import Any, cast

import msgspec
import pytest

from webhook.cluster.api import ClusterClient
from webhook.errors import ClusterError
from webhook.gatherers.rights import may_follow_bindings


class Cluster:
    """An API server that allows these resources to be listed, or refuses to say."""

    def __init__(self, *allowed: str, status: int = 0) -> None:
        self.allowed = allowed
        self.status = status

    async def send(self, method: str, path: str, body: Any) -> bytes:
        """Answer a SelfSubjectAccessReview."""
        assert (method, path) == ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")
        if self.status:
            raise ClusterError(self.status, "no")
        asked = body["spec"]["resourceAttributes"]
        assert (asked["group"], asked["verb"]) == ("rbac.authorization.k8s.io", "list")
        return msgspec.json.encode({"status": {"allowed": asked["resource"] in self.allowed}})


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [
        (Cluster("rolebindings", "clusterrolebindings"), True),
        (Cluster("rolebindings"), False),
        (Cluster("clusterrolebindings"), False),
        (Cluster(status=500), True),
    ],
)
async def test_whether_they_may_be_read(cluster: Cluster, *, expected: bool) -> None:
    """Both kinds; where the API server cannot say, it is tried."""
    assert await may_follow_bindings(cast("ClusterClient", cluster)) is expected
