"""What counts of a cluster's objects is read from JSON as it is from manifests."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from patches.policy.limits import LimitItem
from webhook.errors import InvalidObject
from webhook.sources.objects import Account, Marks, account, automount, limit_items, marks, quota_scopes, runtime_class


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (limit_items, {"spec": {"limits": [{"type": "Container", "max": {"cpu": "2", "memory": 1}}]}}),
        (quota_scopes, {"spec": {"scopes": ["BestEffort"], "scopeSelector": None}}),
        (automount, {"automountServiceAccountToken": True}),
        (account, {"automountServiceAccountToken": False}),
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
    """Only what a policy is made of, in one order; null is empty."""
    value = {
        "metadata": {
            "name": "shop",
            "labels": {
                "team": "a",
                "pod-security.kubernetes.io/warn": "baseline",
                "pod-security.kubernetes.io/enforce": None,
                "pod-security-defaulter.iox/mode": "off",
            },
            "annotations": {"note": "long", "pod-security-defaulter.io/skip": "os"},
        }
    }
    assert marks(value) == Marks(
        (("pod-security.kubernetes.io/enforce", ""), ("pod-security.kubernetes.io/warn", "baseline")),
        (("pod-security-defaulter.io/skip", "os"),),
    )
    assert marks({"metadata": {"labels": None}}) == Marks()


def test_accounts_share_what_they_say() -> None:
    """Twenty thousand accounts are three objects."""
    assert account({"automountServiceAccountToken": None}) is account({}) is account(b"{}")
    assert account({}) == Account(None)


def test_limit_items_in_json() -> None:
    """Numbers stay as written."""
    assert list(limit_items(b'{"spec":{"limits":[{"type":"Pod","max":{"cpu":1.5}}]}}')) == [
        LimitItem("Pod", max={"cpu": 1.5})
    ]
