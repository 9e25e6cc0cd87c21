"""Compiling a snapshot: what is shared, what is unknown, and what a namespace needs to know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from patches.compiler import NamespaceCompiler, compile_namespace
from patches.policy.configuration import DefaulterConfiguration, Mode
from patches.policy.exceptions import NO_EXCEPTIONS
from patches.policy.limits import NO_LIMITS, LimitItem
from patches.policy.quotas import QuotaDemand
from patches.policy.snapshot import UNKNOWN, Coverage, Objects, ResourceQuota, Snapshot, empty_snapshot
from patches.standards.levels import NEWEST_MINOR
from tests.patches.build import OURS, PSA, configuration

SHOP = empty_snapshot("shop")


def scope(snapshot: Snapshot = SHOP, **parts: Any) -> tuple[str, str]:
    """Whose ServiceAccount counts in a namespace, and which RuntimeClass may be added there."""
    found = compile_namespace(snapshot, configuration(**parts))
    return found.account_scope, found.runtime_class


def test_a_namespace_that_nobody_described_is_empty() -> None:
    """No LimitRange, no quota, no account that opted in; a RuntimeClass that is not there is unknown, not absent."""
    found = compile_namespace(SHOP, DefaulterConfiguration())
    assert found.name == "shop"
    assert found.limits is NO_LIMITS
    assert found.quota_scopes == frozenset()
    assert found.has_quota is False
    assert found.service_accounts.find("default") is None
    assert found.runtime_classes.find("gvisor") is UNKNOWN
    assert found.policy.server_minor == NEWEST_MINOR


def test_equal_labels_share_a_policy() -> None:
    """Only labels and annotations of ours and of Pod Security count, in whatever order they are written."""
    compiler = NamespaceCompiler(DefaulterConfiguration(), 36)
    labels: dict[str, str | None] = {f"{PSA}enforce": "baseline", f"{OURS}mode": "warn"}
    first = compiler.compile(replace(SHOP, labels={**labels, "team": "a"}))
    second = compiler.compile(
        replace(empty_snapshot("cart"), labels=dict(reversed(labels.items())), annotations={"x": ""})
    )
    assert first.policy is second.policy
    assert (first.policy.mode, first.policy.server_minor) == (Mode.WARN, 36)
    assert compiler.compile(SHOP).policy is not first.policy


def test_ranges_of_users_share_a_policy() -> None:
    """Each namespace of such a platform has a range of its own; only that it has one counts."""
    compiler = NamespaceCompiler(DefaulterConfiguration())
    one, other = (
        compiler.compile(replace(SHOP, annotations={"openshift.io/sa.scc.uid-range": f"{first}/10000"}))
        for first in (1000660000, 1000670000)
    )
    assert one.policy is other.policy
    assert one.policy.platform_assigns_users


def test_exceptions_of_a_namespace() -> None:
    """Those whose namespaces match its name."""
    compiler = NamespaceCompiler(configuration(exceptions=[{"namespaces": ["sh*"], "defaults": ["os"]}]))
    assert compiler.compile(SHOP).exceptions.everywhere == {"os"}
    assert compiler.compile(empty_snapshot("cart")).exceptions is NO_EXCEPTIONS


def test_limit_ranges_and_quotas() -> None:
    """Those that are known are compiled; where one cannot be read, or may be missing, all are unknown."""
    item = LimitItem("Container", default={"cpu": "2"})
    scoped = ResourceQuota(frozenset({"BestEffort"}))
    known = replace(SHOP, limit_ranges=Objects({"a": [item]}), resource_quotas=Objects({"q": scoped}))
    found = compile_namespace(known, DefaulterConfiguration())
    assert found.known_limits.default_limits["cpu"].text == "2"
    assert (found.quota_scopes, found.has_quota) == (frozenset({"BestEffort"}), True)
    ranges: tuple[Objects[Sequence[LimitItem]], ...] = (
        Objects({"a": [item], "b": UNKNOWN}),
        Objects({"a": [item]}, Coverage.PARTIAL),
    )
    quotas: tuple[Objects[ResourceQuota], ...] = (Objects({"q": UNKNOWN}), Objects({}, Coverage.PARTIAL))
    for limit_ranges, resource_quotas in zip(ranges, quotas, strict=True):
        snapshot = replace(SHOP, limit_ranges=limit_ranges, resource_quotas=resource_quotas)
        found = compile_namespace(snapshot, DefaulterConfiguration())
        assert (found.limits, found.quota_scopes, found.has_quota) == (UNKNOWN, UNKNOWN, True)


def test_quota_demands() -> None:
    """They are compiled; where a quota, or a LimitRange that may give what is asked for, is unknown, there are none."""
    cpu = ResourceQuota(resources=frozenset({"limits.cpu", "pods"}))
    snapshot = replace(SHOP, resource_quotas=Objects({"q": cpu}))
    demand = QuotaDemand("q", frozenset(), ("limits.cpu",), refuses=True)
    assert compile_namespace(snapshot, DefaulterConfiguration()).quota_demands == (demand,)
    for unknown in (
        replace(snapshot, resource_quotas=Objects({"q": cpu, "r": UNKNOWN})),
        replace(snapshot, limit_ranges=Objects({}, Coverage.PARTIAL)),
    ):
        assert compile_namespace(unknown, DefaulterConfiguration()).quota_demands == ()


def test_what_a_namespace_needs_to_know() -> None:
    """Accounts and a RuntimeClass are needed only by defaults that act there."""
    assert scope() == ("default", "")
    assert scope(settings={"automountServiceAccountToken": {"serviceAccounts": "all"}}) == ("all", "")
    assert scope(settings={"automountServiceAccountToken": {"enabled": False}}) == ("", "")
    assert scope(mode="off") == ("", "")
    assert scope(target={"profile": "privileged"}) == ("", "")
    assert scope(replace(SHOP, annotations={f"{OURS}skip": "automountServiceAccountToken"})) == ("", "")
    gvisor = {"runtimeClassName": {"enabled": True, "name": "gvisor"}}
    assert scope(settings=gvisor) == ("default", "gvisor")
    assert scope(settings=gvisor, exemptions={"runtimeClasses": ["gvisor"]}) == ("default", "")
