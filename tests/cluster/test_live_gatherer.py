"""The live gatherer and a real API server: what is changed there counts within a second."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from patches.policy.configuration import Mode
from patches.policy.policy import PREFIX, PSA_PREFIX, Policy
from patches.policy.snapshot import UNKNOWN, Coverage, RuntimeClass, ServiceAccount
from tests.cluster import binaries
from tests.cluster.client import spread
from tests.cluster.control_plane import ControlPlane
from tests.cluster.following import admin, connected, following, seen
from tests.cluster.programs import restartable
from tests.cluster.telling import tell
from tests.gatherers.live_cluster import Live, live
from tests.gatherers.live_faults import beside, until
from webhook.cluster.api import ClusterClient

pytestmark = pytest.mark.cluster

NAMESPACES = "/api/v1/namespaces"
NODES = "/api/v1/nodes"
CLASSES = "/apis/node.k8s.io/v1/runtimeclasses"


def policy(followed: Live, namespace: str) -> Policy:
    """The policy as the cache has it."""
    return followed.find_at_once(namespace).policy


def is_cached(followed: Live, namespace: str) -> bool:
    """Whether the watch has told of a namespace."""
    return namespace in followed.gatherer._namespaces.rows


def automount(followed: Live, namespace: str) -> dict[str, bool]:
    """What the accounts of a namespace say, as the cache has them; of those that say something."""
    accounts = followed.find_at_once(namespace).service_accounts.all()
    assert accounts is not UNKNOWN
    return {name: account.automount for name, account in accounts.items() if account.automount is not None}


async def test_synced(plane: ControlPlane) -> None:
    """Every kind is listed, with what the API server has itself; `latest` is the API server's own version."""
    async with following(plane) as followed:
        rows = {row.kind: row for row in followed.gatherer.status()}
        assert list(rows) == ["namespaces", "limitranges", "resourcequotas", "serviceaccounts", "runtimeclasses"]
        assert all(row.synced and row.age_seconds is not None and row.age_seconds < 10 for row in rows.values())
        assert rows["namespaces"].objects >= 4
        assert followed.gatherer.known_minor == plane.minor
        assert (await followed.find("kube-system")).policy.server_minor == plane.minor


async def test_a_namespace_relabelled(plane: ControlPlane) -> None:
    """Created, labelled, annotated, unlabelled, deleted."""
    path = f"{NAMESPACES}/relabelled"
    async with following(plane) as followed:
        await asyncio.to_thread(plane.namespace, "relabelled")
        await seen(lambda: is_cached(followed, "relabelled"))
        assert policy(followed, "relabelled").mode is Mode.ENFORCE
        labels = {PSA_PREFIX + "enforce": "baseline", PREFIX + "mode": "warn"}
        await admin(plane, "PATCH", path, {"metadata": {"labels": labels}})
        await seen(lambda: policy(followed, "relabelled").mode is Mode.WARN)
        assert str(policy(followed, "relabelled").enforce) == "baseline:latest"
        await admin(plane, "PATCH", path, {"metadata": {"annotations": {PREFIX + "skip": "os"}}})
        await seen(lambda: policy(followed, "relabelled").skip == {"os"})
        await admin(plane, "PATCH", path, {"metadata": {"labels": dict.fromkeys(labels), "annotations": None}})
        await seen(lambda: policy(followed, "relabelled").mode is Mode.ENFORCE)
        assert str(policy(followed, "relabelled").enforce) == "privileged:latest"


async def test_limit_ranges(plane: ControlPlane) -> None:
    """Added, changed, removed."""
    path = f"{NAMESPACES}/limited/limitranges"

    def given(followed: Live) -> dict[str, object]:
        limits = followed.find_at_once("limited").limits
        assert limits is not UNKNOWN
        return {name: amount.text for name, amount in limits.default_limits.items()}

    def limit_range(cpu: str) -> Any:
        return {"metadata": {"name": "l"}, "spec": {"limits": [{"type": "Container", "default": {"cpu": cpu}}]}}

    async with following(plane) as followed:
        await asyncio.to_thread(plane.namespace, "limited")
        await seen(lambda: is_cached(followed, "limited"))
        await admin(plane, "POST", path, limit_range("500m"))
        await seen(lambda: given(followed) == {"cpu": "500m"})
        await admin(plane, "PUT", f"{path}/l", limit_range("2"))
        await seen(lambda: given(followed) == {"cpu": "2"})
        await admin(plane, "DELETE", f"{path}/l")
        await seen(lambda: given(followed) == {})


