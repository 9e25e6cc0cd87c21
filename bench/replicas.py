"""Reviews per second of one, two and four replicas: `python -m bench.replicas`. Needs Go on the PATH.

A replica is a process of its own, with the log at `info` in JSON and metrics. Each has its own load, and all of them
share sixteen connections, as the API servers of a cluster spread theirs. Nothing is pinned: on two cores the load takes
its part, so that more than two replicas show what they cost, not what they bring.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

from bench.admission.__main__ import reviews_of_pods
from bench.admission.servers import build, cpu_seconds, free_port, machine, ours, resident, server, versions, wait
from bench.figures import percentiles

_REPLICAS: Final = (1, 2, 4)
_CONNECTIONS: Final = 16
_REVIEWS: Final = 24_000
_WARM_UP: Final = 2_000


class Row(NamedTuple):
    """What some replicas did together.

    Attributes:
        each_second: reviews per second.
        micros: of CPU time per review, of the replicas.
        p50: of the milliseconds that a review took.
        p99: likewise.
        mebibytes: resident, of all replicas.
    """

    each_second: float
    micros: float
    p50: float
    p99: float
    mebibytes: float


def main() -> int:
    """Measure and print."""
    print(machine() + "; " + ", ".join(f"{name} {number}" for name, number in versions().items()))
    print(f"{'replicas':>8}{'reviews/s':>11}{'CPU µs':>8}{'p50 ms':>8}{'p99 ms':>8}{'MiB':>6}")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        program = build(directory)
        (directory / "reviews.jsonl").write_bytes(b"\n".join(reviews_of_pods()))
        for count in _REPLICAS:
            row = _measure(directory, program, count)
            print(
                f"{count:>8}{row.each_second:>11.0f}{row.micros:>8.0f}{row.p50:>8.2f}{row.p99:>8.2f}"
                f"{row.mebibytes:>6.0f}"
            )
    return 0


def _measure(directory: Path, program: Path, count: int) -> Row:
    ports = [free_port() for _ in range(count)]
    with ExitStack() as stack:
        processes = []
        for port in ports:
            command = ours(directory / "certs", str(port))
            processes.append(stack.enter_context(server(command, directory / f"{port}.log", pinned=False)))
            wait(port)  # the first makes the certificate
        _post(directory, program, ports, _WARM_UP)
        before, began = sum(map(cpu_seconds, processes)), time.monotonic()
        times = _post(directory, program, ports, _REVIEWS)
        seconds, cpu = time.monotonic() - began, sum(map(cpu_seconds, processes)) - before
        memory = sum(map(resident, processes))
    return Row(_REVIEWS / seconds, cpu / _REVIEWS * 1e6, *percentiles(times), memory)


def _post(directory: Path, program: Path, ports: list[int], reviews: int) -> list[float]:
    """Post reviews to all replicas at once; the sorted milliseconds that each took."""
    share, connections = str(reviews // len(ports)), str(_CONNECTIONS // len(ports))
    files = [str(directory / "certs" / "ca.crt"), str(directory / "reviews.jsonl")]
    commands = [
        [str(program), "load", f"https://127.0.0.1:{port}/mutate?timeout=10s", *files, share, connections]
        for port in ports
    ]
    times: list[float] = []
    with ThreadPoolExecutor(len(commands)) as pool:
        for answered, *micros in pool.map(_words, commands):
            if answered != share:
                raise SystemExit(f"{answered} of {share} reviews were allowed")
            times += [int(each) / 1000 for each in micros]
    return sorted(times)


def _words(command: Sequence[str]) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())
