"""Writes a scan as one HTML file: no script, nothing from elsewhere, in the look of the preview's page.

Names come from tenants, so every text is escaped, and the file's own policy lets a browser run and load nothing.
Closed parts are `<details>`: a browser neither lays them out nor paints them, and its search opens them.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from html import escape
from importlib.resources import files
from itertools import groupby
from typing import Final, NamedTuple

from patches import CHECKS, Forecast, Verdict
from webhook.preview.results import ViolationRow
from webhook.review.messages import printable
from webhook.scan.results import NamespaceResult, Scan, Workload, counted

_WORST_FIRST: Final = tuple(reversed(Verdict))
_SHADES: Final = 4
_MARKS: Final = {"+": "ins", "-": "del"}


class _Row(NamedTuple):
    """A namespace, and where the page has it."""

    anchor: str
    result: NamespaceResult
    verdicts: Counter[Verdict]


def to_html(scan: Scan, made: datetime) -> str:
    """Write a scan.

    Args:
        scan: the scan, with the differences.
        made: when it was made.
    """
    order = sorted(scan.namespaces, key=lambda row: (_WORST_FIRST.index(row.verdict), row.name))
    rows = [
        _Row(f"n{number}", result, Counter(workload.verdict for workload in result.workloads))
        for number, result in enumerate(order)
    ]
    return "".join(_page(scan, rows, made))


def _page(scan: Scan, rows: Sequence[_Row], made: datetime) -> Iterator[str]:
    page = files("webhook.page") / "static"
    style = (page / "base.css").read_text("utf-8") + (files(__package__) / "static" / "scan.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    yield f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Pod security scan: {_text(scan.profile)}</title>
<style>{style}</style>
</head>
<body>
<a class="skip" href="#namespaces">Skip to the namespaces</a>
<header class="top">
{(page / "favicon.svg").read_text("utf-8").replace("<svg ", '<svg class="logo" aria-hidden="true" ', 1)}
<div class="brand"><h1>Pod security scan</h1>
<p>Judged by <strong>{_text(scan.profile)}</strong>,
<time datetime="{made.isoformat()}">{made:%d %B %Y, %H:%M} UTC</time></p></div>
{_choices("theme", "Colours", (("auto", "System"), ("light", "Light"), ("dark", "Dark")))}
</header>
<main>
"""
    yield from _summary(scan, rows)
    yield from _heat_maps(rows)
    yield from _namespaces(rows)
    yield from _rest(scan)
    yield "</main>\n</body>\n</html>\n"


def _choices(name: str, legend: str, choices: Iterable[tuple[str, str]]) -> str:
    """Radio buttons, the first of them checked. The style sheet does what they say."""
    parts = [f'<fieldset class="views"><legend class="unseen">{legend}</legend>']
    for number, (value, label) in enumerate(choices):
        checked = " checked" if number == 0 else ""
        parts.append(f'<input type="radio" name="{name}" id="{name}-{value}"{checked}>')
        parts.append(f'<label for="{name}-{value}">{label}</label>')
    return "".join([*parts, "</fieldset>"])


# --- the summary ------------------------------------------------------------------------------------------------------


def _summary(scan: Scan, rows: Sequence[_Row]) -> Iterator[str]:
    ready = sum(row.result.verdict.is_ready for row in rows)
    total = counted(len(rows), "namespace")
    yield '<section class="scoreboard" aria-labelledby="summary"><div>\n<h2 class="sentence" id="summary">'
    yield f"{ready} of {total} {'is' if ready == 1 else 'are'} ready for {_text(scan.profile)}</h2>\n<p class=rest>"
    yield ", ".join(counted(count, _text(kind)) for kind, count in scan.kinds.items()) or "No workloads"
    yield "</p></div>\n"
    yield _bar("Namespaces", Counter(row.result.verdict for row in rows))
    yield _bar("Workloads", sum((row.verdicts for row in rows), Counter()))
    yield "</section>\n"
    for problem in scan.problems:
        yield f'<p class="problem">{_text(problem)}</p>\n'