async def test_quotas(plane: ControlPlane) -> None:
    """Scopes, by either field, and that there is a quota at all."""
    path = f"{NAMESPACES}/quotas/resourcequotas"
    selector = {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "Exists"}]}
    async with following(plane) as followed:
        await asyncio.to_thread(plane.namespace, "quotas")
        await seen(lambda: is_cached(followed, "quotas"))
        assert followed.find_at_once("quotas").has_quota is False
        body = {"metadata": {"name": "q"}, "spec": {"hard": {"pods": "9"}, "scopes": ["NotBestEffort"]}}
        await admin(plane, "POST", path, body)
        await seen(lambda: followed.find_at_once("quotas").quota_scopes == frozenset({"NotBestEffort"}))
        await admin(plane, "POST", path, {"metadata": {"name": "r"}, "spec": {"scopeSelector": selector}})
        await seen(
            lambda: followed.find_at_once("quotas").quota_scopes == frozenset({"NotBestEffort", "PriorityClass"})
        )
        for name in ("q", "r"):
            await admin(plane, "DELETE", f"{path}/{name}")
        await seen(lambda: not followed.find_at_once("quotas").has_quota)
        assert followed.find_at_once("quotas").quota_scopes == frozenset()


async def test_service_accounts(plane: ControlPlane) -> None:
    """Opted in, opted out, silent, gone."""
    path = f"{NAMESPACES}/accounts/serviceaccounts"
    async with following(plane) as followed:
        await asyncio.to_thread(plane.namespace, "accounts")
        await seen(lambda: is_cached(followed, "accounts") and "accounts" in followed.gatherer._accounts.rows)
        assert automount(followed, "accounts") == {}
        for said in (True, False):
            await admin(plane, "PATCH", f"{path}/default", {"automountServiceAccountToken": said})
            await seen(lambda said=said: automount(followed, "accounts") == {"default": said})  # type: ignore[misc]
        await admin(plane, "PATCH", f"{path}/default", {"automountServiceAccountToken": None})
        await seen(lambda: automount(followed, "accounts") == {})
        await admin(plane, "DELETE", f"{path}/default")
        await seen(lambda: "accounts" not in followed.gatherer._accounts.rows)


async def test_runtime_classes(plane: ControlPlane) -> None:
    """Added and removed, in every namespace at once."""
    body = {
        "metadata": {"name": "live-gvisor"},
        "handler": "runsc",
        "scheduling": {"nodeSelector": {"a": "b"}},
        "overhead": {"podFixed": {"memory": "64Mi"}},
    }
    async with following(plane) as followed:
        assert followed.find_at_once("default").runtime_classes.coverage is not Coverage.PARTIAL
        await admin(plane, "POST", CLASSES, body)
        expected = RuntimeClass({"a": "b"}, has_overhead=True, handler="runsc")
        await seen(lambda: followed.find_at_once("default").runtime_classes.find("live-gvisor") == expected)
        await admin(plane, "DELETE", f"{CLASSES}/live-gvisor")
        await seen(lambda: followed.find_at_once("kube-system").runtime_classes.find("live-gvisor") is None)


