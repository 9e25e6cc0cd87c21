"""A pod with every default switched on: the pod of Kubernetes' own guide to admission webhooks."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from patches.compiler import compile_namespace
from patches.evaluation import evaluate
from patches.model.pod import Origin
from patches.policy.configuration import DefaulterConfiguration
from patches.policy.policy import IDS
from tests.pods import view
from webhook.gatherers.manifests import ManifestGatherer

EVERYTHING: Final[dict[str, Any]] = {
    **{name: {"enabled": True} for name in IDS},
    "automountServiceAccountToken": {"serviceAccounts": "all"},
    "readOnlyRootFilesystem": {"enabled": True, "writableTmp": True},
    "resources": {
        "limits": [
            {
                "type": "Container",
                "defaultRequest": {"cpu": "100m", "memory": "128Mi"},
                "default": {"cpu": 1, "memory": "512Mi"},
            },
        ],
    },
    "runtimeClassName": {"enabled": True, "name": "gvisor"},
}
"""The settings of a configuration with every default on."""

RUNTIME_CLASS: Final = {
    "apiVersion": "node.k8s.io/v1",
    "kind": "RuntimeClass",
    "metadata": {"name": "gvisor"},
    "handler": "runsc",
}


def test_bare_pod_gets_everything() -> None:
    """A bare pod gets each field that its guide asks a defaulting webhook for, and nothing that violates restricted."""
    gatherer = ManifestGatherer()
    assert gatherer.add(RUNTIME_CLASS)
    configuration = msgspec.convert({"settings": EVERYTHING}, DefaulterConfiguration)
    namespace = compile_namespace(gatherer.snapshot("default"), configuration)
    document = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web"},
        "spec": {"containers": [{"name": "app", "image": "registry.example/app"}]},
    }
    outcome = evaluate(view(document, Origin.MANIFEST), namespace)
    assert outcome.patched["spec"] == {
        "automountServiceAccountToken": False,
        "hostUsers": False,
        "runtimeClassName": "gvisor",
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "fsGroup": 65532,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
            "appArmorProfile": {"type": "RuntimeDefault"},
        },
        "volumes": [{"name": "psd-tmp-0", "emptyDir": {}}],
        "containers": [
            {
                "name": "app",
                "image": "registry.example/app",
                "imagePullPolicy": "Always",
                "resources": {
                    "requests": {"cpu": "100m", "memory": "128Mi"},
                    "limits": {"cpu": 1, "memory": "512Mi"},
                },
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                    "readOnlyRootFilesystem": True,
                },
                "volumeMounts": [{"name": "psd-tmp-0", "mountPath": "/tmp"}],  # noqa: S108 (a path in a container)
            },
        ],
    }
    assert not any(outcome.verdicts.values())
