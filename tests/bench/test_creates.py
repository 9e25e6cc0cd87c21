"""The benchmark of creates at an API server: what is made of the times."""

from __future__ import annotations

from bench.creates import Chunk, figures


def test_creates_that_connect_do_not_count() -> None:
    """The first 32 of each turn; the CPU time is of all 64, in seconds for 1,000."""
    rows = [
        Chunk([50.0] * 32 + [2.0] * 32, 0.128),
        Chunk([50.0] * 32 + [1.0] * 31 + [9.0], 0.064),
        Chunk([1.0] * 64, 6.4),
    ]
    found = figures(rows)
    assert found == {"p50 ms": 1.0, "p99 ms": 9.0, "CPU s per 1,000": 2.0}
