"""The live source and a real API server: what is changed there counts within a second."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from patches.policy.configuration import DefaulterConfiguration, Mode
from patches.policy.policy import PREFIX, PSA_PREFIX, Policy
from patches.policy.snapshot import Facts, RuntimeClass
from tests.cluster import binaries
from tests.cluster.client import spread
from tests.cluster.control_plane import ControlPlane
from tests.cluster.following import admin, connected, following, seen
from tests.cluster.programs import restartable
from tests.cluster.telling import tell
from tests.sources.live_faults import beside, until
from webhook.cluster.api import ClusterClient
from webhook.errors import NamespaceUnknown
from webhook.sources.live import LiveSource

pytestmark = pytest.mark.cluster

NAMESPACES = "/api/v1/namespaces"
CLASSES = "/apis/node.k8s.io/v1/runtimeclasses"


def policy(source: LiveSource, namespace: str) -> Policy:
    """The policy as the cache has it."""
    return source._known[namespace].state.policy


def facts(source: LiveSource, namespace: str) -> Facts:
    """The facts as the cache has them."""
    return source._known[namespace].state.facts


async def unknown(source: LiveSource, namespace: str) -> str:
    """The message where a namespace cannot be learnt."""
    with pytest.raises(NamespaceUnknown) as caught:
        await source.state(namespace)
    return str(caught.value)


async def test_synced(plane: ControlPlane) -> None:
    """Every kind is listed, with what the API server has itself; `latest` is the API server's own version."""
    async with following(plane) as source:
        rows = {row.kind: row for row in source.status()}
        assert list(rows) == ["namespaces", "limitranges", "resourcequotas", "serviceaccounts", "runtimeclasses"]
        assert all(row.synced and row.age_seconds is not None and row.age_seconds < 10 for row in rows.values())
        assert rows["namespaces"].objects >= 4
        assert source.minor == plane.minor
        assert (await source.state("kube-system")).policy.newest == plane.minor


async def test_a_namespace_relabelled(plane: ControlPlane) -> None:
    """Created, labelled, annotated, unlabelled, deleted."""
    path = f"{NAMESPACES}/relabelled"
    async with following(plane) as source:
        await asyncio.to_thread(plane.namespace, "relabelled")
        await seen(lambda: "relabelled" in source._known)
        assert policy(source, "relabelled").mode is Mode.ENFORCE
        labels = {PSA_PREFIX + "enforce": "baseline", PREFIX + "mode": "warn"}
        await admin(plane, "PATCH", path, {"metadata": {"labels": labels}})
        await seen(lambda: policy(source, "relabelled").mode is Mode.WARN)
        assert str(policy(source, "relabelled").enforce) == "baseline:latest"
        await admin(plane, "PATCH", path, {"metadata": {"annotations": {PREFIX + "skip": "os"}}})
        await seen(lambda: policy(source, "relabelled").skip == {"os"})
        await admin(plane, "PATCH", path, {"metadata": {"labels": dict.fromkeys(labels), "annotations": None}})
        await seen(lambda: policy(source, "relabelled").mode is Mode.ENFORCE)
        assert str(policy(source, "relabelled").enforce) == "privileged:latest"


async def test_limit_ranges(plane: ControlPlane) -> None:
    """Added, changed, removed."""
    path = f"{NAMESPACES}/limited/limitranges"

    def given(source: LiveSource) -> dict[str, object]:
        limits = facts(source, "limited").limits
        assert limits is not None
        return {name: amount.text for name, amount in limits.default_limits.items()}

    def limit_range(cpu: str) -> Any:
        return {"metadata": {"name": "l"}, "spec": {"limits": [{"type": "Container", "default": {"cpu": cpu}}]}}

    async with following(plane) as source:
        await asyncio.to_thread(plane.namespace, "limited")
        await seen(lambda: "limited" in source._known)
        await admin(plane, "POST", path, limit_range("500m"))
        await seen(lambda: given(source) == {"cpu": "500m"})
        await admin(plane, "PUT", f"{path}/l", limit_range("2"))
        await seen(lambda: given(source) == {"cpu": "2"})
        await admin(plane, "DELETE", f"{path}/l")
        await seen(lambda: given(source) == {})


