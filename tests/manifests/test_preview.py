"""The component `preview`: a Deployment beside that of admission, which nothing of admission's leads to."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from tests.manifests.building import NAME, Objects, build, find, restricted_container, write_overlay
from webhook.cli import _parser

_OWN: Final = f"{NAME}-preview"
_LABEL: Final = "app.kubernetes.io/name"


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    """Base with the component."""
    return build(write_overlay(tmp_path, "preview"))


def _template(objects: Objects) -> dict[str, Any]:
    template: dict[str, Any] = find(objects, "Deployment", _OWN)["spec"]["template"]
    return template


def test_its_pods_are_restricted(objects: Objects) -> None:
    """As those of admission: with every field explicit, and a file system that is read-only but for its certificate."""
    template = _template(objects)
    container = restricted_container(objects, template)
    assert [mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")] == ["/tmp"]  # noqa: S108 (a mount)
    (tmp,) = [volume["emptyDir"] for volume in template["spec"]["volumes"] if volume["name"] == "tmp"]
    assert tmp["medium"] == "Memory"
    assert tmp["sizeLimit"]


def test_the_arguments_are_ones_the_command_takes(objects: Objects) -> None:
    """By the real parser. It reviews nothing, and writes only below its own directory."""
    spec = _template(objects)["spec"]
    (container,) = spec["containers"]
    options = _parser().parse_args(container["args"])
    assert (options.command, options.cluster, options.admission) == ("serve", True, False)
    assert not options.managed_certificates
    assert options.host == ""
    assert str(options.self_signed).startswith("/tmp/")  # noqa: S108 (a mount)
    assert str(options.config) in {mount["mountPath"] for mount in container["volumeMounts"]}
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"preview": options.preview_port, "metrics": options.health_port}
    assert spec["terminationGracePeriodSeconds"] > options.drain_seconds + 30
    (volume,) = [volume for volume in spec["volumes"] if volume["name"] == "configuration"]
    assert find(objects, "ConfigMap", volume["configMap"]["name"])


def test_nothing_of_admission_leads_to_it(objects: Objects) -> None:
    """Only its own Service, Deployment and policy select its pods, and they select no other."""
    labels = _template(objects)["metadata"]["labels"]
    others = find(objects, "Deployment")["spec"]["template"]["metadata"]["labels"]
    objects = [value for value in objects if value["metadata"]["name"] != f"{NAME}-observer"]
    for value in objects:
        spec = value.get("spec", {})
        selector = spec.get("selector") or spec.get("podSelector") or {}
        selector = selector.get("matchLabels", selector)
        if selector:
            own = value["metadata"]["name"] == _OWN
            assert (selector.items() <= labels.items()) is own, value["kind"]
            assert (selector.items() <= others.items()) is not own, value["kind"]
    policy = find(objects, "NetworkPolicy", _OWN)["spec"]
    (container,) = _template(objects)["spec"]["containers"]
    ports = {port["containerPort"] for port in container["ports"]}
    assert {port["port"] for rule in policy["ingress"] for port in rule["ports"]} == ports
    (port,) = find(objects, "Service", _OWN)["spec"]["ports"]
    assert port == {"name": "preview", "port": 443, "targetPort": "preview"}
    assert "preview" in {port["name"] for port in container["ports"]}


def test_its_account_only_asks(objects: Objects) -> None:
    """Reading, and the two kinds of question about callers; no Secret. What is known of images it may read too."""
    bound = [
        value["roleRef"]["name"]
        for value in objects
        if value["kind"] in ("RoleBinding", "ClusterRoleBinding")
        and {"kind": "ServiceAccount", "name": _OWN, "namespace": NAME} in value["subjects"]
    ]
    images = f"{NAME}-images"
    assert sorted(bound) == sorted([_OWN, images])
    names = [images, *(f"{images}-{number}" for number in (1, 2, 3))]
    assert find(objects, "Role", images)["rules"] == [
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": names, "verbs": ["list", "watch"]}
    ]
    assert _template(objects)["spec"]["serviceAccountName"] == _OWN
    rules = find(objects, "ClusterRole", _OWN)["rules"]
    writing = {(resource, verb) for rule in rules for resource in rule["resources"] for verb in rule["verbs"]}
    writing = {row for row in writing if row[1] not in ("get", "list", "watch")}
    assert writing == {("tokenreviews", "create"), ("subjectaccessreviews", "create")}
    assert "secrets" not in str(rules)
    assert "*" not in str(rules)


@pytest.mark.parametrize("nested", [False, True])
def test_one_image(tmp_path: Path, nested: bool) -> None:  # noqa: FBT001 (a parameter of pytest)
    """The tag of base; an overlay names another once, also one below the overlay that adds the component."""
    images = [{"name": NAME, "newName": "registry.example/psd", "newTag": "9"}]
    if nested:
        below = write_overlay(tmp_path / "below", images=images)
        objects = build(write_overlay(tmp_path / "above", "preview", on=below))
    else:
        objects = build(write_overlay(tmp_path / "one", "preview", images=images))
    (container,) = _template(objects)["spec"]["containers"]
    assert container["image"] == "registry.example/psd:9"
    (container,) = _template(build(write_overlay(tmp_path / "plain", "preview")))["spec"]["containers"]
    assert container["image"].startswith(f"{NAME}:")


def test_in_a_namespace_of_another_name(tmp_path: Path) -> None:
    """Its objects and the subject of its binding follow."""
    objects = build(write_overlay(tmp_path, "preview", namespace="x"))
    assert find(objects, "ClusterRoleBinding", _OWN)["subjects"][0]["namespace"] == "x"
    own = [value for value in objects if value["metadata"]["name"] == _OWN and "ClusterRole" not in value["kind"]]
    assert {value["metadata"]["namespace"] for value in own} == {"x"}
    assert len(own) == 4
    assert all(value["metadata"]["labels"][_LABEL] == NAME for value in own)
