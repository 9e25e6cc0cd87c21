"""`scan`: says which namespaces can be labelled, what keeps the others from it, and whether their workloads start."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from patches import DefaulterConfiguration, Images, Verdict
from webhook.cli import REPORT_KINDS, REPORTS
from webhook.cli.loading import load_images, load_with_warnings
from webhook.cli.manifests import has_colour
from webhook.cli.options import ScanCommandOptions
from webhook.cli.registries import ask_registries
from webhook.cli.reports import write_report
from webhook.cli.scan_table import write_scan_table
from webhook.cli.surroundings import find_offline_surroundings
from webhook.documents.files import read_files
from webhook.documents.writer import to_json, to_yaml
from webhook.errors import ClusterError, InputError
from webhook.reports.findings import subjects_of_scan
from webhook.reports.html import to_html
from webhook.reports.policy_reports import KINDS, to_policy_reports
from webhook.review.messages import printable
from webhook.scan.labels import label_commands
from webhook.scan.manifests import ScanOptions, scan_manifests
from webhook.scan.progress import Progress
from webhook.scan.results import Scan

OPTIONS: Final = ScanCommandOptions
_CLEAR_LINE: Final = "\r\x1b[K"
_BAR: Final = 30
"""Characters."""


def run(options: ScanCommandOptions) -> int:
    """Scan, print, and return the exit status: 0 if all is ready, 1 if something is not, 2 if something is unreadable.

    If reports are written to the cluster, the status is 0 if all are, else 2.

    Raises:
        ConfigurationError: if the configuration cannot be used.
        InputError: if a file cannot be read, options contradict each other, or the cluster does not answer.
    """
    if options.files and (options.all_namespaces or options.selector):
        raise InputError("-f asks no cluster: leave out --all-namespaces and --selector")
    if options.namespace and options.all_namespaces:
        raise InputError("-n and --all-namespaces contradict each other")
    if options.write_reports and (options.files or options.write_labels):
        raise InputError("--write-reports writes to the cluster: leave out -f and --write-labels")
    scan, unwritten = (_scan_files(options), []) if options.files else _scan_cluster(options)
    for problem in (*scan.problems, *unwritten):
        print(f"warning: {printable(problem)}", file=sys.stderr)
    if options.write_reports:
        return 2 if unwritten else 0
    _write(scan, options)
    if scan.errors:
        return 2
    return int(any(row.verdict in (Verdict.NEEDS_EDITS, Verdict.CANNOT) for row in scan.namespaces))


def _scan_files(options: ScanCommandOptions) -> Scan:
    documents = list(read_files(options.files))
    surroundings, namespace = find_offline_surroundings(options, documents)
    return scan_manifests(documents, surroundings, ScanOptions(options.profile, namespace, _with_differences(options)))


def _scan_cluster(options: ScanCommandOptions) -> tuple[Scan, list[str]]:
    """Scan, and write reports if asked to; also returns why some are not written.

    Which images there are, only a scan tells: where registries are to be asked, there are two.
    """
    configuration = load_with_warnings(options.config)
    images = load_images(options.images, configuration)
    if options.images_from_registry:
        scan, _ = _ask_cluster(replace(options, write_reports=None), configuration, images)
        starts = [row for place in scan.namespaces for workload in place.workloads for row in workload.starts]
        named = dict.fromkeys(row.image for row in starts if row.image)
        images = ask_registries(named, images, options.private_registries)
    return _ask_cluster(options, configuration, images)


def _ask_cluster(
    options: ScanCommandOptions, configuration: DefaulterConfiguration, images: Images
) -> tuple[Scan, list[str]]:
    from webhook.cluster.connection import connect  # noqa: PLC0415 (the client is large, and for files it is not needed)
    from webhook.reports.writer import write_reports  # noqa: PLC0415
    from webhook.scan.cluster import ClusterScan, scan_cluster  # noqa: PLC0415

    async def ask() -> tuple[Scan, list[str]]:
        async with connect(options.connection) as client:
            namespace = "" if options.all_namespaces or options.selector else options.namespace or client.namespace
            what = ClusterScan(
                options.profile, namespace, options.selector, configuration, images, _with_differences(options)
            )
            scan = await scan_cluster(client, what, _progress())
            if not options.write_reports:
                return scan, []
            kind, names = KINDS[options.write_reports], [row.name for row in scan.namespaces]
            reports = to_policy_reports(subjects_of_scan(scan), kind, datetime.now(UTC), names)
            return scan, await write_reports(client, reports, kind)

    try:
        return asyncio.run(ask())
    except (ClusterError, ValueError) as error:
        raise InputError(f"{error}; -f scans manifests without a cluster") from None


def _with_differences(options: ScanCommandOptions) -> bool:
    return options.output == "html" and not options.write_labels


def _progress() -> Callable[[Progress | None], None]:
    """Shows on a terminal what is being read, as a bar where it is known how much that is. None clears the line."""
    if not sys.stderr.isatty():
        return lambda _: None

    def show(progress: Progress | None) -> None:
        print(f"{_CLEAR_LINE}{'' if progress is None else _line(progress)}", end="", file=sys.stderr, flush=True)

    return show


def _line(progress: Progress) -> str:
    plural, done, total = progress
    if done == total:  # the first page says how many follow
        return f"reading {plural}: {done}"
    filled = _BAR * done // total
    return f"reading {plural}: [{'#' * filled}{'.' * (_BAR - filled)}] {done} of {total}"


def _write(scan: Scan, options: ScanCommandOptions) -> None:
    if options.write_labels:
        print(*label_commands(scan.namespaces, options.profile), sep="\n")
        return
    match options.output:
        case "json":
            sys.stdout.write(to_json(scan))
        case "yaml":
            value: Any = msgspec.to_builtins(scan)
            sys.stdout.write(to_yaml(value))
        case "html":
            sys.stdout.write(to_html(scan, datetime.now(UTC)))
        case form if form in REPORTS:
            write_report(subjects_of_scan(scan), form, [row.name for row in scan.namespaces])
            for error in scan.errors if form in REPORT_KINDS else ():
                print(f"error: {printable(str(error))}", file=sys.stderr)
        case _:
            write_scan_table(scan, sys.stdout, colour=has_colour(options.color))
