"""protect-labels: who may change our labels and annotations on namespaces, and every way there is to change them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from patches.policy.policy import MODE_LABEL, PREFIX, PSA_PREFIX, RUNTIME_CLASS_ANNOTATION, SKIP_ANNOTATION
from tests.cluster.client import JSON_PATCH, MERGE_PATCH, Client
from tests.cluster.control_plane import ControlPlane
from tests.cluster.kubectl import Kubectl
from tests.cluster.policies import Row, built, installed, is_refusal, unseen, until

pytestmark = pytest.mark.cluster

_SPACE: Final = "protected"
_NAMESPACES: Final = "/api/v1/namespaces"
_OURS: Final = f"{_NAMESPACES}/{_SPACE}"
_RBAC: Final = "/apis/rbac.authorization.k8s.io/v1"
_ACCOUNT: Final = f"system:serviceaccount:{_SPACE}:default"
_OPERATOR: Final = f"system:serviceaccount:{_SPACE}:operator"
_EDITORS: Final = "namespace-editors"


def _metadata(**fields: Any) -> dict[str, Any]:
    return {"metadata": fields}


_FINALIZED: Final = {
    "metadata": {"name": _SPACE, "labels": {MODE_LABEL: "off"}},
    "spec": {"finalizers": ["kubernetes"]},
}
_CHANGES: Final = [
    Row("label changed", "PATCH", _OURS, _metadata(labels={MODE_LABEL: "off"})),
    Row("label gone", "PATCH", _OURS, _metadata(labels={MODE_LABEL: None})),
    Row("label added", "PATCH", _OURS, _metadata(labels={PREFIX + "profile": "privileged"})),
    Row("label that means nothing yet", "PATCH", _OURS, _metadata(labels={PREFIX + "future": "x"})),
    Row("all labels gone", "PATCH", _OURS, [{"op": "remove", "path": "/metadata/labels"}], JSON_PATCH),
    Row("annotation added", "PATCH", _OURS, _metadata(annotations={RUNTIME_CLASS_ANNOTATION: "c"})),
    Row("annotation changed", "PATCH", _OURS, _metadata(annotations={SKIP_ANNOTATION: "resources"})),
    Row("all annotations gone", "PATCH", _OURS, _metadata(annotations=None)),
    Row("replaced without", "PUT", _OURS, _metadata(name=_SPACE)),
    Row("through status", "PATCH", f"{_OURS}/status", _metadata(labels={MODE_LABEL: "off"})),
    Row("through finalize", "PUT", f"{_OURS}/finalize", _FINALIZED),
]
_NEW: Final = [
    Row("new with a label", "POST", _NAMESPACES, _metadata(name="protected-new", labels={MODE_LABEL: "enforce"})),
    Row(
        "new with an annotation",
        "POST",
        _NAMESPACES,
        _metadata(name="protected-new", annotations={SKIP_ANNOTATION: ""}),
    ),
    Row("new without a name", "POST", _NAMESPACES, _metadata(generateName=_SPACE, labels={MODE_LABEL: "off"})),
]
_FREE: Final = [
    Row("another label", "PATCH", _OURS, _metadata(labels={"team": "b"})),
    Row("another annotation", "PATCH", _OURS, _metadata(annotations={"team": "b"})),
    Row("a similar label", "PATCH", _OURS, _metadata(labels={"x." + PREFIX + "mode": "off"})),
    Row("a label of Pod Security Admission", "PATCH", _OURS, _metadata(labels={PSA_PREFIX + "enforce": "privileged"})),
    Row("the same value", "PATCH", _OURS, _metadata(labels={MODE_LABEL: "enforce"})),
    Row("status", "PATCH", f"{_OURS}/status", {"status": {"phase": "Active"}}),
    Row("new without ours", "POST", _NAMESPACES, _metadata(name="protected-new", labels={"team": "b"})),
    Row("deleted", "DELETE", _OURS),
]
_USERS: Final = {
    "admin": ("root", "system:masters"),
    "tenant": ("tenant", _EDITORS),
    "owner": ("owner", _EDITORS),
    "account": (_ACCOUNT, _EDITORS),
    "operator": (_OPERATOR, _EDITORS),
    "limited": ("limited", _EDITORS),
}
"""The owner has every right inside the namespace, the operator `exempt` on all, the limited one on this namespace."""


def _grant(plane: ControlPlane, name: str, subject: dict[str, str], rule: dict[str, Any], namespace: str = "") -> None:
    """A role and its binding, in a namespace or in all of the cluster."""
    scope = f"{_RBAC}/namespaces/{namespace}/" if namespace else f"{_RBAC}/cluster"
    kind = "Role" if namespace else "ClusterRole"
    group = "rbac.authorization.k8s.io"
    plane.admin.must("POST", f"{scope}roles", {"metadata": {"name": name}, "rules": [rule]})
    value = {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": group, "kind": kind, "name": name},
        "subjects": [subject if subject["kind"] == "ServiceAccount" else {"apiGroup": group, **subject}],
    }
    plane.admin.must("POST", f"{scope}rolebindings", value)


@pytest.fixture(scope="module")
def users(plane: ControlPlane) -> Iterator[dict[str, Client]]:
    """The users, once the policy acts."""
    namespaces = {"apiGroups": [""], "resources": ["namespaces", "namespaces/status", "namespaces/finalize"]}
    exempt = {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["exempt"]}
    verbs = ["get", "create", "update", "patch", "delete"]
    everything = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
    operator = {"kind": "ServiceAccount", "namespace": _SPACE, "name": "operator"}
    plane.namespace(_SPACE, {MODE_LABEL: "enforce", "team": "a"}, annotations={SKIP_ANNOTATION: "", "team": "a"})
    _grant(plane, "protected-editors", {"kind": "Group", "name": _EDITORS}, {**namespaces, "verbs": verbs})
    _grant(plane, "protected-owner", {"kind": "User", "name": "owner"}, everything, _SPACE)
    _grant(plane, "protected-operator", operator, exempt)
    _grant(plane, "protected-limited", {"kind": "User", "name": "limited"}, {**exempt, "resourceNames": [_SPACE]})
    clients = {key: plane.client(*user) for key, user in _USERS.items()}
    with installed(plane, built("protect-labels")):
        until(lambda: is_refusal(_CHANGES[0].send(clients["tenant"])), "the policy does not act")
        yield clients


@pytest.mark.parametrize("row", _CHANGES + _NEW, ids=lambda row: row.id)
@pytest.mark.parametrize("user", ["tenant", "owner", "account"])
def test_refused_without_the_right(users: dict[str, Client], user: str, row: Row) -> None:
    """Neither a tenant, nor who has every right inside the namespace, nor a ServiceAccount of it."""
    answer = row.send(users[user])
    assert is_refusal(answer)
    assert "'pod-security-defaulter-protect-labels'" in answer.message


@pytest.mark.parametrize("row", _CHANGES + _NEW, ids=lambda row: row.id)
@pytest.mark.parametrize("user", ["admin", "operator"])
def test_allowed_with_the_right(users: dict[str, Client], user: str, row: Row) -> None:
    """The administrators' group has every verb; anybody else has it by a ClusterRole, ServiceAccounts too."""
    assert not is_refusal(row.send(users[user]))


