"""Namespace state from manifests."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from patches.policy.configuration import DefaulterConfiguration, Mode
from patches.policy.snapshot import Facts, RuntimeClass
from patches.standards.levels import NEWEST_MINOR
from webhook.errors import InvalidObject
from webhook.sources.manifests import KINDS, ManifestSource
from webhook.sources.state import NamespaceState


def manifest(kind: str, name: str, namespace: str | None = None, **fields: Any) -> dict[str, Any]:
    """An object of the cluster."""
    api_version = "node.k8s.io/v1" if kind == "RuntimeClass" else "v1"
    metadata: dict[str, Any] = {"name": name}
    if namespace is not None:
        metadata["namespace"] = namespace
    metadata.update(fields.pop("metadata", {}))
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def state(*objects: Any, namespace: str = "shop", **options: Any) -> NamespaceState:
    """What is known of a namespace from these objects."""
    source = ManifestSource(DefaulterConfiguration(), **options)
    for value in objects:
        assert source.add(value)
    return source.state_now(namespace)


def limit_range(name: str, cpu: str, namespace: str = "shop") -> Any:
    """A LimitRange that gives a limit."""
    return manifest("LimitRange", name, namespace, spec={"limits": [{"type": "Container", "default": {"cpu": cpu}}]})


def test_a_namespace_that_nobody_described() -> None:
    """It counts as unlabelled, and nothing is in it; all such namespaces are the same."""
    source = ManifestSource(DefaulterConfiguration())
    found = source.state_now("nowhere")
    assert found.facts == Facts()
    assert str(found.policy.target) == "restricted:latest"
    assert found.policy.newest == NEWEST_MINOR
    assert source.state_now("elsewhere") is found


def test_labels_and_annotations() -> None:
    """They make the policy; null maps are empty."""
    labels = {"pod-security-defaulter.io/mode": "audit", "pod-security.kubernetes.io/enforce": "baseline"}
    annotations = {"pod-security-defaulter.io/skip": "os"}
    found = state(manifest("Namespace", "shop", metadata={"labels": labels, "annotations": annotations}), newest=34)
    assert found.policy.mode is Mode.AUDIT
    assert str(found.policy.enforce) == "baseline:latest"
    assert found.policy.skip == {"os"}
    assert found.policy.newest == 34
    empty = state(manifest("Namespace", "shop", metadata={"labels": None, "annotations": None}))
    assert empty.policy.mode is Mode.ENFORCE


def test_limit_ranges_of_the_namespace() -> None:
    """Those of others do not count; the first by name wins; one given twice counts as given last."""
    found = state(limit_range("b", "2"), limit_range("c", "9"), limit_range("a", "5", "other"), limit_range("b", "3"))
    assert found.facts.limits is not None
    assert found.facts.limits.default_limits["cpu"].text == "3"
    only = state(limit_range("a", "5", "other"))
    assert only.facts.limits is not None
    assert only.facts.limits.default_limits == {}


def test_quotas_of_the_namespace() -> None:
    """Their scopes together, by either field; a quota without scopes is a quota."""
    plain = state(manifest("ResourceQuota", "q", "shop"))
    assert (plain.facts.has_quota, plain.facts.quota_scopes) == (True, frozenset())
    expressions = [{"scopeName": "PriorityClass", "operator": "Exists"}]
    found = state(
        manifest("ResourceQuota", "q", "shop", spec={"scopes": ["BestEffort"]}),
        manifest("ResourceQuota", "r", "shop", spec={"scopeSelector": {"matchExpressions": expressions}}),
        manifest("ResourceQuota", "s", "other", spec={"scopes": ["Terminating"]}),
    )
    assert (found.facts.has_quota, found.facts.quota_scopes) == (True, frozenset({"BestEffort", "PriorityClass"}))
    assert state(namespace="shop").facts.has_quota is False


def test_service_accounts_of_the_namespace() -> None:
    """Those that say something."""
    found = state(
        manifest("ServiceAccount", "yes", "shop", automountServiceAccountToken=True),
        manifest("ServiceAccount", "no", "shop", automountServiceAccountToken=False),
        manifest("ServiceAccount", "silent", "shop"),
        manifest("ServiceAccount", "null", "shop", automountServiceAccountToken=None),
        manifest("ServiceAccount", "other", "other", automountServiceAccountToken=True),
    )
    assert found.facts.automount == {"yes": True, "no": False}


def test_runtime_classes_are_of_the_cluster() -> None:
    """Known in every namespace; one that is not described is unknown: no file says what does not exist."""
    gvisor = manifest("RuntimeClass", "gvisor", handler="runsc", scheduling={"nodeSelector": {"a": "b"}})
    for namespace in ("shop", "nowhere"):
        found = state(gvisor, manifest("RuntimeClass", "kata", overhead={"podFixed": {"cpu": 1}}), namespace=namespace)
        assert found.facts.runtime_classes == {
            "gvisor": RuntimeClass({"a": "b"}, has_overhead=False),
            "kata": RuntimeClass({}, has_overhead=True),
        }
        assert found.facts.runtime_classes_complete is False


def test_objects_without_a_namespace_belong_to_the_default_one() -> None:
    """As with kubectl, which namespace that is can be chosen."""
    value = manifest("ServiceAccount", "a", automountServiceAccountToken=True)
    assert state(value, namespace="default").facts.automount == {"a": True}
    assert state(value, namespace="shop").facts.automount == {}
    assert state(value, namespace="shop", default_namespace="shop").facts.automount == {"a": True}


def test_a_state_is_compiled_once_until_something_changes() -> None:
    """Not for each request."""
    source = ManifestSource(DefaulterConfiguration())
    assert source.add(limit_range("a", "1"))
    found = source.state_now("shop")
    assert source.state_now("shop") is found
    assert not source.add({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}})
    assert source.state_now("shop") is found
    assert source.add(limit_range("0", "2"))
    later = source.state_now("shop").facts.limits
    assert later is not None
    assert later.default_limits["cpu"].text == "2"


def test_asked_from_a_server() -> None:
    """The same answer, awaited."""
    source = ManifestSource(DefaulterConfiguration())
    assert asyncio.run(source.state("shop")) is source.state_now("shop")


@pytest.mark.parametrize(
    "value",
    [None, [], "Namespace", {}, {"kind": "Namespace"}, manifest("Pod", "p"), {"apiVersion": "v2", "kind": "Namespace"}],
)
def test_what_says_nothing_about_a_namespace(value: Any) -> None:
    """Other kinds and versions are left to others."""
    assert ManifestSource(DefaulterConfiguration()).add(value) is False


def test_the_kinds_that_count() -> None:
    """Five."""
    assert {kind for _, kind in KINDS} == {"Namespace", "LimitRange", "ResourceQuota", "ServiceAccount", "RuntimeClass"}


@pytest.mark.parametrize("kind", sorted(kind for _, kind in KINDS))
def test_an_object_without_a_name(kind: str) -> None:
    """It cannot be taken into account."""
    value = manifest(kind, "x")
    del value["metadata"]["name"]
    with pytest.raises(InvalidObject):
        ManifestSource(DefaulterConfiguration()).add(value)
