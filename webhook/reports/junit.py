"""Writes findings as JUnit's XML, which pipelines show as tests: a suite a namespace, a case an object."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from xml.etree import ElementTree as ET

from webhook.reports.findings import Severity, Subject

_NAME: Final = "pod-security-defaulter"
_NOT_IN_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_junit(subjects: Iterable[Subject]) -> str:
    """Write the objects that were looked at as test cases. One with an error has failed."""
    suites: dict[str, list[Subject]] = {}
    for subject in subjects:
        suites.setdefault(subject.namespace, []).append(subject)
    root = ET.Element("testsuites", name=_NAME)
    for namespace, rows in sorted(suites.items()):
        failed = sum(any(row.severity is Severity.ERROR for row in subject.findings) for subject in rows)
        suite = ET.SubElement(
            root, "testsuite", name=_clean(namespace or "documents"), tests=str(len(rows)), failures=str(failed)
        )
        for subject in rows:
            _add_case(suite, subject)
    ET.indent(root)
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text.decode() + "\n"


def _add_case(suite: ET.Element, subject: Subject) -> None:
    name = subject.name or subject.source
    case = ET.SubElement(suite, "testcase", name=_clean(name), classname=_clean(subject.source or "cluster"))
    errors = [row for row in subject.findings if row.severity is Severity.ERROR]
    if errors:
        failure = ET.SubElement(case, "failure", type=errors[0].rule, message=_clean(errors[0].message))
        place = f"{subject.source}:" if subject.source else ""
        failure.text = _clean("\n".join(f"{place}{row.line}: {row.message} ({row.rule})" for row in errors))


def _clean(text: str) -> str:
    """A text without what XML cannot hold."""
    return _NOT_IN_XML.sub("\ufffd", text)
