"""Snapshots from manifests, and what they are compiled to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from patches.compiler import compile_namespace
from patches.model.images import NO_IMAGES, ImageFacts, Images
from patches.policy.configuration import DefaulterConfiguration, Mode
from patches.policy.limits import NO_LIMITS
from patches.policy.namespace import CompiledNamespace, Missing
from patches.policy.snapshot import (
    UNKNOWN,
    Coverage,
    Objects,
    ResourceQuota,
    RuntimeClass,
    ServiceAccount,
    Snapshot,
    empty_snapshot,
)
from patches.standards.levels import NEWEST_MINOR
from webhook.errors import InvalidObject
from webhook.gatherers import manifests
from webhook.gatherers.gatherer import GatheredNamespaces
from webhook.gatherers.manifests import KINDS, ManifestGatherer


def manifest(kind: str, name: str, namespace: str | None = None, **fields: Any) -> dict[str, Any]:
    """An object of the cluster."""
    groups = {
        "RuntimeClass": "node.k8s.io/",
        "RoleBinding": "rbac.authorization.k8s.io/",
        "ClusterRoleBinding": "rbac.authorization.k8s.io/",
    }
    api_version = f"{groups.get(kind, '')}v1"
    metadata: dict[str, Any] = {"name": name}
    if namespace is not None:
        metadata["namespace"] = namespace
    metadata.update(fields.pop("metadata", {}))
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def gatherer_of(*objects: Any, **options: Any) -> ManifestGatherer:
    """A gatherer of these objects, each of which counts."""
    gatherer = ManifestGatherer(**options)
    for value in objects:
        assert gatherer.add(value)
    return gatherer


def compiled(gatherer: ManifestGatherer, namespace: str = "shop") -> CompiledNamespace:
    """What a namespace of a gatherer comes to."""
    return compile_namespace(gatherer.snapshot(namespace), DefaulterConfiguration(), gatherer.server_minor)


def found_in(*objects: Any, namespace: str = "shop", **options: Any) -> CompiledNamespace:
    """What is known of a namespace from these objects."""
    return compiled(gatherer_of(*objects, **options), namespace)


def limit_range(name: str, cpu: str, namespace: str = "shop") -> Any:
    """A LimitRange that gives a limit."""
    return manifest("LimitRange", name, namespace, spec={"limits": [{"type": "Container", "default": {"cpu": cpu}}]})


def test_a_namespace_that_nobody_described() -> None:
    """It counts as unlabelled, and nothing is in it."""
    found = found_in(namespace="nowhere")
    assert (found.name, found.limits, found.quota_scopes, found.has_quota) == (
        "nowhere",
        NO_LIMITS,
        frozenset(),
        False,
    )
    assert found.service_accounts == Objects({})
    assert found.runtime_classes == Objects({}, Coverage.PARTIAL)
    assert str(found.policy.target) == "restricted:latest"
    assert found.policy.server_minor == NEWEST_MINOR


def test_labels_and_annotations() -> None:
    """They make the policy; null maps are empty."""
    labels = {"pod-security-defaulter.io/mode": "audit", "pod-security.kubernetes.io/enforce": "baseline"}
    annotations = {"pod-security-defaulter.io/skip": "os"}
    found = found_in(
        manifest("Namespace", "shop", metadata={"labels": labels, "annotations": annotations}), server_minor=34
    )
    assert found.policy.mode is Mode.AUDIT
    assert str(found.policy.enforce) == "baseline:latest"
    assert found.policy.skip == {"os"}
    assert found.policy.server_minor == 34
    empty = found_in(manifest("Namespace", "shop", metadata={"labels": None, "annotations": None}))
    assert empty.policy.mode is Mode.ENFORCE


def test_limit_ranges_of_the_namespace() -> None:
    """Those of others do not count; the first by name wins; one given twice counts as given last."""
    found = found_in(
        limit_range("b", "2"), limit_range("c", "9"), limit_range("a", "5", "other"), limit_range("b", "3")
    )
    assert found.limits is not UNKNOWN
    assert found.limits.default_limits["cpu"].text == "3"
    only = found_in(limit_range("a", "5", "other"))
    assert only.limits is not UNKNOWN
    assert only.limits.default_limits == {}


def test_quotas_of_the_namespace() -> None:
    """Their scopes together, by either field; a quota without scopes is a quota."""
    plain = found_in(manifest("ResourceQuota", "q", "shop"))
    assert (plain.has_quota, plain.quota_scopes) == (True, frozenset())
    expressions = [{"scopeName": "PriorityClass", "operator": "Exists"}]
    found = found_in(
        manifest("ResourceQuota", "q", "shop", spec={"scopes": ["BestEffort"]}),
        manifest("ResourceQuota", "r", "shop", spec={"scopeSelector": {"matchExpressions": expressions}}),
        manifest("ResourceQuota", "s", "other", spec={"scopes": ["Terminating"]}),
    )
    assert (found.has_quota, found.quota_scopes) == (True, frozenset({"BestEffort", "PriorityClass"}))
    assert found_in(namespace="shop").has_quota is False


def test_service_accounts_of_the_namespace() -> None:
    """Each as it says; one that nobody described does not exist."""
    found = found_in(
        manifest("ServiceAccount", "yes", "shop", automountServiceAccountToken=True),
        manifest("ServiceAccount", "no", "shop", automountServiceAccountToken=False),
        manifest("ServiceAccount", "silent", "shop"),
        manifest("ServiceAccount", "null", "shop", automountServiceAccountToken=None),
        manifest("ServiceAccount", "other", "other", automountServiceAccountToken=True),
    )
    said = {name: found.service_accounts.find(name) for name in ("yes", "no", "silent", "null", "other")}
    assert said == {
        "yes": ServiceAccount(automount=True),
        "no": ServiceAccount(automount=False),
        "silent": ServiceAccount(),
        "null": ServiceAccount(),
        "other": None,
    }


def test_runtime_classes_are_of_the_cluster() -> None:
    """Known in every namespace; one that is not described is unknown: no file says what does not exist."""
    gvisor = manifest("RuntimeClass", "gvisor", handler="runsc", scheduling={"nodeSelector": {"a": "b"}})
    for namespace in ("shop", "nowhere"):
        found = found_in(
            gvisor, manifest("RuntimeClass", "kata", overhead={"podFixed": {"cpu": 1}}), namespace=namespace
        )
        assert found.runtime_classes.by_name == {
            "gvisor": RuntimeClass({"a": "b"}, has_overhead=False, handler="runsc"),
            "kata": RuntimeClass({}, has_overhead=True),
        }
        assert found.runtime_classes.find("other") is UNKNOWN


def test_objects_without_a_namespace_belong_to_the_default_one() -> None:
    """As with kubectl, which namespace that is can be chosen."""
    value = manifest("ServiceAccount", "a", automountServiceAccountToken=True)
    said = ServiceAccount(automount=True)
    assert found_in(value, namespace="default").service_accounts.find("a") == said
    assert found_in(value, namespace="shop").service_accounts.find("a") is None
    assert found_in(value, namespace="shop", default_namespace="shop").service_accounts.find("a") == said


def test_a_snapshot_is_the_same_until_something_changes() -> None:
    """So that it is compiled once, not for each request."""
    gatherer = gatherer_of(limit_range("a", "1"))
    found = gatherer.snapshot("shop")
    assert gatherer.snapshot("shop") is found
    assert not gatherer.add({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}})
    assert gatherer.snapshot("shop") is found
    assert gatherer.add(limit_range("0", "2"))
    later = compiled(gatherer).limits
    assert later is not UNKNOWN
    assert later.default_limits["cpu"].text == "2"


def test_snapshots_of_made_up_names_are_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends reviews chooses names: so many are kept, and no more."""
    monkeypatch.setattr(manifests, "_MOST_SNAPSHOTS", 3)
    gatherer = gatherer_of(manifest("ServiceAccount", "a", "shop"))
    for number in range(20):
        assert gatherer.snapshot(f"n{number}").name == f"n{number}"
        assert len(gatherer._snapshots) <= 3
    assert gatherer.snapshot("shop").service_accounts.find("a") == ServiceAccount()


