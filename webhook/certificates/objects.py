"""Our objects in a cluster, as the manifests declare them: their names and paths, and how the Secret is read."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

from webhook.certificates.material import Material, parse_material

NAME: Final = "pod-security-defaulter"
"""The name of the Service, the Lease and the webhook configurations."""
SECRET: Final = f"{NAME}-tls"


def secrets_path(namespace: str) -> str:
    """The path of the collection that our Secret is in."""
    return f"/api/v1/namespaces/{namespace}/secrets"


def lease_path(namespace: str) -> str:
    """The path of the Lease that the leader holds."""
    return f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{NAME}"


def served_names(namespace: str) -> tuple[str, ...]:
    """The DNS names by which API servers reach our Service."""
    return f"{NAME}.{namespace}.svc", f"{NAME}.{namespace}.svc.cluster.local"


def secret_material(secret: Mapping[str, Any]) -> Material:
    """Read a Secret. Parts that cannot be read count as missing."""
    return parse_material({key: _decode(value) for key, value in (secret.get("data") or {}).items()})


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except binascii.Error:
        return b""
