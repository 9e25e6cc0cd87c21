"""What `preview` and `check` share: read, run the engine, print. The one with a patch, the other without."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from webhook.cli import inputs
from webhook.cli.table import write_table
from webhook.documents.reader import Document
from webhook.documents.writer import to_yaml_all
from webhook.errors import BrokenDocument, ConfigurationError, InputError
from webhook.preview.preview import Options, preview
from webhook.preview.requests import DEFAULT_NAMESPACE
from webhook.preview.results import Report, encode_report
from webhook.sources.manifests import ManifestSource


def run_on_manifests(options: argparse.Namespace, *, patch: bool) -> int:
    """Run the command; returns the exit status."""
    try:
        documents = list(inputs.documents_of(options.files))
        source, namespace = _known(options, documents)
    except (ConfigurationError, InputError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    report, status = preview(documents, source, Options(namespace, options.profile, patch))
    _write(report, options)
    return status


def _known(options: argparse.Namespace, documents: Sequence[Document | BrokenDocument]) -> tuple[ManifestSource, str]:
    """What is known of the namespaces, and which is that of objects that name none.

    By --objects and, where one is meant, by a cluster. Raises as reading does.
    """
    config = inputs.configuration(options.config)
    named = options.context is not None or options.kubeconfig is not None
    if options.offline and named:
        raise InputError("--offline asks no cluster: leave out --context and --kubeconfig")
    if options.offline or not (named or (options.namespace is not None and _has_kubeconfig())):
        return inputs.source_of(config, options.objects), options.namespace or DEFAULT_NAMESPACE
    from webhook.cli.asking import asked_source  # noqa: PLC0415 (the client is large, and offline needs none)

    return asyncio.run(asked_source(options, config, documents))


def _has_kubeconfig() -> bool:
    """Whether kubectl would find one."""
    named = os.environ.get("KUBECONFIG", "")
    files = [Path(part) for part in named.split(os.pathsep) if part] or [Path.home() / ".kube" / "config"]
    return any(file.is_file() for file in files)


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
