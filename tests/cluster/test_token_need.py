"""Whose token is of use, under `serviceAccounts: unbound`: drawn accounts and bindings, and the authorizer."""

from __future__ import annotations

import asyncio
import random
from typing import Any, Final

import pytest

from tests.cluster.client import spread
from tests.cluster.control_plane import ControlPlane
from tests.cluster.following import admin, connected, following
from tests.cluster.kubectl import Kubectl
from tests.cluster.telling import fresh, tell
from tests.gatherers.live_cluster import Live, configured
from tests.gatherers.live_cluster import live as found
from tests.gatherers.live_faults import beside, until
from tests.review.builders import operations, pod, request, sent
from webhook.gatherers import on_demand
from webhook.review.reviewer import Reviewer

pytestmark = pytest.mark.cluster

_GROUP: Final = "rbac.authorization.k8s.io"
_RBAC: Final = f"/apis/{_GROUP}/v1"
_NAMESPACES: Final = tuple(f"need-{number}" for number in range(20))
_ACCOUNTS: Final = tuple(f"account-{number}" for number in range(10))
_BINDING_NAMESPACES: Final = _NAMESPACES[:3]
_BINDINGS: Final = 80
_GROUPS_OF_NAMESPACES: Final = 4
_AUDITED: Final = "system:serviceaccounts:pod-security-defaulter"
"""The group whose requests are in the audit log."""
_ALL: Final = {"automountServiceAccountToken": {"serviceAccounts": "all"}}
_UNBOUND: Final = {"automountServiceAccountToken": {"serviceAccounts": "unbound"}}


async def test_the_authorizer_agrees(plane: ControlPlane, kubectl: Kubectl) -> None:
    """An account keeps its token where `kubectl auth can-i --list` says that it may do more than every account may."""
    accounts = [(namespace, name) for namespace in _NAMESPACES for name in _ACCOUNTS]
    try:
        bindings = await asyncio.to_thread(_prepare, plane, accounts)
        expected = await asyncio.to_thread(_bound, kubectl, accounts)
        kept = await _keeping(plane, accounts)
    finally:
        await asyncio.to_thread(_clear, plane)
    assert kept == expected
    assert 0 < len(kept) < len(accounts)
    tell(f"{len(accounts)} accounts, {bindings} bindings: {len(kept)} accounts have rights and keep their token")