@pytest.mark.parametrize("row", _CHANGES, ids=lambda row: row.id)
def test_the_right_for_one_namespace(users: dict[str, Client], row: Row) -> None:
    """With resourceNames it is for these namespaces."""
    assert not is_refusal(row.send(users["limited"]))


@pytest.mark.parametrize("row", _NEW, ids=lambda row: row.id)
def test_the_right_for_another_namespace(users: dict[str, Client], row: Row) -> None:
    """It is for no other, nor for one whose name the API server makes up."""
    assert is_refusal(row.send(users["limited"]))


@pytest.mark.parametrize("row", _FREE, ids=lambda row: row.id)
@pytest.mark.parametrize("user", list(_USERS))
def test_the_rest_is_free(users: dict[str, Client], user: str, row: Row) -> None:
    """Everything else about a namespace is as it was, whoever asks."""
    assert not is_refusal(row.send(users[user]))


@pytest.mark.parametrize(
    ("user", "expected"), [("owner", "no"), ("tenant", "no"), ("limited", "yes"), (_OPERATOR, "yes")]
)
@pytest.mark.usefixtures("users")
def test_kubectl_tells_who_may(kubectl: Kubectl, user: str, expected: str) -> None:
    """As the page shows it. The owner's right inside the namespace is not counted."""
    said = kubectl.run("auth", "can-i", "exempt", f"namespaces/{_SPACE}", "-A", "--as", user, check=False)
    assert said.stdout.strip() == expected


def test_names_the_keys(users: dict[str, Client]) -> None:
    """The message says which keys, and what right is missing."""
    value = _metadata(labels={MODE_LABEL: None, "team": "b"}, annotations={RUNTIME_CLASS_ANNOTATION: "c"})
    answer = users["tenant"].request("PATCH", _OURS, value, MERGE_PATCH)
    expected = "only users with the verb exempt on namespaces may set, change or remove "
    assert answer.message.endswith(f"{expected}{RUNTIME_CLASS_ANNOTATION}, {MODE_LABEL}") or answer.message.endswith(
        f"{expected}{MODE_LABEL}, {RUNTIME_CLASS_ANNOTATION}"
    )
    assert unseen(built("protect-labels"), [answer]) == []
