"""The types of a preview's answer. `POST /preview` and the command line print the same JSON."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from patches import Cause, Decision, Forecast, Operation, Reason, Start, State, Violation


class DefaultRow(msgspec.Struct):
    """The decision about one default at one path, a JSON Pointer into the object."""

    id: str
    path: str
    state: State
    reason: Reason
    value: Any = None


class ViolationRow(msgspec.Struct):
    """One violated check, in the words of Pod Security Admission."""

    id: str
    reason: str
    detail: str


class Violations(msgspec.Struct):
    """What Kubernetes will find: in the pod that the object makes, and with the patch. `check` leaves out `after`."""

    before: list[ViolationRow]
    after: list[ViolationRow] | UnsetType = UNSET


class StartRow(msgspec.Struct):
    """Whether a container starts: by `path`, a JSON Pointer into the object, its name and its image.

    `cause` says why not, or why it is unknown, and `message` what the kubelet or the kernel says. If it runs, they are
    null and "".
    """

    path: str
    container: str
    image: str
    forecast: Forecast
    cause: Cause | None
    message: str


class Failure(msgspec.Struct):
    """A document that cannot be read. `field` is empty if the document as a whole is wrong."""

    source: str
    document: int
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        place = f"{self.source}:{self.line}" if self.line else self.source
        return f"{place}: document {self.document}: " + (f"{self.field}: " if self.field else "") + self.message


class Result(msgspec.Struct, rename="camel"):
    """The result for one object. A document that cannot be read has only `error`. `check` leaves out the patch."""

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
    starts: list[StartRow] | UnsetType = UNSET
    warnings: list[str] | UnsetType = UNSET
    error: Failure | UnsetType = UNSET


class Summary(msgspec.Struct):
    """Counts of the objects with a pod.

    An object is compliant if its list of violations is empty. The command `check` leaves out `compliant_after`.
    """

    objects: int
    compliant_before: int
    compliant_after: int | UnsetType = UNSET


class Report(msgspec.Struct):
    """All results, in the order of the documents."""

    results: list[Result]
    summary: Summary


def default_row(decision: Decision) -> DefaultRow:
    """Make a row of a decision."""
    return DefaultRow(*decision)


def start_row(start: Start) -> StartRow:
    """Make a row of a forecast."""
    return StartRow(*start)


def violation_row(violation: Violation) -> ViolationRow:
    """Make a row of a violation."""
    return ViolationRow(*violation)


def encode_report(report: Report) -> str:
    """Encode the report as indented JSON that ends with a newline."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n"
