"""Prints a report for people: a block for each object, and a line of totals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TextIO

import msgspec

from patches import CHECK_FIELDS, Forecast, Reason, State
from webhook.preview.results import DefaultRow, EditRow, Report, Result, StartRow, ViolationRow
from webhook.review.messages import printable

_RESET: Final = "\x1b[0m"
_BOLD: Final = "\x1b[1m"
_COLOURS: Final = {
    State.APPLIED: "\x1b[32m",
    State.KEPT: "\x1b[2m",
    State.SKIPPED: "\x1b[33m",
    State.CONFLICT: "\x1b[31m",
}
_RED: Final = "\x1b[31m"
_GREEN: Final = "\x1b[32m"
_FORECASTS: Final = {Forecast.RUNS: _GREEN, Forecast.WILL_NOT_START: _RED, Forecast.UNKNOWN: "\x1b[33m"}
_QUIET: Final = (Reason.UNSET, Reason.AUTHOR)
_LONGEST_VALUE: Final = 60


class Paint:
    """Paints text, if there are to be colours."""

    def __init__(self, *, colour: bool) -> None:
        """Paint if `colour`."""
        self._colour = colour

    def __call__(self, text: str, code: str) -> str:
        """The text in the colour of an ANSI code; "" for none."""
        return f"{code}{text}{_RESET}" if self._colour and code else text


def write_table(report: Report, out: TextIO, *, colour: bool) -> None:
    """Write the report to `out`, with ANSI colours if `colour`."""
    paint = Paint(colour=colour)
    out.writelines("\n".join([*_block(result, paint), "", ""]) for result in report.results)
    summary = report.summary
    after = "" if summary.compliant_after is msgspec.UNSET else f", {summary.compliant_after} once defaulted"
    errors = sum(1 for result in report.results if result.error)
    unread = f"; {errors} {'document' if errors == 1 else 'documents'} could not be read" if errors else ""
    total = "1 object with a pod" if summary.objects == 1 else f"{summary.objects} objects with pods"
    out.write(f"{total}: {summary.compliant_before} compliant as written{after}{unread}\n")
    if any(result.defaults for result in report.results):
        out.write("What a default does: docs/defaults.md. What a reason means: docs/reasons.md.\n")
    if any(result.violations and result.violations.before for result in report.results):
        out.write("What a check asks for: docs/checks.md.\n")
    if any(row.cause for result in report.results for row in result.starts or ()):
        out.write("Why a container does not start: docs/reasons.md#starting.\n")


def _block(result: Result, paint: Paint) -> list[str]:
    if result.error:
        return [paint(f"error: {printable(str(result.error))}", _RED)]
    name = printable(f"{result.kind}/{result.name}")
    lines = [f"{paint(name, _BOLD)}  namespace {printable(str(result.namespace))}  {result.profile or ''}".rstrip()]
    lines += _default_lines(result.defaults or [], paint)
    if result.violations:
        left = result.violations.before if result.violations.after is msgspec.UNSET else result.violations.after
        lines += _violation_lines(left, result.edits or [], paint) or [paint("  passes", _GREEN)]
    lines += _start_lines(result.starts or [], paint)
    lines += [f"  warning: {printable(text)}" for text in result.warnings or []]
    return lines


def _start_lines(rows: Sequence[StartRow], paint: Paint) -> list[str]:
    width = max((len(row.forecast) for row in rows), default=0)
    return [
        "  " + paint(row.forecast.ljust(width), _FORECASTS[row.forecast]) + f"  {printable(_start_text(row))}"
        for row in rows
    ]


def _start_text(row: StartRow) -> str:
    text = f"container {row.container} (image {row.image})"
    because = f", because: {row.message}" if row.message else ""
    return text + because + (f"  ({row.cause})" if row.cause else "")


def _default_lines(rows: Sequence[DefaultRow], paint: Paint) -> list[str]:
    widths = [max((len(row.state) for row in rows), default=0), max((len(row.id) for row in rows), default=0)]
    return [
        "  "
        + paint(row.state.ljust(widths[0]), _COLOURS[row.state])
        + f"  {row.id.ljust(widths[1])}  {printable(row.path)}{_explanation(row)}"
        for row in rows
    ]


def _explanation(row: DefaultRow) -> str:
    value = ""
    if row.value is not None:
        value = printable(msgspec.json.encode(row.value).decode())
        value = " = " + (value if len(value) <= _LONGEST_VALUE else value[: _LONGEST_VALUE - 1] + "…")
    return value if row.reason in _QUIET else f"{value}  ({row.reason})"


def _violation_lines(rows: Sequence[ViolationRow], edits: Sequence[EditRow], paint: Paint) -> list[str]:
    lines = []
    for row in rows:
        lines.append("  " + paint("violates", _RED) + f"  {row.id}: {printable(f'{row.reason} ({row.detail})')}")
        if not edits:
            lines.append(f"            to pass, change {CHECK_FIELDS[row.id]}")
    return lines + [f"  to pass   {edit.text}  (line {edit.line})" for edit in edits]
