"""Rights of a ServiceAccount of ours: what its roles grant, and what the audit log says it used."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any, Final, NamedTuple

from tests.cluster.control_plane import ControlPlane

_RBAC: Final = "/apis/rbac.authorization.k8s.io/v1"


class Right(NamedTuple):
    """A verb on a resource; `name` is "" for any object."""

    verb: str
    group: str
    resource: str
    name: str


def granted_to(plane: ControlPlane, namespace: str, account: str) -> set[Right]:
    """All that is bound to the account, in the cluster and in its own namespace."""
    return {
        Right(verb, group, resource, name)
        for rule in _rules(plane, namespace, account)
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", [""])
    }


def _rules(plane: ControlPlane, namespace: str, account: str) -> list[Any]:
    rules = []
    for bindings, roles in (
        (f"{_RBAC}/clusterrolebindings", f"{_RBAC}/clusterroles"),
        (f"{_RBAC}/namespaces/{namespace}/rolebindings", f"{_RBAC}/namespaces/{namespace}/roles"),
    ):
        for binding in plane.admin.must("GET", bindings)["items"]:
            subjects = [(row.get("namespace"), row["name"]) for row in binding.get("subjects") or ()]
            if (namespace, account) in subjects:
                rules += plane.admin.must("GET", f"{roles}/{binding['roleRef']['name']}")["rules"]
    return rules


def calls_of(plane: ControlPlane, user: str, earlier: Container[str] = ()) -> list[Any]:
    """What a user asked for, as far as the audit log has it, but for these audit ids."""
    events = (event for event in plane.audit.events() if event["auditID"] not in earlier)
    return [event for event in events if event["user"]["username"] == user]


def used_by(calls: Iterable[Any], granted: set[Right]) -> set[Right]:
    """The rights that these calls needed: by name where one is granted by name."""
    used = set()
    for event in calls:
        ref = event.get("objectRef")
        if ref is not None and ref["resource"] == "selfsubjectaccessreviews":
            continue  # everyone may ask what he may do
        if ref is None:
            assert event["requestURI"] == "/version", event["requestURI"]
            continue
        named = Right(event["verb"], ref.get("apiGroup", ""), ref["resource"], ref.get("name", ""))
        used.add(named if named in granted else named._replace(name=""))
    return used
