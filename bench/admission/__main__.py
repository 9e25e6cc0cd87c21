"""CPU time per review of the whole server, beside webhooks that do nothing: `python -m bench.admission`.

Over TLS, with the log at `info` in JSON and metrics. Each server is on the first core and the load, sixteen
connections, on the last. The servers take turns, and what counts is CPU time as a multiple of that of the Go webhook in
main.go within one round: times differ from machine to machine, ratios hardly. It fails if a ratio is more than a tenth
above that of baseline.json. Needs Go on the PATH.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.admission.servers import HERE, build, cpu_seconds, free_port, machine, ours, resident, server, versions, wait
from bench.bars import bars
from bench.figures import add_options, compare, percentiles, save, write_figures
from bench.reviews import SHARED, review_of

_BASELINE: Final = HERE / "baseline.json"
_TOLERANCE: Final = 1.1
_ROUNDS: Final = 3
_CONNECTIONS: Final = 16
_GO: Final = "Go, no-op"
_AIOHTTP: Final = "aiohttp, no-op"
_OURS: Final = "ours, log info JSON"
_QUIET: Final = "ours, log warning"


class Row(NamedTuple):
    """What one server took in one round."""

    micros: float
    p50: float
    p99: float
    mebibytes: float


def main() -> int:
    """Measure, print, and compare with the baseline."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reviews", type=int, default=6_000, help="reviews for each server in each round")
    add_options(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        found = _measure(Path(name), options.reviews)
    report = _report(found)
    _print(report)
    write_figures(options, report, plot)
    if options.save:
        return save(_BASELINE, {name: row["ratio"] for name, row in report["servers"].items()})
    return compare(_BASELINE, partial(slower, report))


def slower(report: dict[str, Any], baseline: dict[str, float]) -> list[str]:
    """The servers of ours whose ratio exceeds that of the baseline by more than the tolerance, a line each."""
    return [
        f"slower than the baseline: {name}: {row['ratio']:.2f} x, was {baseline[name]:.2f} x"
        for name, row in report["servers"].items()
        if name in (_OURS, _QUIET) and row["ratio"] > baseline[name] * _TOLERANCE
    ]


def plot(report: dict[str, Any]) -> str:
    """A bar for each server: microseconds of CPU per review."""
    rows = report["servers"].items()
    return bars(
        "Microseconds of CPU per review",
        {name: (row["micros"], f"{row['micros']:.0f} µs, {row['ratio']:.1f} x") for name, row in rows},
    )


def _measure(directory: Path, reviews: int) -> dict[str, list[Row]]:
    program = build(directory)
    bodies = directory / "reviews.jsonl"
    bodies.write_bytes(b"\n".join(reviews_of_pods()))
    certs, port = directory / "certs", str(free_port())
    pair = [str(certs / "tls.crt"), str(certs / "tls.key")]
    commands = {
        _OURS: ours(certs, port, "--log-level", "info"),
        _QUIET: ours(certs, port, "--log-level", "warning"),
        _GO: [str(program), "serve", port, *pair],
        _AIOHTTP: [sys.executable, str(HERE / "noop.py"), port, *pair],
    }
    found: dict[str, list[Row]] = {name: [] for name in (_GO, _AIOHTTP, _QUIET, _OURS)}
    for _ in range(_ROUNDS):
        for name, command in commands.items():
            with server(command, directory / "log") as pid:
                wait(int(port))
                load = [str(program), "load", f"https://127.0.0.1:{port}/mutate?timeout=10s", str(certs / "ca.crt")]
                _post([*load, str(bodies)], reviews // 10)  # warms up
                before = cpu_seconds(pid)
                times = _post([*load, str(bodies)], reviews)
                micros = (cpu_seconds(pid) - before) / reviews * 1e6
                found[name].append(Row(micros, *percentiles(times), resident(pid)))
    return found


def reviews_of_pods() -> list[bytes]:
    """Reviews of pods as an API server sends them: those recorded, where they are there, else made ones."""
    file = SHARED / "reviews" / "corpus.jsonl.gz"
    if not file.exists():
        return [json.dumps(review_of(1), separators=(",", ":")).encode()]
    with gzip.open(file) as lines:
        reviews = [json.loads(line)["review"] for line in lines]
    pods = [review for review in reviews if review["request"]["kind"]["kind"] == "Pod"]
    return [json.dumps(review, separators=(",", ":")).encode() for review in pods]


def _post(command: Sequence[str], reviews: int) -> list[float]:
    """Post reviews; the sorted milliseconds that each took."""
    others = sorted(os.sched_getaffinity(0))
    pinned = ["taskset", "-c", str(others[-1]), *command, str(reviews), str(_CONNECTIONS)]
    answered = subprocess.run(pinned, capture_output=True, text=True, check=True).stdout.split()  # noqa: S603
    if int(answered[0]) != reviews:
        raise SystemExit(f"{reviews - int(answered[0])} of {reviews} reviews were not allowed")
    return sorted(int(each) / 1000 for each in answered[1:])


def _report(found: dict[str, list[Row]]) -> dict[str, Any]:
    """The medians, and the median of the ratios to the Go webhook within each round."""
    servers = {}
    for name, rows in found.items():
        ratios = [row.micros / go.micros for row, go in zip(rows, found[_GO], strict=True)]
        medians = {field: round(statistics.median(getattr(row, field) for row in rows), 2) for field in Row._fields}
        servers[name] = {**medians, "ratio": round(statistics.median(ratios), 2)}
    return {"machine": machine(), "versions": versions(), "servers": servers}


def _print(report: dict[str, Any]) -> None:
    print(report["machine"] + "; " + ", ".join(f"{name} {number}" for name, number in report["versions"].items()))
    print(f"{'server':<22}{'CPU µs':>8}{'x Go':>7}{'p50 ms':>8}{'p99 ms':>8}{'MiB':>7}")
    for name, row in report["servers"].items():
        print(
            f"{name:<22}{row['micros']:>8.0f}{row['ratio']:>7.2f}{row['p50']:>8.2f}{row['p99']:>8.2f}"
            f"{row['mebibytes']:>7.0f}"
        )


if __name__ == "__main__":
    sys.exit(main())
