"""Prints findings in the formats that other programs read."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version

from webhook.documents.writer import to_json
from webhook.reports.findings import Subject
from webhook.reports.junit import to_junit
from webhook.reports.policy_reports import KINDS, to_policy_reports
from webhook.reports.sarif import to_sarif


def write_report(subjects: Iterable[Subject], form: str, namespaces: Iterable[str] = ()) -> None:
    """Print a report: `sarif`, `junit`, or a kind of policy report; of these also for `namespaces` without objects."""
    if form in KINDS:
        reports = list(to_policy_reports(subjects, KINDS[form], datetime.now(UTC), namespaces))
        text = to_json({"apiVersion": "v1", "kind": "List", "items": reports})
    else:
        text = to_junit(subjects) if form == "junit" else to_sarif(subjects, version("pod-security-defaulter"))
    sys.stdout.write(text)
