"""Prints a scan for people: what keeps each namespace, a line for each, and a summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, TextIO

from patches import Forecast, Verdict
from webhook.cli.table import Paint
from webhook.preview.results import StartRow
from webhook.review.messages import printable
from webhook.scan.results import NamespaceResult, Scan, Unjudged, Workload, counted

_COLOURS: Final = {
    Verdict.COMPLIANT: "\x1b[32m",
    Verdict.WITH_DEFAULTS: "\x1b[32m",
    Verdict.NEEDS_EDITS: "\x1b[33m",
    Verdict.CANNOT: "\x1b[31m",
}
_BOLD: Final = "\x1b[1m"
_RED: Final = "\x1b[31m"
_WIDTH: Final = max(len(verdict) for verdict in Verdict)
_MOST_CONTROLS: Final = 5


def write_scan_table(scan: Scan, out: TextIO, *, colour: bool) -> None:
    """Write the scan to `out`, with ANSI colours if `colour`."""
    paint = Paint(colour=colour)
    for namespace in scan.namespaces:
        out.writelines(f"{line}\n" for line in _details(namespace, paint))
    out.writelines(f"{line}\n" for line in _summary(scan, paint))


def _details(namespace: NamespaceResult, paint: Paint) -> Iterator[str]:
    """What is to be done, or known, about the workloads of a namespace. Nothing of those that are ready and run."""
    rows = [row for row in namespace.workloads if not row.verdict.is_ready or _is_remarkable(row)]
    if not rows:
        return
    yield paint(f"namespace {printable(namespace.name)}", _BOLD)
    for row in rows:
        yield f"  {paint(row.verdict.ljust(_WIDTH), _COLOURS[row.verdict])}  {_name(row)}{_place(row)}"
        for line in _reasons(row):
            yield f"  {' ' * _WIDTH}    {printable(line)}"
    yield ""


def _is_remarkable(row: Workload) -> bool:
    return bool(row.only_in_pods or row.doubts or _halted(row))


def _reasons(row: Workload) -> Iterator[str]:
    if row.verdict is Verdict.CANNOT:
        left = "; ".join(f"{violation.reason} ({violation.detail})" for violation in row.violations_after)
        yield f"fits {row.fits}: {left}"
    else:
        yield from (edit.text + (f"  (line {edit.line})" if edit.line else "") for edit in row.edits or ())
    if row.only_in_pods:
        yield f"only its pods have: {', '.join(row.only_in_pods)}"
    yield from row.doubts
    for start in _halted(row):
        yield f"container {start.container} (image {start.image}) {start.forecast}, because: {start.message}"


def _halted(row: Workload) -> list[StartRow]:
    return [start for start in row.starts if start.forecast is Forecast.WILL_NOT_START]


def _name(row: Workload) -> str:
    return printable(f"{row.kind}/{row.name}")


def _place(row: Workload) -> str:
    return "" if row.position is None else printable(f"  {row.position.source}:{row.position.line}")


def _summary(scan: Scan, paint: Paint) -> Iterator[str]:
    names = [printable(row.name) for row in scan.namespaces]
    width = max((len(name) for name in ("NAMESPACE", *names)), default=0)
    if names:
        heads = " ".join(f"{verdict.upper():>{_WIDTH}}" for verdict in Verdict)
        yield f"{'NAMESPACE':<{width}}  {'VERDICT':<{_WIDTH}}  {'FITS':<10} {heads}  STARTS"
    for name, row in zip(names, scan.namespaces, strict=True):
        counts = Counter(workload.verdict for workload in row.workloads)
        cells = " ".join(f"{counts[verdict] or '.':>{_WIDTH}}" for verdict in Verdict)
        verdict = paint(row.verdict.ljust(_WIDTH), _COLOURS[row.verdict])
        yield f"{name:<{width}}  {verdict}  {row.fits:<10} {cells}  {_starts(row.workloads)}"
    yield from _totals(scan, paint)


def _starts(workloads: Sequence[Workload]) -> str:
    """How many workloads run, will not, or may not: the worst forecast of its containers is that of a workload."""
    counts = Counter(_forecast(row) for row in workloads)
    return ", ".join(f"{counts[forecast]} {forecast}" for forecast in Forecast if counts[forecast])


def _forecast(row: Workload) -> Forecast:
    found = {start.forecast for start in row.starts}
    return next((one for one in (Forecast.WILL_NOT_START, Forecast.UNKNOWN) if one in found), Forecast.RUNS)


def _totals(scan: Scan, paint: Paint) -> Iterator[str]:
    """First what may be long, so that the counts are on the screen at the end."""
    if scan.kinds:
        yield "judged: " + ", ".join(f"{count} {printable(kind)}" for kind, count in scan.kinds.items())
    for row in scan.unjudged:
        yield f"not judged: {_unjudged(row)}"
    yield from (paint(f"error: {printable(str(error))}", _RED) for error in scan.errors)
    workloads = [row for namespace in scan.namespaces for row in namespace.workloads]
    for noun, judged in (("namespaces", scan.namespaces), ("workloads", workloads)):
        counts = Counter(row.verdict for row in judged)
        if counts:
            yield f"{noun}: " + ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict])
    controls = Counter(check for row in workloads for check in dict.fromkeys(one.id for one in row.violations_after))
    if controls:
        rows = ", ".join(f"{count} {check}" for check, count in controls.most_common(_MOST_CONTROLS))
        yield f"most often violated once defaulted: {rows}"
    ready = sum(row.verdict.is_ready for row in scan.namespaces)
    total = f"{counted(len(scan.namespaces), 'namespace')}, {counted(len(workloads), 'workload')}"
    yield f"{total}: {counted(ready, 'namespace')} ready for {scan.profile}"


def _unjudged(row: Unjudged) -> str:
    name = printable(f"{row.count} {row.kind}" + (f" of {row.group}" if row.group else ""))
    if not row.paths:
        return f"{name}: without a pod template"
    rules = "; ".join(f"{{group: {row.group}, kind: {row.kind}, path: '{path}'}}" for path in row.paths)
    return f"{name}: nobody configured where it holds a pod template; `templates:` may have {printable(rules)}"
