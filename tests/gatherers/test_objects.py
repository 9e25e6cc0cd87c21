"""What of a cluster's objects counts, and how one that cannot be read is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from patches.policy.limits import LimitItem
from patches.policy.nodes import Node
from patches.policy.snapshot import ResourceQuota, RuntimeClass, ServiceAccount
from webhook.errors import InvalidObject
from webhook.gatherers.objects import (
    Marks,
    identify,
    limit_items,
    marks,
    node,
    resource_quota,
    runtime_class,
    service_account,
)


def test_identity() -> None:
    """Name and namespace; the namespace may be missing."""
    value = {"apiVersion": "v1", "kind": "X", "metadata": {"name": "a", "labels": {"b": None}}, "other": 1}
    found = identify(value)
    assert (found.api_version, found.kind, found.metadata.name, found.metadata.namespace) == ("v1", "X", "a", None)


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"apiVersion": "v1", "kind": "X", "metadata": {"name": 1}}, "metadata.name"),
        ({"apiVersion": "v1", "kind": "X", "metadata": {}}, "metadata"),
        ({"apiVersion": "v1", "kind": "X", "metadata": {"name": "a", "labels": []}}, "metadata.labels"),
        ({"kind": "X", "metadata": {"name": "a"}}, ""),
    ],
)
def test_an_identity_that_cannot_be_read(value: Any, field: str) -> None:
    """The field is named."""
    with pytest.raises(InvalidObject) as caught:
        identify(value)
    assert caught.value.field == field
    assert str(caught.value) == (f"{field}: {caught.value.problem}" if field else caught.value.problem)


def test_the_items_of_a_limit_range() -> None:
    """Each field; a missing or null one is empty."""
    full = {
        "type": "Container",
        "default": {"cpu": "1"},
        "defaultRequest": {"cpu": 2},
        "min": {"cpu": "3m"},
        "max": {"cpu": 4.5},
        "maxLimitRequestRatio": {"cpu": "5"},
    }
    items = limit_items({"spec": {"limits": [full, {"type": "Pod", "max": None}]}})
    assert list(items) == [
        LimitItem("Container", {"cpu": "1"}, {"cpu": 2}, {"cpu": "3m"}, {"cpu": 4.5}, {"cpu": "5"}),
        LimitItem("Pod"),
    ]


@pytest.mark.parametrize("value", [{}, {"spec": None}, {"spec": {}}, {"spec": {"limits": None}}])
def test_a_limit_range_without_items(value: Any) -> None:
    """It limits nothing."""
    assert list(limit_items(value)) == []


def test_equal_limit_ranges_share_their_items() -> None:
    """However their JSON is written: platforms give ten thousand namespaces the same."""
    first = limit_items({"spec": {"limits": [{"type": "Container", "max": {"cpu": "4"}}]}})
    assert limit_items(b'{"spec": {"limits": [{"max": {"cpu": "4"}, "type": "Container"}]}}') is first
    assert limit_items(b'{"spec": {"limits": [{"max": {"cpu": "5"}, "type": "Container"}]}}') != first


@pytest.mark.parametrize("field", ["default", "defaultRequest", "min", "max", "maxLimitRequestRatio"])
def test_a_quantity_that_is_none(field: str) -> None:
    """Its field and resource are named."""
    with pytest.raises(InvalidObject) as caught:
        limit_items({"spec": {"limits": [{"type": "Pod"}, {"type": "Container", field: {"cpu": "1x"}}]}})
    assert caught.value.field == f"spec.limits[1].{field}[cpu]"
    assert caught.value.problem == "'1x' is not a quantity such as 500m, 1.5 or 128Mi"


@pytest.mark.parametrize(
    ("spec", "scopes"),
    [
        (None, set()),
        ({}, set()),
        ({"scopes": None, "scopeSelector": None}, set()),
        ({"scopes": ["NotBestEffort"], "scopeSelector": {"matchExpressions": None}}, {"NotBestEffort"}),
        ({"scopeSelector": {"matchExpressions": [{"scopeName": "BestEffort", "operator": "Exists"}]}}, {"BestEffort"}),
    ],
)
def test_the_scopes_of_a_quota(spec: Any, scopes: set[str]) -> None:
    """By list and by selector."""
    assert resource_quota({"spec": spec}) == ResourceQuota(frozenset(scopes))


@pytest.mark.parametrize(
    ("spec", "resources"),
    [
        ({"hard": None}, set()),
        ({"hard": {}}, set()),
        ({"hard": {"pods": 9, "limits.cpu": "1"}}, {"pods", "limits.cpu"}),
    ],
)
def test_the_resources_of_a_quota(spec: Any, resources: set[str]) -> None:
    """By name only: how much there is changes nothing. Equal quotas share one object, of which a cluster has many."""
    assert resource_quota({"spec": spec}) == ResourceQuota(resources=frozenset(resources))
    assert resource_quota({"spec": spec}) is resource_quota({"spec": spec})


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"spec": {"scopes": "all"}}, "spec.scopes"),
        ({"spec": {"scopes": [1]}}, "spec.scopes[0]"),
        ({"spec": {"hard": ["pods"]}}, "spec.hard"),
    ],
)
def test_a_quota_that_cannot_be_read(value: Any, field: str) -> None:
    """The field is named."""
    with pytest.raises(InvalidObject) as caught:
        resource_quota(value)
    assert caught.value.field == field


@pytest.mark.parametrize("said", [True, False, None])
def test_what_a_service_account_says(said: Any) -> None:
    """True, false or nothing."""
    assert service_account({"automountServiceAccountToken": said}) == ServiceAccount(said)
    assert service_account({}) == ServiceAccount(None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({}, RuntimeClass({}, has_overhead=False)),
        ({"scheduling": None, "overhead": None}, RuntimeClass({}, has_overhead=False)),
        ({"scheduling": {"nodeSelector": None}, "overhead": {"podFixed": {}}}, RuntimeClass({}, has_overhead=False)),
        ({"scheduling": {"nodeSelector": {"a": "b"}}}, RuntimeClass({"a": "b"}, has_overhead=False)),
        ({"overhead": {"podFixed": {"memory": "1Mi"}}}, RuntimeClass({}, has_overhead=True)),
        ({"handler": "runsc"}, RuntimeClass({}, has_overhead=False, handler="runsc")),
    ],
)
def test_what_a_runtime_class_adds(value: Any, expected: RuntimeClass) -> None:
    """A node selector, whether it has an overhead, and its handler."""
    assert runtime_class(value) == expected


_READY = [{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": "True"}]


@pytest.mark.parametrize(
    ("status", "takes_linux_pods", "offers"),
    [
        ({"conditions": _READY, "runtimeHandlers": [{"name": "", "features": {"userNamespaces": True}}]}, True, {""}),
        ({"conditions": _READY, "runtimeHandlers": [{"features": {"userNamespaces": True}}]}, True, {""}),
        ({"conditions": _READY, "runtimeHandlers": [{"name": "runsc", "features": {}}]}, True, set()),
        ({"conditions": _READY, "runtimeHandlers": [{"name": "runsc", "features": None}]}, True, set()),
        ({"conditions": _READY, "runtimeHandlers": None}, True, set()),
        ({"conditions": _READY, "nodeInfo": {"operatingSystem": "linux"}}, True, set()),
        ({"conditions": _READY, "nodeInfo": {"operatingSystem": "windows"}}, False, set()),
        ({"conditions": [{"type": "Ready", "status": "Unknown"}]}, False, set()),
        ({"conditions": [{"type": "Ready", "status": "False"}]}, False, set()),
        ({"conditions": None}, False, set()),
        (None, False, set()),
    ],
)
def test_what_a_node_offers(status: Any, takes_linux_pods: Any, offers: set[str]) -> None:
    """The handlers with user namespaces, and whether it is ready and runs Linux."""
    assert node({"metadata": {"name": "a"}, "status": status}) == Node(takes_linux_pods, frozenset(offers))


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (limit_items, {"spec": {"limits": [{"type": "Container", "max": {"cpu": "2", "memory": 1}}]}}),
        (resource_quota, {"spec": {"scopes": ["BestEffort"], "scopeSelector": None}}),
        (service_account, {"automountServiceAccountToken": True}),
        (service_account, {"automountServiceAccountToken": False}),
        (runtime_class, {"handler": "x", "overhead": {"podFixed": {"cpu": "1"}}}),
        (marks, {"metadata": {"labels": {"pod-security-defaulter.io/mode": "off"}}}),
    ],
)
def test_json_and_manifests(read: Callable[[Any], Any], value: Any) -> None:
    """All the same, and not nothing."""
    data = json.dumps(value).encode()
    assert read(value) == read(data) == read(msgspec.Raw(data))
    assert read(value) != read({"metadata": {}})


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b'{"spec":{"limits":[{"type":"Pod","min":{"cpu":"1x"}}]}}', "spec.limits[0].min[cpu]"),
        (b'{"spec":{"limits":{}}}', "spec.limits"),
        (b'{"spec":', ""),
    ],
)
def test_json_that_cannot_be_read(data: bytes, field: str) -> None:
    """The field is named where there is one."""
    with pytest.raises(InvalidObject) as caught:
        limit_items(data)
    assert caught.value.field == field


def test_marks() -> None:
    """Only what a policy is made of; null is empty."""
    value = {
        "metadata": {
            "name": "shop",
            "labels": {
                "team": "a",
                "pod-security.kubernetes.io/warn": "baseline",
                "pod-security.kubernetes.io/enforce": None,
                "pod-security-defaulter.iox/mode": "off",
            },
            "annotations": {
                "note": "long",
                "openshift.io/sa.scc.uid-range": "1000660000/10000",
                "pod-security-defaulter.io/skip": "os",
            },
        }
    }
    assert marks(value) == Marks(
        {"pod-security.kubernetes.io/enforce": "", "pod-security.kubernetes.io/warn": "baseline"},
        {"openshift.io/sa.scc.uid-range": "", "pod-security-defaulter.io/skip": "os"},
    )
    assert marks({"metadata": {"labels": None}}) == Marks({}, {})


def test_namespaces_share_what_they_say() -> None:
    """Ten thousand namespaces with the same levels are one object, in whatever order their labels come."""
    levels = {"pod-security.kubernetes.io/warn": "baseline", "pod-security.kubernetes.io/enforce": "baseline"}
    one = marks({"metadata": {"labels": {**levels, "team": "a"}}})
    other = marks({"metadata": {"labels": {"team": "b", **dict(reversed(levels.items()))}}})
    assert one is other


def test_accounts_share_what_they_say() -> None:
    """Twenty thousand accounts are three objects."""
    assert service_account({"automountServiceAccountToken": None}) is service_account({}) is service_account(b"{}")


def test_limit_items_in_json() -> None:
    """Numbers stay as written."""
    assert list(limit_items(b'{"spec":{"limits":[{"type":"Pod","max":{"cpu":1.5}}]}}')) == [
        LimitItem("Pod", max={"cpu": 1.5})
    ]