async def test_asked_from_a_server() -> None:
    """The same answer, awaited; alone or for several, and with nothing that could be looked up."""
    gatherer = gatherer_of(limit_range("a", "1"))
    shop = gatherer.snapshot("shop")
    assert await gatherer.gather("shop", 0) is shop
    assert await gatherer.look_up(shop, Missing("default", "kata"), 0) is shop
    gathered = await gatherer.gather_all(["shop", "nowhere"])
    assert gathered == GatheredNamespaces({"shop": shop, "nowhere": gatherer.snapshot("nowhere")}, {})


def test_manifests_besides_what_is_known() -> None:
    """They count more than what a cluster says of the same objects; what it says of others stays, as far as it goes."""
    known = empty_snapshot("shop")
    base = Snapshot(
        "shop",
        labels={"pod-security-defaulter.io/mode": "warn"},
        annotations={"pod-security-defaulter.io/skip": "os"},
        limit_ranges=known.limit_ranges,
        resource_quotas=Objects({"q": ResourceQuota(frozenset({"BestEffort"}))}),
        service_accounts=Objects({"a": ServiceAccount(automount=True), "b": ServiceAccount()}, Coverage.PARTIAL),
        runtime_classes=Objects({"kata": RuntimeClass({}, has_overhead=True)}),
    )
    gatherer = gatherer_of(
        manifest("ServiceAccount", "a", "shop", automountServiceAccountToken=False),
        manifest("RuntimeClass", "gvisor"),
        base={"shop": base},
    )
    found = compiled(gatherer)
    assert (found.policy.mode, found.policy.skip) == (Mode.WARN, frozenset({"os"}))
    assert found.quota_scopes == frozenset({"BestEffort"})
    assert [found.service_accounts.find(name) for name in "abc"] == [
        ServiceAccount(automount=False),
        ServiceAccount(),
        UNKNOWN,
    ]
    assert [found.runtime_classes.find(name) for name in ("kata", "gvisor", "other")] == [
        RuntimeClass({}, has_overhead=True),
        RuntimeClass({}, has_overhead=False),
        None,
    ]
    assert gatherer.add(manifest("Namespace", "shop", metadata={"labels": {"pod-security-defaulter.io/mode": "audit"}}))
    relabelled = compiled(gatherer).policy
    assert (relabelled.mode, relabelled.skip) == (Mode.AUDIT, frozenset())
    assert compiled(gatherer, "other").policy.mode is Mode.ENFORCE


