"""What `preview` and `check` share: read, preview, print. `preview` patches, `check` does not."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from webhook.cli import REPORT_KINDS, REPORTS
from webhook.cli.options import ManifestOptions
from webhook.cli.surroundings import find_surroundings
from webhook.cli.table import write_table
from webhook.documents.document import Document
from webhook.documents.files import read_files
from webhook.errors import BrokenDocument
from webhook.preview.preview import PreviewOptions, preview
from webhook.preview.results import Report, encode_report, patched_yaml


def run_on_manifests(options: ManifestOptions, *, patch: bool) -> int:
    """Preview the manifests and print the report.

    Args:
        options: the options of the command.
        patch: whether to add defaults; False only judges.

    Returns:
        The exit status: 0 if all comply, 1 if violations remain, 2 if a document cannot be read.

    Raises:
        ConfigurationError: if the configuration cannot be used.
        InputError: if a file cannot be read, options contradict each other, or the cluster does not answer.
    """
    documents = list(read_files(options.files))
    surroundings, namespace = find_surroundings(options, documents)
    report, status = preview(documents, surroundings, PreviewOptions(namespace, options.profile, patch))
    _write(documents, report, options)
    return status


def _write(documents: Sequence[Document | BrokenDocument], report: Report, options: ManifestOptions) -> None:
    results = report.results
    match options.output:
        case "json":
            sys.stdout.write(encode_report(report))
        case "yaml":
            sys.stdout.write(patched_yaml(results))
        case "diff":
            sys.stdout.write("".join(result.diff or "" for result in results if not result.error))
        case form if form in REPORTS:
            from webhook.cli.reports import write_report  # noqa: PLC0415 (a fifth of the start, for these alone)
            from webhook.reports.findings import subjects_of_results  # noqa: PLC0415

            write_report(subjects_of_results(documents, results), form)
        case _:
            write_table(report, sys.stdout, colour=has_colour(options.color))
    if options.output in ("yaml", "diff", *REPORT_KINDS):
        for result in results:
            if result.error:
                print(f"error: {result.error}", file=sys.stderr)


def has_colour(choice: str) -> bool:
    """Whether to colour standard output, by the option: `auto`, `always` or `never`."""
    if choice == "auto":
        return sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    return choice == "always"