async def test_nodes(plane: ControlPlane) -> None:
    """Followed while they are needed: what all that are ready offer counts at once, in every namespace."""
    async with following(plane) as followed:

        def offered() -> object:
            return followed.find_at_once("default").user_namespaces

        assert offered() is UNKNOWN
        followed.gatherer.follow_nodes(needed=True)
        await seen(lambda: offered() == frozenset())  # there is none
        try:
            for name, userns in (("a", True), ("b", False)):
                await admin(plane, "POST", NODES, {"metadata": {"name": f"live-{name}"}})
                await _set_status(plane, f"live-{name}", userns=userns)
                await seen(lambda userns=userns: offered() == (frozenset({""}) if userns else frozenset()))  # type: ignore[misc]
            await admin(plane, "DELETE", f"{NODES}/live-b")
            await seen(lambda: offered() == frozenset({""}))
            followed.gatherer.follow_nodes(needed=False)
            await seen(lambda: offered() is UNKNOWN)
        finally:
            await admin(plane, "DELETE", f"{NODES}/live-a")


async def _set_status(plane: ControlPlane, name: str, *, userns: bool) -> None:
    """Say of a node that it is ready, and whether it offers user namespaces, as its kubelet would."""
    handlers = [{"name": "", "features": {"userNamespaces": userns}}]
    status = {"conditions": [{"type": "Ready", "status": "True"}], "runtimeHandlers": handlers}
    await admin(plane, "PATCH", f"{NODES}/{name}/status", {"status": status})


async def test_what_the_cache_lacks(plane: ControlPlane) -> None:
    """A namespace, account and class that the watch has not told of yet are asked for, within the same second."""
    await asyncio.to_thread(plane.namespace, "lacked", {PSA_PREFIX + "enforce": "baseline"})
    await admin(plane, "PATCH", f"{NAMESPACES}/lacked/serviceaccounts/default", {"automountServiceAccountToken": True})
    await admin(plane, "POST", CLASSES, {"metadata": {"name": "lacked"}, "handler": "runsc"})
    try:
        async with following(plane, settings={"runtimeClassName": {"enabled": True, "name": "lacked"}}) as followed:
            cached = await followed.find("lacked", "default")
            followed.gatherer._namespaces.rows.pop("lacked")
            followed.gatherer._accounts.rows.pop("lacked")
            followed.gatherer._runtime_classes.rows.clear()
            followed.gatherer._forget(["lacked"])
            began = time.monotonic()
            found = await followed.find("lacked", "default")
            tell(f"three GETs in {(time.monotonic() - began) * 1000:.0f} ms")
            assert str(found.policy.enforce) == "baseline:latest"
            assert found.policy is cached.policy
            assert found.service_accounts.find("default") == ServiceAccount(automount=True)
            assert found.runtime_classes.find("lacked") == RuntimeClass({}, has_overhead=False, handler="runsc")
            assert not is_cached(followed, "lacked")  # only the watch may say so
            assert await followed.refused("nowhere") == 'namespace "nowhere" does not exist'
    finally:
        await admin(plane, "DELETE", f"{CLASSES}/lacked")


async def test_a_right_that_is_missing(plane: ControlPlane) -> None:
    """Who may not list is not synced, and tries again; the right granted, it is."""
    user, rbac = "live-without-rights", "/apis/rbac.authorization.k8s.io/v1"
    path = plane.kubeconfig(user)
    plane.authority.issue(user)  # in the same files, of no group
    rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}]
    group = "rbac.authorization.k8s.io"
    cluster = await ClusterClient.connect(path)
    try:
        followed = live(cluster)
        async with beside(followed.gatherer.run()):
            await until(lambda: followed.gatherer.known_minor)
            await asyncio.sleep(0.5)
            assert [row.synced for row in followed.gatherer.status()] == [False] * 5
            assert followed.gatherer.synced is False
            await admin(plane, "POST", f"{rbac}/clusterroles", {"metadata": {"name": user}, "rules": rules})
            binding = {
                "metadata": {"name": user},
                "subjects": [{"kind": "User", "apiGroup": group, "name": user}],
                "roleRef": {"kind": "ClusterRole", "apiGroup": group, "name": user},
            }
            await admin(plane, "POST", f"{rbac}/clusterrolebindings", binding)
            await until(lambda: followed.gatherer.synced, 30)
    finally:
        await cluster.close()
        for kind in ("clusterrolebindings", "clusterroles"):
            await asyncio.to_thread(plane.admin.request, "DELETE", f"{rbac}/{kind}/{user}")


