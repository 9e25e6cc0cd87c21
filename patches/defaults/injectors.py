"""The annotations that ask an injector for a container which needs the pod's own API token.

Listed are injectors that are widely used and, without the token, refuse the pod or inject a container that fails. Those
that bring a projected token of their own are not: Istio, Linkerd, the workload identities of AWS, Azure and GCP.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple

from patches.model.shapes import StringMap


class Injector(NamedTuple):
    """An injector: the annotation that asks for it, and one by which it needs no token; "" for none."""

    annotation: str
    unless: str = ""


INJECTORS: Final = (
    # It copies the mount of the first container whose path contains "serviceaccount", and refuses a pod without one:
    # https://github.com/hashicorp/vault-k8s (agent-inject/agent/agent.go, `serviceaccount` and `Validate`)
    Injector("vault.hashicorp.com/agent-inject", "vault.hashicorp.com/agent-service-account-token-volume-name"),
    # A fork of the former: https://github.com/openbao/openbao-k8s (agent-inject/agent/annotations.go)
    Injector("openbao.openbao.org/agent-inject", "openbao.openbao.org/agent-service-account-token-volume-name"),
    # With ACLs it logs in with the token, and refuses a pod without the mount:
    # https://github.com/hashicorp/consul-k8s (control-plane/connect-inject, `findServiceAccountVolumeMount`)
    Injector("consul.hashicorp.com/connect-inject"),
    # Its built-in Kubernetes secret store ends the sidecar where there is no token:
    # https://github.com/dapr/docs/issues/5014
    Injector("dapr.io/enabled", "dapr.io/disable-builtin-k8s-secret-store"),
    # It logs in with the token of the first such mount: "no service account token volume found":
    # https://github.com/Infisical/infisical-agent-injector (pkg/agent/service-account.go)
    Injector("org.infisical.com/inject"),
)

_NO: Final = frozenset({"", "0", "disabled", "f", "false", "n", "no", "off"})
"""The values with which an annotation asks for nothing, in lower case. Injectors read any of these so."""


def find_injectors(annotations: StringMap, more: Collection[str]) -> list[str]:
    """Find the annotations of a pod that ask for a container which needs the token.

    Args:
        annotations: the pod's annotations.
        more: annotations that ask for other such injectors.
    """
    found = [
        injector.annotation
        for injector in INJECTORS
        if _asks(annotations, injector.annotation) and not _asks(annotations, injector.unless)
    ]
    return found + [key for key in more if _asks(annotations, key) and key not in found]


def _asks(annotations: StringMap, key: str) -> bool:
    return (annotations.get(key) or "").strip().lower() not in _NO
