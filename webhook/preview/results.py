"""The shapes that preview answers with, as JSON. The command line prints the same."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from patches.model.decisions import Decision, Reason, State
from patches.model.patch import Operation
from patches.standards.violations import Violation


class DefaultRow(msgspec.Struct):
    """One default at one path (a JSON Pointer into the object)."""

    id: str
    path: str
    state: State
    reason: Reason
    value: Any = None


class ViolationRow(msgspec.Struct):
    """One violated check, in upstream's words."""

    id: str
    reason: str
    detail: str


class Violations(msgspec.Struct):
    """What the object violates as sent, and once patched. `check` has no `after`."""

    before: list[ViolationRow]
    after: list[ViolationRow] | UnsetType = UNSET


class Failure(msgspec.Struct):
    """A document that could not be read. `field` is empty where the document as a whole is at fault."""

    source: str
    document: int
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        place = f"{self.source}:{self.line}" if self.line else self.source
        return f"{place}: document {self.document}: " + (f"{self.field}: " if self.field else "") + self.message


class Result(msgspec.Struct, rename="camel"):
    """What became of one object; of a document that cannot be read there is only `error`. `check` has no patch."""

    api_version: str | UnsetType = UNSET
    kind: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    namespace: str | UnsetType = UNSET
    profile: str | UnsetType = UNSET
    patch: list[Operation] | UnsetType = UNSET
    patched: Any = UNSET
    diff: str | UnsetType = UNSET
    defaults: list[DefaultRow] | UnsetType = UNSET
    violations: Violations | UnsetType = UNSET
    allowed: bool | UnsetType = UNSET
    warnings: list[str] | UnsetType = UNSET
    error: Failure | UnsetType = UNSET


class Summary(msgspec.Struct):
    """Counts of the objects that have a pod in them.

    Compliant is what does not violate the profile, once admission's own steps are taken into account. `check` has no
    `compliant_after`.
    """

    objects: int
    compliant_before: int
    compliant_after: int | UnsetType = UNSET


class Report(msgspec.Struct):
    """All results, in the order of the documents."""

    results: list[Result]
    summary: Summary


def default_row(decision: Decision) -> DefaultRow:
    """A decision as a row."""
    return DefaultRow(*decision)


def violation_row(violation: Violation) -> ViolationRow:
    """A violation as a row."""
    return ViolationRow(*violation)


def encode_report(report: Report) -> str:
    """The report as indented JSON, with a newline at its end."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n"