async def test_many_objects(plane: ControlPlane) -> None:
    """A list of several pages is complete; so are the events of as many objects that come and go at once."""
    await asyncio.to_thread(plane.namespace, "many")
    path, count = f"{NAMESPACES}/many/serviceaccounts", 1200

    def create(number: int) -> None:
        plane.admin.must("POST", path, {"metadata": {"name": f"a{number}"}, "automountServiceAccountToken": True})

    async with following(plane) as before:
        await asyncio.to_thread(spread, create, range(count))
        await seen(lambda: len(automount(before, "many")) == count)
        async with following(plane) as after:
            assert automount(after, "many") == automount(before, "many")
            await admin(plane, "DELETE", path)
            for followed in (before, after):
                await until(lambda followed=followed: not automount(followed, "many"))  # type: ignore[misc]


async def test_an_api_server_that_is_away(tmp_path: Path) -> None:
    """The cache answers all the while; what it lacks is unknown within a second; then everything goes on."""
    found = binaries.find("etcd", "kube-apiserver")
    with restartable(tmp_path, found) as (plane, server):
        plane.namespace("kept", {PSA_PREFIX + "enforce": "baseline"})
        plane.namespace("gone")
        async with connected(plane) as cluster:
            followed = live(cluster)
            async with beside(followed.gatherer.run()):
                await until(lambda: followed.gatherer.synced)
                state = await followed.find("kept", "default")

                await asyncio.to_thread(server.kill)
                assert await followed.find("kept", "default") is state
                began = time.monotonic()
                assert await followed.refused("new") == 'namespace "new" could not be looked up: try again'
                assert time.monotonic() - began < 2
                assert followed.gatherer.synced is True

                await asyncio.to_thread(server.start)
                plane.admin.close()
                await asyncio.to_thread(plane.namespace, "new", {PREFIX + "mode": "audit"})
                await admin(plane, "PATCH", f"{NAMESPACES}/kept", {"metadata": {"labels": {PREFIX + "mode": "warn"}}})
                assert (await followed.find("new")).policy.mode is Mode.AUDIT
                began = time.monotonic()
                await until(lambda: policy(followed, "kept").mode is Mode.WARN, 30)
                tell(f"followed again {time.monotonic() - began:.1f} s after the API server was back")
                await seen(lambda: is_cached(followed, "new"))
                ages = [row.age_seconds for row in followed.gatherer.status()]
                assert all(age is not None for age in ages)


async def test_what_happened_while_nobody_followed(tmp_path: Path) -> None:
    """After a restart the old version is too old: the new list takes away what has vanished in between."""
    found = binaries.find("etcd", "kube-apiserver")
    with restartable(tmp_path, found) as (plane, server):
        for name in ("changed", "plain"):
            plane.namespace(name, {PREFIX + "mode": "warn"})
        ranges = f"{NAMESPACES}/changed/limitranges"
        spec = {"limits": [{"type": "Container", "default": {"cpu": "1"}}]}
        plane.admin.must("POST", ranges, {"metadata": {"name": "l"}, "spec": spec})
        async with connected(plane) as cluster:
            followed = live(cluster)
            async with beside(followed.gatherer.run()):
                await until(lambda: followed.gatherer.synced)
            assert followed.find_at_once("changed").limits != followed.find_at_once("plain").limits

            await admin(plane, "DELETE", f"{ranges}/l")
            await admin(plane, "DELETE", f"{NAMESPACES}/changed/serviceaccounts/default")
            await admin(plane, "PATCH", f"{NAMESPACES}/changed", {"metadata": {"labels": {PREFIX + "mode": None}}})
            await asyncio.to_thread(server.restart)
            plane.admin.close()
            async with beside(followed.gatherer.run()):
                await until(lambda: policy(followed, "changed").mode is Mode.ENFORCE)
                await until(lambda: followed.find_at_once("changed").limits == followed.find_at_once("plain").limits)
                await until(lambda: "changed" not in followed.gatherer._accounts.rows)
                assert policy(followed, "plain").mode is Mode.WARN
