"""The component `scan-reports`: a CronJob that reads the cluster, and writes reports alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from patches import WELL_KNOWN
from tests.manifests.building import NAME, Objects, build, find, restricted_container, write_overlay
from webhook.cli import _parser
from webhook.reports.policy_reports import KINDS
from webhook.reports.policy_reports import NAME as REPORT


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    """Base with the component."""
    return build(
        write_overlay(
            tmp_path, "scan-reports", images=[{"name": NAME, "newName": "registry.example/own", "newTag": "9"}]
        )
    )


def _template(objects: Objects) -> dict[str, Any]:
    template: dict[str, Any] = find(objects, "CronJob", f"{NAME}-scan")["spec"]["jobTemplate"]["spec"]["template"]
    return template


def test_its_pods_are_restricted(objects: Objects) -> None:
    """As those of admission, with every field explicit, and the same image."""
    template = _template(objects)
    container = restricted_container(objects, template)
    own = find(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == own["image"] == "registry.example/own:9"
    assert all(mount["readOnly"] for mount in container["volumeMounts"])


def test_the_arguments_are_ones_the_command_takes(objects: Objects) -> None:
    """By the real parser; what is written is what the role allows."""
    (container,) = _template(objects)["spec"]["containers"]
    options = _parser().parse_args(container["args"])
    assert (options.command, options.all_namespaces, options.write_reports) == ("scan", True, "openreports")
    assert str(options.config) in {mount["mountPath"] for mount in container["volumeMounts"]}
    kind = KINDS[options.write_reports]
    rules = find(objects, "ClusterRole", f"{NAME}-scan-reports")["rules"]
    assert {(rule["apiGroups"][0], rule["resources"][0]) for rule in rules} == {
        (kind.api_version.partition("/")[0], kind.plural)
    }
    assert [rule.get("resourceNames") for rule in rules if rule["verbs"] == ["patch"]] == [[REPORT]]


def test_the_role_lists_the_custom_kinds_that_are_known(objects: Objects) -> None:
    """Each of a namespace, and no other: those of the cluster belong to none."""
    rules = find(objects, "ClusterRole", f"{NAME}-scan")["rules"]
    own = ("", "apps", "batch", "node.k8s.io")
    listed = {(group, name) for rule in rules for group in rule["apiGroups"] for name in rule["resources"]}
    known = {(row.group, f"{row.kind.lower()}s") for row in WELL_KNOWN if not row.kind.startswith("Cluster")}
    assert {row for row in listed if row[0] not in own} == known


def test_nothing_leads_to_its_pods(objects: Objects) -> None:
    """No Service, no PodDisruptionBudget and no policy of admission's selects them, and no traffic comes in."""
    labels = _template(objects)["metadata"]["labels"].items()
    selecting = [
        value["metadata"]["name"]
        for value in objects
        if value["kind"] in ("Service", "PodDisruptionBudget", "NetworkPolicy")
        and _selector(value["spec"]).items() <= labels
    ]
    assert selecting == [f"{NAME}-scan"]
    policy = find(objects, "NetworkPolicy", f"{NAME}-scan")["spec"]
    assert "ingress" not in policy
    assert policy["policyTypes"] == ["Ingress", "Egress"]


def _selector(spec: dict[str, Any]) -> dict[str, str]:
    selector = spec.get("selector") or spec.get("podSelector")
    found: dict[str, str] = selector.get("matchLabels", selector) if selector else {}
    return found