async def test_quotas(plane: ControlPlane) -> None:
    """Scopes, by either field, and that there is a quota at all."""
    path = f"{NAMESPACES}/quotas/resourcequotas"
    selector = {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "Exists"}]}
    async with following(plane) as source:
        await asyncio.to_thread(plane.namespace, "quotas")
        await seen(lambda: "quotas" in source._known)
        assert facts(source, "quotas").has_quota is False
        body = {"metadata": {"name": "q"}, "spec": {"hard": {"pods": "9"}, "scopes": ["NotBestEffort"]}}
        await admin(plane, "POST", path, body)
        await seen(lambda: facts(source, "quotas").quota_scopes == frozenset({"NotBestEffort"}))
        await admin(plane, "POST", path, {"metadata": {"name": "r"}, "spec": {"scopeSelector": selector}})
        await seen(lambda: facts(source, "quotas").quota_scopes == frozenset({"NotBestEffort", "PriorityClass"}))
        for name in ("q", "r"):
            await admin(plane, "DELETE", f"{path}/{name}")
        await seen(lambda: not facts(source, "quotas").has_quota)
        assert facts(source, "quotas").quota_scopes == frozenset()


async def test_service_accounts(plane: ControlPlane) -> None:
    """Opted in, opted out, silent, gone."""
    path = f"{NAMESPACES}/accounts/serviceaccounts"
    async with following(plane) as source:
        await asyncio.to_thread(plane.namespace, "accounts")
        await seen(lambda: source._known["accounts"].accounts and "accounts" in source._accounts.rows)
        assert facts(source, "accounts").automount == {}
        for said in (True, False):
            await admin(plane, "PATCH", f"{path}/default", {"automountServiceAccountToken": said})
            await seen(lambda said=said: facts(source, "accounts").automount == {"default": said})  # type: ignore[misc]
        await admin(plane, "PATCH", f"{path}/default", {"automountServiceAccountToken": None})
        await seen(lambda: facts(source, "accounts").automount == {})
        await admin(plane, "DELETE", f"{path}/default")
        await seen(lambda: "accounts" not in source._accounts.rows)


async def test_runtime_classes(plane: ControlPlane) -> None:
    """Added and removed, in every namespace at once."""
    body = {
        "metadata": {"name": "live-gvisor"},
        "handler": "runsc",
        "scheduling": {"nodeSelector": {"a": "b"}},
        "overhead": {"podFixed": {"memory": "64Mi"}},
    }
    async with following(plane) as source:
        assert facts(source, "default").runtime_classes_complete is True
        await admin(plane, "POST", CLASSES, body)
        expected = RuntimeClass({"a": "b"}, has_overhead=True)
        await seen(lambda: facts(source, "default").runtime_classes.get("live-gvisor") == expected)
        await admin(plane, "DELETE", f"{CLASSES}/live-gvisor")
        await seen(lambda: "live-gvisor" not in facts(source, "kube-system").runtime_classes)