async def test_a_bound_account_that_loses_its_token(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under `all` a warning names its binding; a server that may not read bindings asks for none until it may."""
    monkeypatch.setattr(on_demand, "_ASK_AGAIN_SECONDS", 0.2)
    space = plane.namespace("need-all", {"pod-security.kubernetes.io/enforce": "restricted"})
    read = {"apiGroups": ["", "node.k8s.io"], "resources": ["*"], "verbs": ["get", "list", "watch"]}
    plane.admin.must("POST", f"{_RBAC}/clusterroles", {"metadata": {"name": "need-read"}, "rules": [read]})
    _bind(plane, "need-read", "need-read", _group(_AUDITED), "")
    _bind(plane, "need-app", "view", {"kind": "ServiceAccount", "namespace": space, "name": "app"}, space)
    try:
        async with (
            connected(plane, group=_AUDITED) as client,
            beside((live := found(client, configured(settings=_ALL))).gatherer.run()),
        ):
            live.gatherer.follow_bindings(needed=True)
            await until(lambda: live.gatherer.synced and len(_asked(plane, "selfsubjectaccessreviews")) > 2)
            assert _asked(plane, "rolebindings") == _asked(plane, "clusterrolebindings") == []
            assert "has rights by" not in await _warnings(live, space)
            rules = [read, {**read, "apiGroups": [_GROUP]}]
            path = f"{_RBAC}/clusterroles/need-read"
            await admin(plane, "PATCH", path, {"rules": rules})
            await until(lambda: live.find_at_once(space).bindings.complete)
            assert f"ServiceAccount app has rights by RoleBinding {space}/need-app" in await _warnings(live, space)
            assert set(_asked(plane, "rolebindings")) == {200}
    finally:
        await asyncio.to_thread(_clear, plane)


def _asked(plane: ControlPlane, resource: str) -> list[int]:
    """What the server without many rights was answered, when it asked for a resource."""
    calls = [event for event in plane.audit.events() if event["user"]["username"] == "live"]
    refs = [(event.get("objectRef") or {}, event["responseStatus"]["code"]) for event in calls]
    return [code for ref, code in refs if ref.get("resource") == resource]


async def _warnings(live: Live, namespace: str) -> str:
    body = pod(metadata={"namespace": namespace}, serviceAccountName="app")
    response = await Reviewer(live.namespaces).mutate(request(body, namespace=namespace))
    return " ".join(sent(response).get("warnings", ()))


def _prepare(plane: ControlPlane, accounts: list[tuple[str, str]]) -> int:
    """Create the accounts, and draw the bindings. Returns how many."""
    draw = random.Random(fresh())  # noqa: S311 (test data)
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    spread(lambda name: plane.namespace(name, labels), (*_NAMESPACES, "need-none"))
    spread(lambda row: plane.account(*row), accounts)
    for role in ("need", "need-of-all"):  # what all may do is told apart from what some may
        rule = {"apiGroups": ["example.com"], "resources": [role], "verbs": ["get"]}
        plane.admin.must("POST", f"{_RBAC}/clusterroles", {"metadata": {"name": role}, "rules": [rule]})
    rows = [("need-of-all", _group(name)) for name in ("system:serviceaccounts", "system:authenticated")]
    rows += [("need", _subject(draw)) for _ in range(_BINDINGS)]
    for name in draw.sample(_NAMESPACES, _GROUPS_OF_NAMESPACES):
        rows.append(("need", _group(f"system:serviceaccounts:{name}")))
    for number, (role, subject) in enumerate(rows):
        _bind(plane, f"need-{number}", role, subject, _place(draw))
    return len(rows)


def _clear(plane: ControlPlane) -> None:
    """Take the rights away. The accounts and RoleBindings do no harm to other tests."""
    for kind in ("clusterrolebindings", "clusterroles"):
        for item in plane.admin.must("GET", f"{_RBAC}/{kind}")["items"]:
            if item["metadata"]["name"].startswith("need-") or item["metadata"]["name"] == "need":
                plane.admin.must("DELETE", f"{_RBAC}/{kind}/{item['metadata']['name']}")


def _bound(kubectl: Kubectl, accounts: list[tuple[str, str]]) -> set[tuple[str, str]]:
    """The accounts that may do more than one without bindings."""
    common = _may(kubectl, "need-none", "default")
    rights = spread(lambda row: _may(kubectl, *row), accounts)
    return {account for account, may in zip(accounts, rights, strict=True) if may - common}


async def _keeping(plane: ControlPlane, accounts: list[tuple[str, str]]) -> set[tuple[str, str]]:
    """The accounts whose pods keep the token."""
    kept = set()
    async with following(plane, settings=_UNBOUND) as live:
        live.gatherer.follow_bindings(needed=True)
        await until(lambda: live.find_at_once("need-none").bindings.complete)
        reviewer = Reviewer(live.namespaces)
        for namespace, account in accounts:
            body = pod(metadata={"namespace": namespace}, serviceAccountName=account)
            patch = operations(await reviewer.mutate(request(body, namespace=namespace)))
            assert any(row["path"].startswith("/spec/") for row in patch), patch
            if not any(row["path"] == "/spec/automountServiceAccountToken" for row in patch):
                kept.add((namespace, account))
    return kept


def _may(kubectl: Kubectl, namespace: str, account: str) -> set[str]:
    """What an account may do in any of the namespaces that have RoleBindings, a rule each."""
    user = f"--as=system:serviceaccount:{namespace}:{account}"
    return {
        f"{place} {' '.join(line.split())}"
        for place in _BINDING_NAMESPACES
        for line in kubectl.run("auth", "can-i", "--list", "--no-headers", user, "-n", place).stdout.splitlines()
    }


def _bind(plane: ControlPlane, name: str, role: str, subject: Any, place: str) -> None:
    """Give a role to a subject, in a namespace or, where that is "", in all."""
    ref = {"apiGroup": _GROUP, "kind": "ClusterRole", "name": role}
    path = f"namespaces/{place}/rolebindings" if place else "clusterrolebindings"
    plane.admin.must("POST", f"{_RBAC}/{path}", {"metadata": {"name": name}, "roleRef": ref, "subjects": [subject]})


def _place(draw: random.Random) -> str:
    return draw.choice(("", *_BINDING_NAMESPACES))


def _subject(draw: random.Random) -> Any:
    """An account in one of the ways to name it, or someone who only looks like one."""
    namespace, name = draw.choice(_NAMESPACES), draw.choice(_ACCOUNTS)
    user = {"apiGroup": _GROUP, "kind": "User"}
    return draw.choice(
        [
            {"kind": "ServiceAccount", "namespace": namespace, "name": name},
            {"kind": "ServiceAccount", "namespace": "need-nowhere", "name": name},
            {**user, "name": f"system:serviceaccount:{namespace}:{name}"},
            {**user, "name": f"{namespace}:{name}"},
            {**user, "name": f"system:serviceaccounts:{namespace}"},
            _group(f"system:serviceaccount:{namespace}:{name}"),
            _group(f"system:serviceaccounts:{namespace}-nowhere"),
        ]
    )


def _group(name: str) -> Any:
    return {"apiGroup": _GROUP, "kind": "Group", "name": name}
