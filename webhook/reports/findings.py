"""What reports are made of: the objects that were looked at, and what was found in each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from patches import Action
from webhook.documents.document import Document
from webhook.documents.paths import pointer
from webhook.errors import BrokenDocument
from webhook.fix.insertions import Insertion
from webhook.fix.removals import Removal, Removals
from webhook.preview.results import EditRow, Failure, Result, ViolationRow
from webhook.scan.results import Position, Scan

UNREADABLE: Final = "unreadable-document"
"""The rule of a document that cannot be read. Other rules are the ids of checks, and those of `fix`."""
UNSET: Final = "unset-defaults"
"""The rule of an object that lacks what `fix` writes."""
BY_HAND: Final = "edit-by-hand"
"""The rule of what `fix` cannot write."""


_NOWHERE: Final = Position("", 0, 0)
"""Objects of a cluster."""


class Severity(StrEnum):
    """How bad a finding is, in SARIF's words."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Finding(NamedTuple):
    """One finding.

    Attributes:
        rule: what it is about.
        message: what it says, one line.
        line: where, from 1; 0 if it has no line.
        severity: how bad it is.
        insertions: what to insert so that it goes away; empty if that is not known.
        removals: what to remove so that it goes away; empty likewise.
    """

    rule: str
    message: str
    line: int
    severity: Severity = Severity.ERROR
    insertions: tuple[Insertion, ...] = ()
    removals: tuple[Removal, ...] = ()


class Subject(NamedTuple):
    """One object that was looked at.

    Attributes:
        name: `Kind/name`; "" of a document that cannot be read.
        namespace: its namespace.
        source: the file that it stands in; "" in a cluster.
        findings: what was found; none if all is well.
        api_version: its apiVersion; "" of a document that cannot be read.
    """

    name: str
    namespace: str
    source: str
    findings: tuple[Finding, ...] = ()
    api_version: str = ""


def subjects_of_results(documents: Sequence[Document | BrokenDocument], results: Sequence[Result]) -> Iterator[Subject]:
    """The objects of a preview, or of a check. An object without a pod is left out.

    Args:
        documents: the documents.
        results: one for each of them.
    """
    removals = Removals()
    for document, result in zip(documents, results, strict=True):
        if result.error:
            yield _unreadable(result.error)
        elif result.violations and isinstance(document, Document):
            after = result.violations.after
            violations = result.violations.before if after is msgspec.UNSET else after
            place = _Place(removals, document.source, document.number, pointer(document.at), document.line)
            findings = _findings(violations, result.edits or (), place)
            name, version = f"{result.kind}/{result.name}", str(result.api_version)
            yield Subject(name, str(result.namespace), document.source, tuple(findings), version)


def subjects_of_scan(scan: Scan) -> Iterator[Subject]:
    """The workloads of a scan: what remains of each once defaulted."""
    removals = Removals()
    for namespace in scan.namespaces:
        for workload in namespace.workloads:
            position = workload.position or _NOWHERE
            place = _Place(removals, position.source, position.document, "", position.line)
            yield Subject(
                f"{workload.kind}/{workload.name}",
                workload.namespace,
                place.source,
                tuple(_findings(workload.violations_after, workload.edits or (), place)),
                workload.api_version,
            )
    yield from map(_unreadable, scan.errors)


class _Place(NamedTuple):
    """Where an object stands: the document, the pointer to it there, and the line on which it begins."""

    removals: Removals
    source: str
    number: int
    at: str
    line: int

    def find(self, edits: Sequence[EditRow]) -> tuple[Removal, ...]:
        """The lines that these edits remove; none if they do anything else, or the object is in no file."""
        if not self.source or not edits or any(edit.action is not Action.REMOVE for edit in edits):
            return ()
        return self.removals.find(self.source, self.number, [self.at + edit.path for edit in edits])


def _unreadable(failure: Failure) -> Subject:
    text = f"{failure.field}: {failure.message}" if failure.field else failure.message
    return Subject("", "", failure.source, (Finding(UNREADABLE, text, failure.line),))


def _findings(violations: Iterable[ViolationRow], edits: Sequence[EditRow], place: _Place) -> Iterator[Finding]:
    """Each violation, at the first edit that it asks for, with those edits in words."""
    for row in violations:
        own = [edit for edit in edits if edit.id == row.id]
        hint = f"; to pass, {', '.join(edit.text for edit in own)}" if own else ""
        where = next((edit.line for edit in own if edit.line), place.line)
        text = f"{row.reason}: {row.detail}{hint}" if row.detail else f"{row.reason}{hint}"
        yield Finding(row.id, text, where, removals=place.find(own))
