"""Writes findings as policy reports, which dashboards read from a cluster: one for each namespace.

A report has the failures, and of what passes the number. Kubernetes stores no object of more than 1.5 MiB, so a report
has a limit, and says how many results are left out. Sources: the CustomResourceDefinitions of openreports.io/v1alpha1
and wgpolicyk8s.io/v1alpha2. What is used of them differs in their names alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from patches import CHECKS, Level
from webhook.reports.findings import UNREADABLE, Finding, Subject

NAME: Final = "pod-security-defaulter"
"""The name of each report, and the source that it names."""
LEFT_OUT_ANNOTATION: Final = f"{NAME}.io/results-left-out"
_MOST_BYTES: Final = 900 * 1024
_CATEGORIES: Final = {
    check.id: (f"Pod Security Standards ({check.level})", "high" if check.level is Level.BASELINE else "medium")
    for check in CHECKS
}


class ReportKind(NamedTuple):
    """A kind of report: its apiVersion, and its name for one and for many."""

    api_version: str
    kind: str
    plural: str

    def path(self, namespace: str) -> str:
        """Where the API server has our report on a namespace."""
        return f"/apis/{self.api_version}/namespaces/{namespace}/{self.plural}/{NAME}"


KINDS: Final[Mapping[str, ReportKind]] = {
    "openreports": ReportKind("openreports.io/v1alpha1", "Report", "reports"),
    "wgpolicyk8s": ReportKind("wgpolicyk8s.io/v1alpha2", "PolicyReport", "policyreports"),
}
"""The kinds, by the words of the command line."""


def to_policy_reports(
    subjects: Iterable[Subject], kind: ReportKind, made: datetime, names: Iterable[str] = ()
) -> Iterator[dict[str, Any]]:
    """Write the report of each namespace.

    Args:
        subjects: the objects that were looked at. What cannot be read belongs to no namespace, and to no report.
        kind: the kind of report.
        made: when they were looked at.
        names: the namespaces that get a report even without objects, in place of one from when they had some.
    """
    namespaces: dict[str, list[Subject]] = {name: [] for name in names}
    for subject in subjects:
        if not any(finding.rule == UNREADABLE for finding in subject.findings):
            namespaces.setdefault(subject.namespace, []).append(subject)
    for namespace, rows in sorted(namespaces.items()):
        yield _report(namespace, rows, kind, made)


def _report(namespace: str, subjects: list[Subject], kind: ReportKind, made: datetime) -> dict[str, Any]:
    failures = [(subject, finding) for subject in subjects for finding in subject.findings]
    results, size = [], 0
    for subject, finding in failures:
        result = _result(subject, finding, made)
        size += len(msgspec.json.encode(result)) + 1
        if size > _MOST_BYTES:
            break
        results.append(result)
    metadata: dict[str, Any] = {"name": NAME, "namespace": namespace, "labels": {"app.kubernetes.io/managed-by": NAME}}
    if len(results) < len(failures):
        metadata["annotations"] = {LEFT_OUT_ANNOTATION: str(len(failures) - len(results))}
    passed = sum(not subject.findings for subject in subjects)
    return {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": metadata,
        "scope": {"apiVersion": "v1", "kind": "Namespace", "name": namespace},
        "summary": {"pass": passed, "fail": len(failures), "warn": 0, "error": 0, "skip": 0},
        "results": results,
    }


def _result(subject: Subject, finding: Finding, made: datetime) -> dict[str, Any]:
    category, severity = _CATEGORIES[finding.rule]
    kind, _, name = subject.name.partition("/")
    resource = {"apiVersion": subject.api_version, "kind": kind, "namespace": subject.namespace, "name": name}
    result: dict[str, Any] = {
        "source": NAME,
        "policy": "pod-security-standards",
        "rule": finding.rule,
        "category": category,
        "severity": severity,
        "result": "fail",
        "scored": True,
        "message": finding.message,
        "resources": [resource],
        "timestamp": {"seconds": int(made.timestamp()), "nanos": 0},
    }
    if subject.source:
        result["properties"] = {"file": f"{subject.source}:{finding.line}"}
    return result