def _bar(label: str, counts: Counter[Verdict]) -> str:
    """How many have which verdict, as a bar and in words."""
    total = counts.total()
    parts, left = [], 0.0
    for verdict in Verdict:
        width = 100 * counts[verdict] / (total or 1)
        parts.append(f'<rect class="{_class(verdict)}" x="{left:.2f}" width="{width:.2f}" height="1"/>')
        left += width
    words = "".join(
        f'<li class="{_class(verdict)}"><b>{counts[verdict]}</b> {verdict}</li>'
        for verdict in Verdict
        if counts[verdict]
    )
    return (
        f'<div class="bar"><h3>{label} <span>{total}</span></h3>'
        f'<svg viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">{"".join(parts)}</svg>'
        f"<ul>{words}</ul></div>\n"
    )


# --- the heat map -----------------------------------------------------------------------------------------------------


def _heat_maps(rows: Sequence[_Row]) -> Iterator[str]:
    violated = {row.id for place in rows for workload in place.result.workloads for row in workload.violations}
    checks = [check for check in CHECKS if check.id in violated]
    if not checks:
        return
    yield '<section class="panel" aria-labelledby="heat">\n<div class="head"><h2 id="heat">Namespaces and controls</h2>'
    yield _choices("stage", "Count what is violated", (("once", "Once defaulted"), ("as-is", "As it is")))
    yield "</div>\n<p class=hint>How many workloads violate a control. "
    yield "The darker, the larger their part of the namespace.</p>\n"
    ids = [check.id for check in checks]
    yield from _heat_map(rows, ids, "once", "once defaulted")
    yield from _heat_map(rows, ids, "as-is", "as it is")
    meanings = "".join(f"<dt>{check.id}</dt><dd>{_text(check.title)}. {_text(check.asks)}</dd>" for check in checks)
    yield "<details class=meanings><summary>What the controls ask for</summary>"
    yield f"<dl>{meanings}</dl></details>\n</section>\n"


def _heat_map(rows: Sequence[_Row], checks: Sequence[str], stage: str, words: str) -> Iterator[str]:
    heads = "".join(f'<th scope="col"><span>{check}</span></th>' for check in checks)
    yield f'<div class="scroll {stage}" role="region" tabindex="0" aria-label="Violations {words}">\n'
    yield '<table class="heat"><thead><tr><th scope="col">Namespace</th><th scope="col">Verdict</th>'
    yield f'<th scope="col">Workloads</th>{heads}</tr></thead>\n<tbody>'
    for row in rows:
        total = len(row.result.workloads)
        counts = Counter(check for workload in row.result.workloads for check in _violated(workload, stage))
        cells = "".join(_cell(counts[check], total) for check in checks)
        yield f'<tr class="{_classes(row)}"><th scope="row"><a href="#{row.anchor}">{_text(row.result.name)}</a></th>'
        yield f"<td>{_badge(row.result.verdict)}</td><td>{total}</td>{cells}</tr>\n"
    yield "</tbody></table></div>\n"


def _violated(workload: Workload, stage: str) -> Collection[str]:
    return {row.id for row in (workload.violations if stage == "as-is" else workload.violations_after)}


def _cell(count: int, total: int) -> str:
    return f'<td class="h{math.ceil(_SHADES * count / total)}">{count}</td>' if count else "<td>·</td>"


# --- the namespaces ---------------------------------------------------------------------------------------------------


def _namespaces(rows: Sequence[_Row]) -> Iterator[str]:
    yield '<section class="list" aria-labelledby="namespaces">\n<div class="head">'
    yield '<h2 id="namespaces" tabindex="-1">Namespaces</h2>'
    found = {verdict for row in rows for verdict in row.verdicts}
    choices = [("all", "All"), *((_class(verdict), str(verdict)) for verdict in _WORST_FIRST if verdict in found)]
    yield _choices("show", "Show workloads", choices) if len(found) > 1 else ""
    yield "</div>\n"
    for row in rows:
        yield f'<details class="ns {_classes(row)}" id="{row.anchor}"{" open" if len(rows) == 1 else ""}>'
        yield f"<summary><h3>{_text(row.result.name)}</h3>{_badge(row.result.verdict)}"
        counts = ", ".join(f"{row.verdicts[verdict]} {verdict}" for verdict in _WORST_FIRST if row.verdicts[verdict])
        yield f'<span class="where">fits {row.result.fits}</span>'
        yield f'<span class="counts">{counts or "no workloads"}</span></summary>\n'
        for workload in row.result.workloads:
            yield from _workload(workload)
        yield "</details>\n"
    yield "</section>\n"


