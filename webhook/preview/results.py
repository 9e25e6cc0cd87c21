"""The types of a preview's answer. `POST /preview` and the command line print the same JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from patches import Action, Cause, Decision, Edit, Forecast, Operation, Reason, Start, State, Violation
from webhook.documents.writer import to_json, to_yaml
from webhook.review.edits import edit_text
from webhook.review.messages import printable

T = TypeVar("T")


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


class EditRow(msgspec.Struct):
    """One edit: `path` is a JSON Pointer into the object as sent, `line` where it stands in the input.

    `remove` takes `value` away, `set` puts it there, and `choose` asks for a user that the image supports. `id` is the
    check that asks for it, `text` says it in words.
    """

    id: str
    action: Action
    path: str
    value: Any
    line: int
    text: str


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
    """The result for one object. A document that cannot be read has only `error`. `check` leaves out the patch.

    `edits` are the shortest after which nothing of `violations` remains: with the patch, or for `check` as written.
    They are null if none are known.
    """

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
    edits: list[EditRow] | UnsetType | None = UNSET
    allowed: bool | UnsetType = UNSET
    starts: list[StartRow] | UnsetType = UNSET
    warnings: list[str] | UnsetType = UNSET
    error: Failure | UnsetType = UNSET


def join_results(results: Sequence[Result]) -> Result:
    """Join the results of several templates of one object. The caller renews `patched` and `diff`."""
    first = results[0]
    joined = msgspec.structs.replace(first, diff=UNSET)
    joined.violations = Violations(_each_once(one.violations.before for one in results if one.violations))
    if first.violations and first.violations.after is not UNSET:
        joined.violations.after = _each_once(one.violations.after for one in results if one.violations)
    joined.edits = None if any(one.edits is None for one in results) else _all(one.edits for one in results)
    joined.starts = _all(one.starts for one in results)
    joined.warnings = _each_once(one.warnings for one in results)
    joined.allowed = all(one.allowed for one in results)
    if first.patch is not UNSET:
        joined.patch = _all(one.patch for one in results)
        joined.defaults = _all(one.defaults for one in results)
    return joined


def _all(lists: Iterable[Sequence[T] | UnsetType | None]) -> list[T]:
    return [row for rows in lists for row in rows or ()]


def _each_once(lists: Iterable[Sequence[T] | UnsetType | None]) -> list[T]:
    found: list[T] = []
    for row in _all(lists):
        if row not in found:
            found.append(row)
    return found


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


def edit_row(edit: Edit, line: int) -> EditRow:
    """Make a row of an edit. `line`: where it stands in the input."""
    return EditRow(*edit, line, printable(edit_text(edit)))


def violation_row(violation: Violation) -> ViolationRow:
    """Make a row of a violation."""
    return ViolationRow(*violation)


def encode_report(report: Report) -> str:
    """Encode the report as indented JSON that ends with a newline."""
    return to_json(report)


def patched_yaml(results: Iterable[Result]) -> str:
    """Write the patched objects as documents of one stream, each after a comment for each edit that it needs."""
    return "---\n".join(
        "".join(f"# to pass: {edit.text}\n" for edit in result.edits or ()) + to_yaml(result.patched)
        for result in results
        if not result.error
    )
