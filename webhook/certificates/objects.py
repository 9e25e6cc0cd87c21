"""Our objects in a cluster, as the manifests declare them: where they are, and what the Secret holds."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

from webhook.certificates.material import Material, parse_material

NAME: Final = "pod-security-defaulter"
"""Of the Service, the Lease and the webhook configurations."""
SECRET: Final = f"{NAME}-tls"


def secrets_path(namespace: str) -> str:
    """The collection our Secret is in."""
    return f"/api/v1/namespaces/{namespace}/secrets"


def lease_path(namespace: str) -> str:
    """The Lease that makes a leader."""
    return f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{NAME}"


def served_names(namespace: str) -> tuple[str, ...]:
    """The names of our Service, by which API servers ask for it."""
    return f"{NAME}.{namespace}.svc", f"{NAME}.{namespace}.svc.cluster.local"


def secret_material(secret: Mapping[str, Any]) -> Material:
    """What a Secret holds, as far as it can be read."""
    return parse_material({key: _decoded(value) for key, value in (secret.get("data") or {}).items()})


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except binascii.Error:
        return b""
