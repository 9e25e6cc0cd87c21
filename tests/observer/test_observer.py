"""What an observer keeps of pods."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

from patches import ContainerState, Owner, PodState
from patches.policy.configuration import DefaulterConfiguration
from tests.observer.test_reports import Cluster
from webhook.cluster.api import ClusterClient
from webhook.cluster.items import Item
from webhook.observer.observer import Observer

_NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)
_ROOT = "container has runAsNonRoot and image will run as root"


def observer(now: datetime = _NOW) -> Observer:
    """One that does not run."""
    client = cast("ClusterClient", Cluster())
    return Observer(client, "own", ("/lease", "one"), DefaulterConfiguration, now=lambda: now)


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
