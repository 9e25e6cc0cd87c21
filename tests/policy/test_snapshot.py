"""Facts are known, absent or unknown: what a snapshot's objects say about a name, and about them all."""

from __future__ import annotations

import weakref

import pytest

from patches.policy.snapshot import UNKNOWN, Coverage, Objects, ServiceAccount, empty_snapshot

ACCOUNT = ServiceAccount(automount=True)
SILENT = ServiceAccount()


@pytest.mark.parametrize("coverage", list(Coverage))
def test_an_object_that_was_seen(coverage: Coverage) -> None:
    """However far the others are known, it is known; one that cannot be read is unknown."""
    objects = Objects({"a": ACCOUNT, "broken": UNKNOWN}, coverage)
    assert objects.find("a") is ACCOUNT
    assert objects.find("broken") is UNKNOWN


@pytest.mark.parametrize(
    ("coverage", "expected"), [(Coverage.COMPLETE, None), (Coverage.CACHED, None), (Coverage.PARTIAL, UNKNOWN)]
)
def test_an_object_that_was_not_seen(coverage: Coverage, expected: object) -> None:
    """It does not exist, unless some may be missing."""
    assert Objects({"a": ACCOUNT}, coverage).find("b") is expected


def test_all_objects() -> None:
    """Unknown as soon as one of them cannot be read, or one may be missing."""
    known = {"a": ACCOUNT, "b": SILENT}
    assert Objects(known).all() == Objects(known, Coverage.CACHED).all() == known
    assert Objects({}).all() == {}
    assert Objects(known, Coverage.PARTIAL).all() is UNKNOWN
    assert Objects({}, Coverage.PARTIAL).all() is UNKNOWN
    assert Objects({**known, "c": UNKNOWN}).all() is UNKNOWN


@pytest.mark.parametrize("coverage", list(Coverage))
def test_updated_objects(coverage: Coverage) -> None:
    """Namesakes are replaced and others added; the coverage stays, and so do the objects before."""
    before = Objects({"a": ACCOUNT, "broken": UNKNOWN}, coverage)
    after = before.updated({"b": SILENT, "broken": SILENT})
    assert after == Objects({"a": ACCOUNT, "b": SILENT, "broken": SILENT}, coverage)
    assert before.by_name == {"a": ACCOUNT, "broken": UNKNOWN}
    assert before.updated({}) is before


def test_a_namespace_that_nobody_described() -> None:
    """No labels, no objects, and RuntimeClasses that may exist or not."""
    found = empty_snapshot("shop")
    assert (found.name, found.labels, found.annotations) == ("shop", {}, {})
    assert found.limit_ranges.all() == found.resource_quotas.all() == {}
    assert found.service_accounts.find("default") is None
    assert found.runtime_classes.find("gvisor") is UNKNOWN


def test_snapshots_are_told_apart_by_identity() -> None:
    """What is compiled from one is kept for as long as it is there: one that says the same is another."""
    one, other = empty_snapshot("shop"), empty_snapshot("shop")
    assert one != other
    kept = weakref.WeakKeyDictionary({one: 1, other: 2})
    assert kept[one] == 1
    del one
    assert list(kept.values()) == [2]
