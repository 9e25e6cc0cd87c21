"""Prints findings in the formats that other programs read."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib.metadata import version

from webhook.reports.findings import Subject
from webhook.reports.junit import to_junit
from webhook.reports.sarif import to_sarif


def write_report(subjects: Iterable[Subject], form: str) -> None:
    """Print a report: `sarif` or `junit`."""
    text = to_junit(subjects) if form == "junit" else to_sarif(subjects, version("pod-security-defaulter"))
    sys.stdout.write(text)
