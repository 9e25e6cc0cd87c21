"""Policy reports on a real API server, with the definitions of their own projects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from patches import CHECKS
from tests.cluster.control_plane import ControlPlane
from tests.cluster.installed import NAME, account_kubeconfig, apply_definitions
from tests.cluster.kubectl import Kubectl
from tests.cluster.rights import calls_of, granted_to
from tests.cluster.telling import tell
from tests.manifests.building import build, find, write_overlay
from webhook.cli import main
from webhook.reports.findings import Finding, Subject
from webhook.reports.policy_reports import KINDS, to_policy_reports

pytestmark = pytest.mark.cluster

_RBAC: Final = "/apis/rbac.authorization.k8s.io/v1"
_ACCOUNT: Final = f"{NAME}-scan"
_USER: Final = f"system:serviceaccount:{NAME}:{_ACCOUNT}"
_COLLECTIONS: Final = {"ClusterRole": "clusterroles", "ClusterRoleBinding": "clusterrolebindings"}


@pytest.fixture(scope="module")
def spaces(plane: ControlPlane, kubectl: Kubectl) -> list[str]:
    """Namespaces with a workload that fails, one that passes, and none."""
    apply_definitions(plane, kubectl)
    names = [plane.namespace(f"reports-{name}") for name in ("bad", "good", "empty")]
    for space, security in ((names[0], {"privileged": True}), (names[1], {})):
        container = {"name": "c", "image": "i", "securityContext": security}
        template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
        spec = {"selector": {"matchLabels": {"app": "web"}}, "template": template}
        path = f"/apis/apps/v1/namespaces/{space}/deployments"
        plane.admin.must("POST", path, {"metadata": {"name": "web"}, "spec": spec})
    return names


@pytest.fixture
def kubeconfig(plane: ControlPlane, tmp_path: Path) -> Iterator[Path]:
    """The credentials of the component's account, with its rights."""
    objects = build(write_overlay(tmp_path / "overlay", "scan-reports"))
    if not plane.admin.request("GET", f"/api/v1/namespaces/{NAME}").ok:
        plane.namespace(NAME)
    account = f"/api/v1/namespaces/{NAME}/serviceaccounts"
    plane.admin.must("POST", account, find(objects, "ServiceAccount", _ACCOUNT))
    made = [f"{account}/{_ACCOUNT}"]
    for kind, plural in _COLLECTIONS.items():
        for name in (_ACCOUNT, f"{_ACCOUNT}-reports"):
            plane.admin.must("POST", f"{_RBAC}/{plural}", find(objects, kind, name))
            made.append(f"{_RBAC}/{plural}/{name}")
    yield account_kubeconfig(plane, NAME, _ACCOUNT, tmp_path / "kubeconfig")
    for path in made:
        plane.admin.must("DELETE", path)


def _path(namespace: dict[str, Any]) -> str:
    return KINDS["openreports"].path(namespace["metadata"]["name"])


def _report(plane: ControlPlane, space: str, form: str = "openreports") -> Any:
    return plane.admin.must("GET", KINDS[form].path(space))


