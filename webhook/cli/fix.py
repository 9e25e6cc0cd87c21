"""`fix`: writes the defaults into manifests, by inserting lines."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from patches import State
from webhook.cli.options import FixOptions
from webhook.cli.reports import write_report
from webhook.cli.surroundings import find_offline_surroundings
from webhook.documents.differences import diff_lines
from webhook.documents.document import Document
from webhook.documents.files import read_inputs
from webhook.documents.reader import flatten, read_documents
from webhook.errors import BrokenDocument, InputError
from webhook.fix.defaults import only
from webhook.fix.insertions import Leftover
from webhook.fix.sources import why_no_manifest
from webhook.fix.text import Change, FixedText, fix_text
from webhook.fix.writing import write_whole
from webhook.preview.manifests import read_manifest
from webhook.preview.preview import PreviewOptions, preview
from webhook.preview.results import Result
from webhook.reports.findings import BY_HAND, UNSET, Finding, Severity, Subject, subjects_of_results
from webhook.review.messages import printable

OPTIONS: Final = FixOptions


class _Row(NamedTuple):
    """A document of a file and the preview's result."""

    document: Document | BrokenDocument
    result: Result


def run(options: FixOptions) -> int:
    """Fix the files.

    Returns:
        The exit status: 0 if all comply now, 1 if violations or edits by hand remain (or, with `check`, if a file
        would change), 2 if a document cannot be read.

    Raises:
        ConfigurationError: if the configuration cannot be used.
        InputError: if a file cannot be read or written.
    """
    if "-" in options.paths:
        raise InputError("fix writes files: name files or folders, or pipe through krm")
    inputs = {Path(name): data for name, data in read_inputs(options.paths)}
    documents = [(path, document) for path, data in inputs.items() for document in _read(path, data)]
    surroundings, namespace = find_offline_surroundings(options, [document for _, document in documents])
    if options.defaults is not None:
        surroundings = replace(surroundings, configuration=only(surroundings.configuration, options.defaults))
    report, status = preview(
        [document for _, document in documents], surroundings, PreviewOptions(namespace, options.profile)
    )
    rows: dict[Path, list[_Row]] = {path: [] for path in inputs}
    for (path, document), result in zip(documents, report.results, strict=True):
        rows[path].append(_Row(document, result))
    changed = left = 0
    subjects: list[Subject] = []
    for path, data in inputs.items():
        fixed = _fix(path, data, rows[path])
        changed += fixed.data != data
        left += len(fixed.leftovers)
        _write(path, data, fixed, options)
        _tell_errors(path, rows[path])
        if options.output:
            subjects += _subjects(path, fixed, rows[path])
    if options.output:
        write_report(subjects, options.output)
    verb = "would change" if _only_tells(options) else "changed"
    files = "1 file" if len(inputs) == 1 else f"{len(inputs)} files"
    print(f"{changed} of {files} {verb}", file=sys.stderr)
    return max(status, int(left > 0 or (options.check and changed > 0)))


def _read(path: Path, data: bytes) -> Iterator[Document | BrokenDocument]:
    return flatten(read_documents(data, str(path)))


def _only_tells(options: FixOptions) -> bool:
    return options.check or options.diff or options.output is not None


def _changing(rows: Sequence[_Row]) -> tuple[list[tuple[Document, Result]], list[Document]]:
    """The documents that lack something, with their results; and the reviews among them, which are left."""
    changing, reviews = [], []
    for document, result in rows:
        if not result.patch or not isinstance(document, Document):
            continue
        if read_manifest(document).request is not None:
            reviews.append(document)
        else:
            changing.append((document, result))
    return changing, reviews


def _subjects(path: Path, fixed: FixedText, rows: Sequence[_Row]) -> Iterator[Subject]:
    """What a report says of a file: what each object lacks, and what is left to do by hand."""
    for index, (document, result) in enumerate(_changing(rows)[0]):
        insertions = tuple(fixed.insertions.get(index, ()))
        if insertions:
            ids = dict.fromkeys(row.id for row in result.defaults or () if row.state is State.APPLIED)
            finding = Finding(UNSET, f"lacks {', '.join(ids)}", document.line, Severity.WARNING, insertions)
            yield Subject(f"{result.kind}/{result.name}", str(result.namespace), str(path), (finding,))
    for line, field, reason, edit in fixed.leftovers:
        text = ": ".join(part for part in (field, reason, edit) if part)
        yield Subject("", "", str(path), (Finding(BY_HAND, text, line, Severity.NOTE),))
    yield from (row for row in subjects_of_results(*zip(*rows, strict=True)) if row.findings) if rows else ()


def _fix(path: Path, data: bytes, rows: Sequence[_Row]) -> FixedText:
    changing, reviews = _changing(rows)
    changes = [Change(document, result.patched) for document, result in changing]
    reason = why_no_manifest(path) if changes else ""
    if reason:
        return FixedText(data, [Leftover(changes[0].document.line, "", reason, "")])
    fixed = fix_text(data, changes)
    fixed.leftovers.extend(
        Leftover(review.line, "", "it is an AdmissionReview, which holds a copy", "fix the manifest itself")
        for review in reviews
    )
    return fixed


def _write(path: Path, data: bytes, fixed: FixedText, options: FixOptions) -> None:
    if fixed.data != data:
        if options.diff:
            sys.stdout.buffer.write("".join(_diff(data, fixed.data, str(path))).encode(errors="surrogateescape"))
            sys.stdout.flush()
        elif not _only_tells(options):
            write_whole(path, fixed.data)
        print(f"{path}: {'would change' if _only_tells(options) else 'fixed'}", file=sys.stderr)
    for line, field, reason, edit in fixed.leftovers:
        texts = [f"{path}:{line}", field, reason, f"by hand, {edit}" if edit else ""]
        print(printable(": ".join(text for text in texts if text)), file=sys.stderr)


def _diff(before: bytes, after: bytes, name: str) -> Iterator[str]:
    """A unified diff that git and patch can apply, with the ends of lines as they are."""
    old, new = (data.decode(errors="surrogateescape").removesuffix("\n").split("\n") for data in (before, after))
    if not before.endswith(b"\n"):
        old[-1] = new[-1] = f"{old[-1]}\n\\ No newline at end of file"
    return (f"{line}\n" for line in diff_lines(old, new, name, 3))


def _tell_errors(path: Path, rows: Sequence[_Row]) -> None:
    for document, result in rows:
        if result.error:
            print(f"error: {printable(str(result.error))}", file=sys.stderr)
        elif result.violations and result.violations.after:
            ids = ", ".join(row.id for row in result.violations.after)
            name = printable(f"{result.kind}/{result.name}")
            print(f"{path}:{document.line}: {name} still violates {ids}; preview shows what to edit", file=sys.stderr)
