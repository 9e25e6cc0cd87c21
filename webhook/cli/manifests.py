"""What `preview` and `check` share: read, run the engine, print. The one with a patch, the other without."""

from __future__ import annotations

import argparse
import os
import sys

from webhook.cli import inputs
from webhook.cli.table import write_table
from webhook.configuration.reader import ConfigurationError
from webhook.documents.writer import to_yaml_all
from webhook.preview.preview import Options, preview
from webhook.preview.results import Report, encode_report


def run_on_manifests(options: argparse.Namespace, *, patch: bool) -> int:
    """Run the command; returns the exit status."""
    try:
        source = inputs.source_of(inputs.configuration(options.config), options.objects)
        documents = list(inputs.documents_of(options.files))
    except (ConfigurationError, inputs.InputError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    report, status = preview(documents, source, Options(options.namespace, options.profile, patch))
    _write(report, options)
    return status


def _write(report: Report, options: argparse.Namespace) -> None:
    results = report.results
    match options.output:
        case "json":
            sys.stdout.write(encode_report(report))
        case "yaml":
            sys.stdout.write(to_yaml_all([result.patched for result in results if not result.error]))
        case "diff":
            sys.stdout.write("".join(result.diff or "" for result in results if not result.error))
        case _:
            write_table(report, sys.stdout, colour=_colour(options.color))
    if options.output in ("yaml", "diff"):
        for result in results:
            if result.error:
                print(f"error: {result.error}", file=sys.stderr)


def _colour(choice: str) -> bool:
    if choice == "auto":
        return sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    return choice == "always"
