"""The rights that are granted: reading, and of writing only what certificates need, by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.manifests.building import BASE, NAME, Objects, build, find, write_overlay

_READING = {"get", "list", "watch"}
_GRANTED = {("secrets", "update"), ("leases", "update"), ("mutatingwebhookconfigurations", "patch")}
_CREATE = ("leases", "create")


def _rules(objects: Objects) -> list[dict[str, Any]]:
    """The rules of all roles that are bound to our account."""
    bindings = [value for value in objects if value["kind"] in ("RoleBinding", "ClusterRoleBinding")]
    rules: list[dict[str, Any]] = []
    for binding in bindings:
        account = {"kind": "ServiceAccount", "name": NAME, "namespace": NAME}
        if account in binding["subjects"]:
            rules += find(objects, binding["roleRef"]["kind"], binding["roleRef"]["name"])["rules"]
    return rules


def _writing(objects: Objects) -> set[tuple[str, str]]:
    """What may be written by name."""
    rows = [(rule, verb) for rule in _rules(objects) for verb in rule["verbs"] if verb not in _READING | {"create"}]
    assert all(rule.get("resourceNames") for rule, _ in rows)
    return {(resource, verb) for rule, verb in rows for resource in rule["resources"]}


def _creating(objects: Objects) -> set[tuple[str, str]]:
    """What may be created: a right that no name can limit."""
    rules = [rule for rule in _rules(objects) if "create" in rule["verbs"]]
    return {(resource, "create") for rule in rules for resource in rule["resources"]}


def test_every_write_names_its_object() -> None:
    """And there are three: the Secret, the Lease, the caBundle. Only a Lease is created, in our own namespace.

    Nothing is deleted, no wildcard is there.
    """
    objects = build(BASE)
    assert _writing(objects) == _GRANTED
    assert _creating(objects) == {_CREATE}
    assert find(objects, "Role", NAME)["rules"][-1]["verbs"] == ["create"]
    assert "*" not in str(_rules(objects))


def test_secrets_are_read_by_name_in_our_own_namespace() -> None:
    """No cluster-wide role reads one."""
    objects = build(BASE)
    for value in objects:
        for rule in value.get("rules", ()):
            if "secrets" in rule["resources"]:
                assert value["kind"] == "Role"
                assert rule["resourceNames"] == [f"{NAME}-tls"]


def test_validate_adds_its_own_configuration(tmp_path: Path) -> None:
    """And no other right."""
    added = {("validatingwebhookconfigurations", "patch")}
    assert _writing(build(write_overlay(tmp_path, "validate"))) == _GRANTED | added


def _reads_nodes(objects: Objects, role: str) -> list[list[str]]:
    return [rule["verbs"] for rule in find(objects, "ClusterRole", role)["rules"] if "nodes" in rule["resources"]]


def test_only_user_namespaces_reads_nodes(tmp_path: Path) -> None:
    """Both servers then, since a preview says what admission does; nothing of them is written."""
    own, preview = NAME, f"{NAME}-preview"
    without = build(write_overlay(tmp_path / "without", "preview"))
    assert _reads_nodes(without, own) == _reads_nodes(without, preview) == []
    objects = build(write_overlay(tmp_path / "with", "preview", "user-namespaces"))
    assert _reads_nodes(objects, own) == _reads_nodes(objects, preview) == [["list", "watch"]]
    assert _writing(objects) == _GRANTED


def test_with_cert_manager_nothing_is_written(tmp_path: Path) -> None:
    """No Secret is read either: the certificate is mounted."""
    objects = build(write_overlay(tmp_path, "validate", "cert-manager"))
    assert _writing(objects) == set()
    assert _creating(objects) == set()
    resources = {resource for rule in _rules(objects) for resource in rule["resources"]}
    assert not resources & {"secrets", "leases", "mutatingwebhookconfigurations", "validatingwebhookconfigurations"}
    assert not [value for value in objects if value["kind"] == "Secret"]