@pytest.mark.parametrize(
    "value",
    [None, [], "Namespace", {}, {"kind": "Namespace"}, manifest("Pod", "p"), {"apiVersion": "v2", "kind": "Namespace"}],
)
def test_what_says_nothing_about_a_namespace(value: Any) -> None:
    """Other kinds and versions are left to others."""
    assert ManifestGatherer().add(value) is False


def test_the_kinds_that_count() -> None:
    """Those that say something about a namespace or its accounts, and about nodes."""
    about = {"Namespace", "LimitRange", "ResourceQuota", "ServiceAccount", "RuntimeClass", "Node"}
    assert {kind for _, kind in KINDS} == about | {"RoleBinding", "ClusterRoleBinding"}


@pytest.mark.parametrize("kind", sorted(kind for _, kind in KINDS))
def test_an_object_without_a_name(kind: str) -> None:
    """It cannot be taken into account."""
    value = manifest(kind, "x")
    del value["metadata"]["name"]
    with pytest.raises(InvalidObject):
        ManifestGatherer().add(value)


def test_what_nodes_offer_is_in_every_snapshot() -> None:
    """What all of them do, in place of what the base says; without a Node it is what the base says."""
    base = {"shop": replace(empty_snapshot("shop"), user_namespaces=frozenset({"runsc"}))}
    gatherer = ManifestGatherer(base=base)
    assert gatherer.snapshot("shop").user_namespaces == frozenset({"runsc"})
    assert gatherer.snapshot("other").user_namespaces is UNKNOWN
    ready = [{"type": "Ready", "status": "True"}]
    handlers = [{"name": name, "features": {"userNamespaces": True}} for name in ("", "runsc")]
    gatherer.add(manifest("Node", "a", status={"conditions": ready, "runtimeHandlers": handlers}))
    assert gatherer.snapshot("shop").user_namespaces == frozenset({"", "runsc"})
    gatherer.add(manifest("Node", "b", status={"conditions": ready, "runtimeHandlers": handlers[:1]}))
    assert gatherer.snapshot("other").user_namespaces == frozenset({""})


def test_facts_of_images_are_in_every_snapshot() -> None:
    """Also in those that were composed before, and instead of those of the base."""
    base = {"shop": replace(empty_snapshot("shop"), images=Images({"nginx": ImageFacts(user="1")}))}
    gatherer = ManifestGatherer(base=base)
    assert gatherer.snapshot("shop").images.find("nginx").user == "1"
    assert gatherer.snapshot("other").images is NO_IMAGES
    gatherer.use_images(Images({"nginx": ImageFacts(user="2")}))
    assert [gatherer.snapshot(name).images.find("nginx").user for name in ("shop", "other")] == ["2", "2"]
