"""What is assumed of a cluster of which nobody said anything."""

from __future__ import annotations

from patches.policy.limits import NO_LIMITS
from patches.policy.snapshot import Facts


def test_a_namespace_that_nobody_described_is_empty() -> None:
    """No LimitRange, no quota, no account that opted in; a RuntimeClass that is not there is unknown, not absent."""
    facts = Facts()
    assert facts.limits is NO_LIMITS
    assert facts.quota_scopes == frozenset()
    assert facts.has_quota is False
    assert facts.automount == {}
    assert facts.runtime_classes == {}
    assert facts.runtime_classes_complete is False