async def test_what_the_cache_lacks(plane: ControlPlane) -> None:
    """A namespace, account and class that the watch has not told of yet are asked for, within the same second."""
    await asyncio.to_thread(plane.namespace, "lacked", {PSA_PREFIX + "enforce": "baseline"})
    await admin(plane, "PATCH", f"{NAMESPACES}/lacked/serviceaccounts/default", {"automountServiceAccountToken": True})
    await admin(plane, "POST", CLASSES, {"metadata": {"name": "lacked"}, "handler": "runsc"})
    try:
        async with following(plane, settings={"runtimeClassName": {"enabled": True, "name": "lacked"}}) as source:
            cached = await source.state("lacked", "default")
            source._namespaces.rows.pop("lacked")
            source._accounts.rows.pop("lacked")
            source._runtime_classes.rows.clear()
            source._compile(["lacked"])
            began = time.monotonic()
            found = await source.state("lacked", "default")
            tell(f"three GETs in {(time.monotonic() - began) * 1000:.0f} ms")
            assert str(found.policy.enforce) == "baseline:latest"
            assert found.policy is cached.policy
            assert found.facts.automount == {"default": True}
            assert "lacked" in found.facts.runtime_classes
            assert "lacked" not in source._known  # only the watch may say so
            assert await unknown(source, "nowhere") == 'namespace "nowhere" does not exist'
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
        source = LiveSource(cluster, DefaulterConfiguration())
        async with beside(source.run()):
            await until(lambda: source.minor)
            await asyncio.sleep(0.5)
            assert [row.synced for row in source.status()] == [False] * 5
            assert source.synced is False
            await admin(plane, "POST", f"{rbac}/clusterroles", {"metadata": {"name": user}, "rules": rules})
            binding = {
                "metadata": {"name": user},
                "subjects": [{"kind": "User", "apiGroup": group, "name": user}],
                "roleRef": {"kind": "ClusterRole", "apiGroup": group, "name": user},
            }
            await admin(plane, "POST", f"{rbac}/clusterrolebindings", binding)
            await until(lambda: source.synced, 30)
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
        await seen(lambda: len(facts(before, "many").automount or ()) == count)
        async with following(plane) as after:
            assert facts(after, "many").automount == facts(before, "many").automount
            await admin(plane, "DELETE", path)
            for source in (before, after):
                await until(lambda source=source: not facts(source, "many").automount)  # type: ignore[misc]


async def test_an_api_server_that_is_away(tmp_path: Path) -> None:
    """The cache answers all the while; what it lacks is unknown within a second; then everything goes on."""
    found = binaries.find("etcd", "kube-apiserver")
    with restartable(tmp_path, found) as (plane, server):
        plane.namespace("kept", {PSA_PREFIX + "enforce": "baseline"})
        plane.namespace("gone")
        async with connected(plane) as cluster:
            source = LiveSource(cluster, DefaulterConfiguration())
            async with beside(source.run()):
                await until(lambda: source.synced)
                state = await source.state("kept", "default")

                await asyncio.to_thread(server.kill)
                assert await source.state("kept", "default") is state
                began = time.monotonic()
                assert await unknown(source, "new") == 'namespace "new" could not be looked up: try again'
                assert time.monotonic() - began < 2
                assert source.synced is True

                await asyncio.to_thread(server.start)
                plane.admin.close()
                await asyncio.to_thread(plane.namespace, "new", {PREFIX + "mode": "audit"})
                await admin(plane, "PATCH", f"{NAMESPACES}/kept", {"metadata": {"labels": {PREFIX + "mode": "warn"}}})
                assert (await source.state("new")).policy.mode is Mode.AUDIT
                began = time.monotonic()
                await until(lambda: policy(source, "kept").mode is Mode.WARN, 30)
                tell(f"followed again {time.monotonic() - began:.1f} s after the API server was back")
                await seen(lambda: "new" in source._known)
                ages = [row.age_seconds for row in source.status()]
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
            source = LiveSource(cluster, DefaulterConfiguration())
            async with beside(source.run()):
                await until(lambda: source.synced)
            assert facts(source, "changed").limits != facts(source, "plain").limits

            await admin(plane, "DELETE", f"{ranges}/l")
            await admin(plane, "DELETE", f"{NAMESPACES}/changed/serviceaccounts/default")
            await admin(plane, "PATCH", f"{NAMESPACES}/changed", {"metadata": {"labels": {PREFIX + "mode": None}}})
            await asyncio.to_thread(server.restart)
            plane.admin.close()
            async with beside(source.run()):
                await until(lambda: policy(source, "changed").mode is Mode.ENFORCE)
                await until(lambda: facts(source, "changed").limits == facts(source, "plain").limits)
                await until(lambda: "changed" not in source._accounts.rows)
                assert policy(source, "plain").mode is Mode.WARN
