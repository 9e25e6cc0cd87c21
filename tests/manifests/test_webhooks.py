"""Which requests reach us, from which namespaces, and what happens where we do not answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from tests.cluster.webhooks import JUDGED, PODS, TEMPLATES
from tests.manifests.building import BASE, NAME, build, find, write_overlay

_MODE: Final = f"{NAME}.io/mode"
_OPTED_IN: Final = [
    {"key": _MODE, "operator": "Exists"},
    {"key": _MODE, "operator": "NotIn", "values": ["off"]},
    {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system", NAME]},
]


def _rules(rules: list[Any]) -> list[Any]:
    return [{**rule, "scope": "Namespaced"} for rule in rules]


def _service(path: str) -> dict[str, Any]:
    return {"service": {"name": NAME, "namespace": NAME, "path": path, "port": 443}}


def test_the_mutating_configuration() -> None:
    """Pods must come through us, templates need not; both as the other tests register them."""
    both = {
        "clientConfig": _service("/mutate"),
        "namespaceSelector": {"matchExpressions": _OPTED_IN},
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "matchPolicy": "Equivalent",
        "reinvocationPolicy": "IfNeeded",
    }
    assert find(build(BASE), "MutatingWebhookConfiguration")["webhooks"] == [
        {"name": f"pods.{NAME}.io", **both, "rules": _rules(PODS), "failurePolicy": "Fail", "timeoutSeconds": 5},
        {
            "name": f"templates.{NAME}.io",
            **both,
            "rules": _rules(TEMPLATES),
            "failurePolicy": "Ignore",
            "timeoutSeconds": 2,
        },
    ]


def test_the_validating_configuration(tmp_path: Path) -> None:
    """The same namespaces; creates, updates and debug containers."""
    (webhook,) = find(build(write_overlay(tmp_path, "validate")), "ValidatingWebhookConfiguration")["webhooks"]
    assert webhook == {
        "name": f"validate.{NAME}.io",
        "clientConfig": _service("/validate"),
        "namespaceSelector": {"matchExpressions": _OPTED_IN},
        "rules": _rules(JUDGED),
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "matchPolicy": "Equivalent",
        "failurePolicy": "Fail",
        "timeoutSeconds": 5,
    }


def test_cluster_wide_asks_for_no_label(tmp_path: Path) -> None:
    """For every webhook alike: that the label exists is no longer asked for, the rest stays."""
    objects = build(write_overlay(tmp_path, "validate", "cluster-wide"))
    webhooks = [webhook for value in objects for webhook in value.get("webhooks", ())]
    assert len(webhooks) == 3
    for webhook in webhooks:
        assert webhook["namespaceSelector"] == {"matchExpressions": _OPTED_IN[1:]}
