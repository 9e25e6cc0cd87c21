"""How to reach a cluster, as the operator says it. Apart from the client, which is large to import."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionOptions:
    """How to reach a cluster.

    Attributes:
        kubeconfig: kubeconfig file; None for $KUBECONFIG, kubectl's own, or in a pod its ServiceAccount.
        context: context of the kubeconfig; None for its current one.
        own_namespace: namespace of our Secret and Lease; "" for $POD_NAMESPACE, or that of the pod or context.
        own_name: name of our Service, Lease and webhook configurations; "" for $OWN_NAME, or the one without a prefix.
        own_secret: name of our Secret; "" for $OWN_SECRET, or the one without a prefix.
    """

    kubeconfig: Path | None = None
    context: str | None = None
    own_namespace: str = ""
    own_name: str = ""
    own_secret: str = ""
