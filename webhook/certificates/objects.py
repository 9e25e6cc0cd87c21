"""Our objects in a cluster, as the manifests declare them: their names and paths, and how the Secret is read."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from webhook.certificates.material import Material, parse_material
from webhook.cluster.api import ClusterClient
from webhook.cluster.options import ConnectionOptions

NAME: Final = "pod-security-defaulter"
"""The name of the Service, the Lease and the webhook configurations, if an overlay gives them no other."""
SECRET: Final = f"{NAME}-tls"


@dataclass(frozen=True, slots=True)
class OwnObjects:
    """Where our own objects are.

    Attributes:
        namespace: the namespace of the Service, the Secret and the Lease.
        name: the name of the Service, the Lease and the webhook configurations.
        secret: the name of the Secret.
    """

    namespace: str
    name: str = NAME
    secret: str = SECRET

    @property
    def secrets_path(self) -> str:
        """The path of the collection that our Secret is in."""
        return f"/api/v1/namespaces/{self.namespace}/secrets"

    @property
    def secret_path(self) -> str:
        """The path of our Secret."""
        return f"{self.secrets_path}/{self.secret}"

    @property
    def lease_path(self) -> str:
        """The path of the Lease that the leader holds."""
        return f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases/{self.name}"

    @property
    def served_names(self) -> tuple[str, ...]:
        """The DNS names by which API servers reach our Service."""
        return f"{self.name}.{self.namespace}.svc", f"{self.name}.{self.namespace}.svc.cluster.local"


def own_objects(options: ConnectionOptions, client: ClusterClient) -> OwnObjects:
    """Find out where our own objects are: from the options, else as the manifests tell the pod, else the defaults."""
    return OwnObjects(
        options.own_namespace or os.environ.get("POD_NAMESPACE") or client.namespace,
        options.own_name or os.environ.get("OWN_NAME") or NAME,
        options.own_secret or os.environ.get("OWN_SECRET") or SECRET,
    )


def secret_material(secret: Mapping[str, Any]) -> Material:
    """Read a Secret. Parts that cannot be read count as missing."""
    return parse_material({key: _decode(value) for key, value in (secret.get("data") or {}).items()})


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except binascii.Error:
        return b""
