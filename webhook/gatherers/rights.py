"""Asks the API server what we may do, so that it refuses us nothing."""

from __future__ import annotations

from typing import Final

import msgspec

from webhook.cluster.api import ClusterClient
from webhook.errors import ClusterError
from webhook.gatherers.bindings import BINDINGS

_REVIEWS: Final = "authorization.k8s.io/v1"


async def may_follow_bindings(client: ClusterClient) -> bool:
    """Ask the API server whether this user may list bindings of both kinds; True if it cannot say."""
    for path in BINDINGS:
        group, _, resource = path.split("/")[2:]
        attributes = {"group": group, "resource": resource, "verb": "list"}
        review = {"apiVersion": _REVIEWS, "kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": attributes}}
        try:
            answer = await client.send("POST", f"/apis/{_REVIEWS}/selfsubjectaccessreviews", review)
            if not msgspec.json.decode(answer)["status"]["allowed"]:
                return False
        except (ClusterError, TimeoutError):
            return True
    return True
