"""What an observer keeps of pods."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from patches import ContainerState, Owner, PodState
from tests.gatherers.live_cluster import configured
from tests.observer.test_reports import Cluster
from webhook.cluster.api import ClusterClient
from webhook.cluster.items import Item
from webhook.observer.observer import Observer

_NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)
_ROOT = "container has runAsNonRoot and image will run as root"


def observer(**settings: Any) -> Observer:
    """One that does not run."""
    client = cast("ClusterClient", Cluster())
    configuration = configured(settings=settings)
    return Observer(client, "own", ("/lease", "one"), lambda: configuration, now=lambda: _NOW)


def item(name: str, **container: Any) -> Item[PodState]:
    """A pod of one container."""
    state = ContainerState("app", "web:1", **container)
    owner = Owner("apps/v1", "ReplicaSet", "web", "u")
    return Item("shop", name, PodState("shop", name, name, 0, owner, "web", frozenset({"runAsNonRoot"}), (state,)))


def hangs(name: str) -> Item[PodState]:
    """A pod that the kubelet refuses."""
    return item(name, non_root=True, reason="CreateContainerConfigError", message=_ROOT)


def kept(found: Observer) -> set[str]:
    """The names of the pods that it keeps."""
    return {name for _, name in (*found._in_use, *found._young, *found._suspected)}


def test_it_keeps_the_pods_that_there_are() -> None:
    """And no others, however many there were."""
    found = observer()
    pods = [hangs("a"), item("b", running_since=_NOW.timestamp()), item("c")]
    for row in pods:
        found.put(row)
    assert (kept(found), len(found._suspected), len(found._young)) == ({"a", "b", "c"}, 1, 1)
    found.replace(pods[:2])
    assert kept(found) == {"a", "b"}
    for row in pods[:2]:
        found.delete(row)
    assert kept(found) == set()


def test_a_default_with_which_the_image_runs_is_no_longer_suspected() -> None:
    """Once it has run for a minute, in the namespace where it was suspected."""
    found = observer()
    found.book.suspect("web:1", "shop", "runAsNonRoot", _NOW)
    found.book.suspect("web:1", "bank", "runAsNonRoot", _NOW)
    found.put(item("young", running_since=_NOW.timestamp() - 59))
    assert found.book.entries["web:1"].suspected.keys() == {"shop", "bank"}
    found.put(item("steady", running_since=_NOW.timestamp() - 60))
    assert found.book.entries["web:1"].suspected.keys() == {"bank"}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, 0),
        ({"resources": {"limits": [{"default": {"cpu": "1"}}]}}, 0),
        ({"resources": {"limits": [{}, {"default": {"memory": "64Mi"}}]}}, 1),
        ({"resources": {"enabled": False, "limits": [{"default": {"memory": "64Mi"}}]}}, 0),
    ],
)
def test_a_memory_limit_of_others_is_not_ours(settings: Any, expected: int) -> None:
    """A LimitRange or another webhook gave it, where our configuration gives none."""
    found = observer(**settings)
    killed = item("a", limits_memory=True, reason="OOMKilled", exit_code=137, restarts=1)
    assert killed.value is not None
    found.put(killed._replace(value=killed.value._replace(applied=frozenset({"resources"}))))
    assert len(found._suspected) == expected
