"""Writes findings as SARIF 2.1.0, which code hosts show beside the lines. Source: OASIS, sarif-v2.1.0-os."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from patches import CHECKS
from webhook.documents.writer import to_json
from webhook.fix.insertions import Insertion
from webhook.fix.removals import Removal
from webhook.reports.findings import BY_HAND, UNREADABLE, UNSET, Finding, Subject

_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_TOOL: Final = "pod-security-defaulter"
RULES: Final[Mapping[str, str]] = {
    **{check.id: check.title for check in CHECKS},
    UNREADABLE: "the document cannot be read",
    UNSET: "defaults that the manifest does not state",
    BY_HAND: "a default that has to be written by hand",
}


def to_sarif(subjects: Iterable[Subject], version: str) -> str:
    """Write findings as one run.

    Args:
        subjects: the objects that were looked at; those without findings leave no trace.
        version: of this program.
    """
    found = [(subject, finding) for subject in subjects for finding in subject.findings]
    used = sorted({finding.rule for _, finding in found})
    positions = {rule: position for position, rule in enumerate(used)}
    run = {
        "tool": {
            "driver": {
                "name": _TOOL,
                "version": version,
                "rules": [{"id": rule, "shortDescription": {"text": RULES[rule]}} for rule in used],
            }
        },
        "results": [_result(subject, finding, positions[finding.rule]) for subject, finding in found],
    }
    value = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return to_json(value)


def _result(subject: Subject, finding: Finding, position: int) -> dict[str, Any]:
    location: dict[str, Any] = {}
    if subject.source:
        artifact = {"uri": _uri(subject.source)}
        location["physicalLocation"] = {"artifactLocation": artifact}
        if finding.line:
            location["physicalLocation"]["region"] = {"startLine": finding.line}
    if subject.name:
        location["logicalLocations"] = [{"fullyQualifiedName": f"{subject.namespace}/{subject.name}"}]
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": position,
        "level": str(finding.severity),
        "message": {"text": f"{subject.name}: {finding.message}" if subject.name else finding.message},
        "locations": [location],
    }
    replacements = [*map(_insertion, finding.insertions), *map(_removal, finding.removals)]
    if replacements:
        change = {"artifactLocation": {"uri": _uri(subject.source)}, "replacements": replacements}
        result["fixes"] = [{"description": {"text": finding.message}, "artifactChanges": [change]}]
    return result


def _insertion(insertion: Insertion) -> dict[str, Any]:
    region = {"byteOffset": insertion.offset, "byteLength": 0}
    return {"deletedRegion": region, "insertedContent": {"text": insertion.text.decode()}}


def _removal(removal: Removal) -> dict[str, Any]:
    return {"deletedRegion": {"byteOffset": removal.offset, "byteLength": removal.length}}


def _uri(source: str) -> str:
    """A file as a URI; relative to the directory that the command ran in, unless it was named from the root."""
    path = Path(source)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