def test_the_component_writes_a_report_into_each_namespace(
    plane: ControlPlane, spaces: list[str], kubeconfig: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With its account's rights, each of which is used; a second scan replaces what it wrote, and nothing of others."""
    ending = plane.namespace("reports-ending")  # for ever: here no controller ends it
    plane.admin.must("DELETE", f"/api/v1/namespaces/{ending}")
    command = ["scan", "--all-namespaces", "--write-reports", "--kubeconfig", str(kubeconfig)]
    assert main(command) == 0, capsys.readouterr().err
    bad, good, empty = (_report(plane, space) for space in spaces)
    assert {row["rule"] for row in bad["results"]} >= {"privileged", "allowPrivilegeEscalation"}
    assert bad["results"][0]["resources"][0] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "namespace": spaces[0],
        "name": "web",
    }
    assert (good["summary"]["pass"], good["summary"]["fail"], empty["summary"]["pass"]) == (1, 0, 0)
    assert [row["manager"] for row in bad["metadata"]["managedFields"]] == [NAME]
    listed = plane.admin.must("GET", "/api/v1/namespaces")["items"]
    written = {row["metadata"]["name"]: plane.admin.request("GET", _path(row)).ok for row in listed}
    assert written == {row["metadata"]["name"]: "deletionTimestamp" not in row["metadata"] for row in listed}
    assert not written[ending]

    label = {"metadata": {"labels": {"team": "shop"}}}
    plane.admin.must("PATCH", KINDS["openreports"].path(spaces[0]), label, "application/merge-patch+json")
    plane.admin.must("DELETE", f"/apis/apps/v1/namespaces/{spaces[0]}/deployments/web")
    assert main(command) == 0
    again = _report(plane, spaces[0])
    assert again["metadata"]["labels"]["team"] == "shop"
    assert again["results"] == []

    calls = [event for event in calls_of(plane, _USER) if "resource" in event.get("objectRef", {})]
    used = {(event["verb"], event["objectRef"].get("apiGroup", ""), event["objectRef"]["resource"]) for event in calls}
    granted = {row[:3] for row in granted_to(plane, NAME, _ACCOUNT) if row.group in ("", "apps", "openreports.io")}
    unused = {("get", "", "namespaces"), ("create", "openreports.io", "reports")}  # one namespace alone; as below
    assert granted - used == unused
    refused = [event["requestURI"] for event in calls if event["responseStatus"]["code"] in (401, 403)]
    assert refused == []
    tell(f"reports in {len(listed)} namespaces by the account of the component, {len(calls)} calls, none refused")


def test_create_is_needed_for_the_first_report(
    plane: ControlPlane, spaces: list[str], kubeconfig: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server-side apply is a patch, and the API server also asks for the right to create."""
    role = f"{_RBAC}/clusterroles/{_ACCOUNT}-reports"
    plane.admin.must("PATCH", role, [{"op": "remove", "path": "/rules/0"}], "application/json-patch+json")
    plane.namespace("reports-new")
    assert main(["scan", "-A", "--write-reports", "--kubeconfig", str(kubeconfig)]) == 2
    assert "the report of reports-new is not written: PATCH" in capsys.readouterr().err
    assert not plane.admin.request("GET", KINDS["openreports"].path("reports-new")).ok
    assert _report(plane, spaces[1])


@pytest.mark.parametrize("form", KINDS)
@pytest.mark.parametrize("command", [["scan"], ["preview", "--offline"], ["check", "--offline"]])
def test_what_is_printed_is_accepted(  # noqa: PLR0917 (as many fixtures as it needs)
    kubectl: Kubectl,
    spaces: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
    form: str,
) -> None:
    """By the definition of its project, every field known: kubectl asks for strict validation."""
    container = {"name": "c", "image": "i", "securityContext": {"privileged": True}}
    metadata = {"name": "web", "namespace": spaces[2]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}}
    (tmp_path / "pod.json").write_text(json.dumps(pod), encoding="utf-8")
    main([*command, "-f", str(tmp_path / "pod.json"), "-o", form])
    text = capsys.readouterr().out
    assert json.loads(text)["items"][0]["results"]
    apply = ("apply", "--server-side", "--force-conflicts", "--validate=strict", "-f", "-")
    assert "serverside-applied" in kubectl.run(*apply, stdin=text).stdout
    broken = text.replace('"severity": "high"', '"severity": "worst"')
    assert "Unsupported value" in kubectl.run(*apply, stdin=broken, check=False).stderr


@pytest.mark.parametrize("form", KINDS)
def test_the_largest_report_is_stored(plane: ControlPlane, spaces: list[str], form: str) -> None:
    """Cut before it is too large."""
    findings = tuple(Finding(check.id, "x" * 4000, 0) for check in CHECKS)
    subjects = [Subject(f"Pod/{number}", spaces[1], "", findings, "v1") for number in range(200)]
    (report,) = to_policy_reports(subjects, KINDS[form], datetime.now(UTC))
    plane.admin.request("DELETE", KINDS[form].path(spaces[1]))
    plane.admin.must("POST", KINDS[form].path(spaces[1]).rpartition("/")[0], report)
