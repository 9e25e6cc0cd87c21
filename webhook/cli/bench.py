"""`bench`: measures what one review of each pod in manifests costs on this machine, in process."""

from __future__ import annotations

import asyncio
import sys
from typing import Final

from webhook.cli.options import BenchOptions
from webhook.cli.surroundings import find_offline_surroundings
from webhook.documents.files import read_files
from webhook.preview.costs import Cost, measure_costs
from webhook.review.messages import printable

OPTIONS: Final = BenchOptions

_HEADS: Final = ("µs", "CONTAINERS", "REVIEW", "PATCH", "OBJECT")


def run(options: BenchOptions) -> int:
    """Measure and print a table, the dearest first.

    Returns:
        The exit status: 0 if all was read, 2 if a document cannot be read.

    Raises:
        ConfigurationError: if the configuration cannot be used.
        InputError: if a file cannot be read.
    """
    documents = list(read_files(options.files))
    surroundings, namespace = find_offline_surroundings(options, documents)
    found = asyncio.run(measure_costs(documents, surroundings, namespace))
    costs = sorted((row for row in found if isinstance(row, Cost)), key=lambda row: row.micros, reverse=True)
    failures = [row for row in found if not isinstance(row, Cost)]
    rows = [_HEADS, *(_cells(row) for row in costs)]
    for micros, containers, size, patch, name in rows:
        print(f"{micros:>7} {containers:>10} {size:>8} {patch:>8}  {name}")
    for row in failures:
        print(f"error: {printable(str(row))}", file=sys.stderr)
    return 2 if failures else 0


def _cells(row: Cost) -> tuple[str, ...]:
    name = printable(f"{row.kind}/{row.name} in {row.namespace}")
    return f"{row.micros:.0f}", str(row.containers), str(row.size), str(row.patch), name
