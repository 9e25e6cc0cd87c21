"""What a benchmark does with its figures: write them, and compare its ratios with those of a baseline."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from patches import FORM


def add_options(parser: argparse.ArgumentParser) -> None:
    """Let the user say where to write the figures."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write a bar chart, as SVG")
    parser.add_argument("--save", action="store_true", help="make these ratios the baseline")


def write_figures(options: argparse.Namespace, report: dict[str, Any], plot: Callable[[dict[str, Any]], str]) -> None:
    """Write the report and its chart, if that is wanted."""
    if options.json:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    if options.plot:
        options.plot.write_text(plot(report), encoding="utf-8")


def percentiles(times: Sequence[float]) -> tuple[float, float]:
    """The 50th and the 99th percentile of sorted times."""
    return times[len(times) // 2], times[len(times) * 99 // 100]


def save(baseline: Path, ratios: dict[str, float]) -> int:
    """Make these ratios the baseline of the form of the engine that runs; the exit status."""
    forms = {**json.loads(baseline.read_text(encoding="utf-8")), FORM: ratios}
    baseline.write_text(json.dumps(forms, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return 0


def compare(baseline: Path, worse: Callable[[dict[str, float]], list[str]]) -> int:
    """Print what is worse than the baseline of the form of the engine that runs; the exit status."""
    lines = worse(json.loads(baseline.read_text(encoding="utf-8"))[FORM])
    for line in lines:
        print(line)
    return 1 if lines else 0