def _workload(workload: Workload) -> Iterator[str]:
    yield f'<details class="w {_class(workload.verdict)}"><summary>'
    yield f"<b>{_text(f'{workload.kind}/{workload.name}')}</b>{_badge(workload.verdict)}"
    yield f"<small>{_where(workload)}</small></summary>\n<div class=body>"
    if workload.edits and workload.verdict is Verdict.NEEDS_EDITS:
        yield "<h4>To pass</h4><ul class=edits>"
        for edit in workload.edits:
            yield f"<li>{_text(edit.text)}{f' (line {edit.line})' if edit.line else ''}</li>"
        yield "</ul>"
    if workload.verdict is Verdict.CANNOT:
        yield f"<p>It fits <strong>{workload.fits}</strong>: "
        yield (
            "it needs by nature what the profile forbids.</p>"
            if workload.nature
            else "no edits are known with which it passes.</p>"
        )
    yield from _violations(workload.violations, workload.violations_after)
    if workload.only_in_pods:
        yield f"<p>Only its pods have: <strong>{_text(', '.join(workload.only_in_pods))}</strong></p>"
    yield from _starts(workload)
    if workload.doubts:
        yield "<h4>May not work</h4><ul>"
        yield "".join(f"<li>{_text(text)}</li>" for text in workload.doubts)
        yield "</ul>"
    if workload.diff:
        yield f"<h4>Difference</h4>{_difference(workload.diff)}"
    elif not workload.violations:
        yield "<p class=hint>Nothing is added or to be changed.</p>"
    yield "</div></details>\n"


def _where(workload: Workload) -> str:
    pods = counted(workload.pods, "pod") if workload.pods else ""
    place = f"{workload.position.source}:{workload.position.line}" if workload.position else ""
    return _text(" · ".join(filter(None, (pods, place))))


def _violations(before: Sequence[ViolationRow], after: Sequence[ViolationRow]) -> Iterator[str]:
    """What the defaults leave, a line for each, and what they mend, in one line."""
    remaining = {row.id for row in after}
    mended = [row.reason for row in before if row.id not in remaining]
    if after:
        yield "<h4>Violations that remain</h4><ul>"
        for row in after:
            yield f"<li>{_text(row.reason)}{f': {_text(row.detail)}' if row.detail else ''}</li>"
        yield "</ul>"
    if mended:
        yield f"<p><span class=mended>defaulted</span> {_text(', '.join(mended))}</p>"


def _starts(workload: Workload) -> Iterator[str]:
    rows = [row for row in workload.starts if row.forecast is Forecast.WILL_NOT_START]
    if rows:
        yield "<h4>Does not start</h4><ul>"
        for row in rows:
            yield f"<li>container {_text(row.container)} (image {_text(row.image)}): {_text(row.message)}</li>"
        yield "</ul>"


def _difference(diff: str) -> str:
    """The hunks, a line between two; lines that follow each other with one sign are one element."""
    parts = []
    for sign, lines in groupby(diff.splitlines(), lambda line: line[:1]):
        text = _text_of_lines(lines)
        if sign == "@":
            parts.append("<hr>")
        else:
            parts.append(f"<{_MARKS[sign]}>{text}</{_MARKS[sign]}>" if sign in _MARKS else f"{text}\n")
    return f"<div class=diff>{''.join(parts[1:])}</div>"


def _text_of_lines(lines: Iterable[str]) -> str:
    return "\n".join(map(_text, lines))


# --- what else is to be said ------------------------------------------------------------------------------------------


def _rest(scan: Scan) -> Iterator[str]:
    rows = [
        f"{row.count} {row.kind}{f' of {row.group}' if row.group else ''}: "
        + (
            f"nobody configured where it holds a pod template ({', '.join(row.paths)})"
            if row.paths
            else "no pod template"
        )
        for row in scan.unjudged
    ]
    for title, texts in (("Not judged", rows), ("Cannot be read", [str(error) for error in scan.errors])):
        if texts:
            yield f'<section class="panel"><h2>{title}</h2><ul class=plain>'
            yield "".join(f"<li>{_text(text)}</li>" for text in texts)
            yield "</ul></section>\n"


def _text(text: str) -> str:
    return escape(printable(text))


def _class(verdict: Verdict) -> str:
    return verdict.replace(" ", "-")


def _classes(row: _Row) -> str:
    return " ".join(f"has-{_class(verdict)}" for verdict in row.verdicts)


def _badge(verdict: Verdict) -> str:
    return f'<span class="badge {_class(verdict)}">{verdict}</span>'
