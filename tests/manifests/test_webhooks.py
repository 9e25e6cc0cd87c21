"""Which requests reach us, from which namespaces, and what happens where we do not answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from tests.cluster.webhooks import JUDGED, PODS, TEMPLATES
from tests.manifests.building import BASE, COMPONENTS, NAME, build, find, write_overlay

_MANAGED: Final = "managed-control-planes"
_MODE: Final = f"{NAME}.io/mode"
_OPTED_IN: Final = [
    {"key": _MODE, "operator": "Exists"},
    {"key": _MODE, "operator": "NotIn", "values": ["off"]},
    {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system", NAME]},
]
_AKS: Final = [
    {"key": "control-plane", "operator": "DoesNotExist"},
    {"key": "control-plane", "operator": "NotIn", "values": ["true"]},
    {"key": "kubernetes.azure.com/managedby", "operator": "NotIn", "values": ["aks"]},
]
"""What AKS documents, and what its admissions enforcer writes."""


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


@pytest.mark.parametrize("order", [("validate", _MANAGED), (_MANAGED, "validate")], ids="-".join)
def test_managed_control_planes_have_nothing_to_add(tmp_path: Path, order: tuple[str, str]) -> None:
    """Each webhook of both configurations has exactly their terms beside its own, once; nothing else of it changes."""
    plain = build(write_overlay(tmp_path / "plain", "validate"))
    objects = build(write_overlay(tmp_path / "managed", *order))
    for kind, count in (("MutatingWebhookConfiguration", 2), ("ValidatingWebhookConfiguration", 1)):
        webhooks = find(objects, kind)["webhooks"]
        assert [webhook.pop("namespaceSelector") for webhook in webhooks] == [
            {"matchExpressions": _OPTED_IN + _AKS}
        ] * count
        expected = find(plain, kind)["webhooks"]
        for webhook in expected:
            del webhook["namespaceSelector"]
        assert webhooks == expected


def test_managed_control_planes_are_told_so(tmp_path: Path) -> None:
    """By the annotation that AKS asks for; that of cert-manager stays beside it."""
    objects = build(write_overlay(tmp_path, "validate", "cert-manager", _MANAGED))
    for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        assert find(objects, kind)["metadata"]["annotations"] == {
            "admissions.enforcer/disabled": "true",
            "cert-manager.io/inject-ca-from": f"{NAME}/{NAME}",
        }


def test_managed_control_planes_and_cluster_wide(tmp_path: Path) -> None:
    """Every namespace but those that the platform keeps for itself."""
    objects = build(write_overlay(tmp_path, "validate", "cluster-wide", _MANAGED))
    webhooks = [webhook for value in objects for webhook in value.get("webhooks", ())]
    assert len(webhooks) == 3
    for webhook in webhooks:
        assert webhook["namespaceSelector"] == {"matchExpressions": _OPTED_IN[1:] + _AKS}


def test_a_policy_asks_for_no_more_than_the_patch_gives(tmp_path: Path) -> None:
    """Where a managed control plane keeps our webhook away, nothing asks pods for imagePullPolicy Always."""
    objects = build(write_overlay(tmp_path, "always-pull-images", _MANAGED))
    binding = find(objects, "ValidatingAdmissionPolicyBinding", f"{NAME}-always-pull-images")
    assert binding["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"][-3:] == _AKS


@pytest.mark.parametrize("component", [None, *COMPONENTS])
def test_rules_are_explicit(tmp_path: Path, component: str | None) -> None:
    """No webhook has a wildcard in its rules: GKE Autopilot refuses them, and nobody can tell what they are sent."""
    objects = build(write_overlay(tmp_path, *([] if component is None else [component])))
    rules = [rule for value in objects for webhook in value.get("webhooks", ()) for rule in webhook["rules"]]
    assert rules
    for rule in rules:
        words = [*rule["apiGroups"], *rule["apiVersions"], *rule["operations"], *rule["resources"], rule["scope"]]
        assert not [word for word in words if "*" in word]
