"""Policy reports: one for each namespace, with the failures, and of the rest the number."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from patches import CHECKS
from webhook.cli import main
from webhook.reports.findings import Finding, Subject
from webhook.reports.policy_reports import KINDS, LEFT_OUT_ANNOTATION, to_policy_reports

_NOW: Final = datetime(2026, 1, 2, tzinfo=UTC)
_META: Final = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {}\n  namespace: {}\n"
_POD: Final = f"{_META}spec:\n  containers:\n  - name: c\n    image: i\n"
_PRIVILEGED: Final = f"{_POD}    securityContext:\n      privileged: true\n"


def _printed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, Any], str]:
    main(arguments)
    said = capsys.readouterr()
    value = json.loads(said.out)
    assert (value["apiVersion"], value["kind"]) == ("v1", "List")
    return {report["metadata"]["namespace"]: report for report in value["items"]}, said.err


@pytest.mark.parametrize(("form", "kind"), [("openreports", "Report"), ("wgpolicyk8s", "PolicyReport")])
@pytest.mark.parametrize("command", [["preview", "--offline"], ["check", "--offline"], ["scan"]])
def test_a_report_for_each_namespace(
    command: list[str], form: str, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be read belongs to none, and is told beside them."""
    file = tmp_path / "pods.yaml"
    documents = [_POD.format("good", "shop"), _PRIVILEGED.format("bad", "shop"), _POD.format("a", "team"), "kind: [\n"]
    file.write_text("---\n".join(documents), encoding="utf-8")
    reports, said = _printed([*command, "-f", str(file), "-o", form], capsys)
    assert list(reports) == ["shop", "team"]
    assert {report["kind"] for report in reports.values()} == {kind}
    assert "error: " in said
    defaulted = command[0] != "check"
    assert reports["team"]["summary"]["pass"] == int(defaulted)
    shop = reports["shop"]
    assert shop["summary"]["pass"] == int(defaulted)
    assert shop["summary"]["fail"] == len(shop["results"])
    (privileged,) = [row for row in shop["results"] if row["rule"] == "privileged"]
    assert privileged["severity"] == "high"
    assert privileged["resources"] == [{"apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "bad"}]
    assert privileged["properties"] == {"file": f"{file}:21"}
    assert "to pass, " in privileged["message"]


def test_a_namespace_without_objects_gets_one_if_it_is_named() -> None:
    """It replaces the report of yesterday, which had failures."""
    (report,) = to_policy_reports([], KINDS["openreports"], _NOW, ["empty"])
    assert report["summary"] == {"pass": 0, "fail": 0, "warn": 0, "error": 0, "skip": 0}
    assert report["results"] == []


def test_a_report_stays_below_what_kubernetes_stores() -> None:
    """Its counts are of everything; how many results are left out is said."""
    findings = tuple(Finding(check.id, "x" * 4000, 0) for check in CHECKS)
    subjects = [Subject(f"Pod/{number}", "big", "", findings, "v1") for number in range(200)]
    (report,) = to_policy_reports(subjects, KINDS["openreports"], _NOW)
    assert len(msgspec.json.encode(report)) < 1 << 20
    left_out = int(report["metadata"]["annotations"][LEFT_OUT_ANNOTATION])
    assert report["summary"]["fail"] == len(report["results"]) + left_out == 200 * len(CHECKS)
    assert len(report["results"]) > 200
