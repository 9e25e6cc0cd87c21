"""The benchmark of creates at an API server: what is made of the times."""

from __future__ import annotations

import pytest

from bench.creates import Chunk, dearer, figures, ratios
from bench.histograms import Asked, Webhook, quantile, read_asked, waited


def test_creates_that_connect_do_not_count() -> None:
    """The first 32 of each turn; the CPU time is of all 64, in seconds for 1,000."""
    rows = [
        Chunk([50.0] * 32 + [2.0] * 32, 0.128),
        Chunk([50.0] * 32 + [1.0] * 31 + [9.0], 0.064),
        Chunk([1.0] * 64, 6.4),
    ]
    found = figures(rows)
    assert found == {"p50 ms": 1.0, "p99 ms": 9.0, "CPU s per 1,000": 2.0}


def test_a_ratio_far_above_the_baseline_fails() -> None:
    """What we add is compared with what the Go webhook adds, not with the whole create."""
    nobody, go, ours = ({"p50 ms": ms, "CPU s per 1,000": cpu} for ms, cpu in ((2.0, 1.0), (3.0, 2.0), (4.0, 5.0)))
    rows = {"nobody": nobody, "Go, no-op": go, "ours, log info JSON": ours}
    found = ratios({"results": {name: {"1": row, "32": row} for name, row in rows.items()}})
    assert found["p50 ms, 1 at once"] == 2.0
    assert found["CPU s per 1,000, 32 at once"] == 4.0
    assert dearer(found, found) == []
    lines = dearer(found, {**found, "p50 ms, 1 at once": 1.3})
    assert lines == ["dearer than the baseline: p50 ms, 1 at once: 2.00 x Go, was 1.30 x"]


@pytest.mark.parametrize(("part", "expected"), [(0.25, 0.0025), (0.5, 0.005), (0.75, 0.015), (1.0, 0.025)])
def test_a_quantile_of_buckets(part: float, expected: float) -> None:
    """Within a bucket values are taken to be spread evenly."""
    assert quantile([(0.005, 2.0), (0.025, 4.0), (float("inf"), 4.0)], part) == pytest.approx(expected)


def test_what_was_asked_before_does_not_count() -> None:
    """The metrics of an API server count from its start."""
    before = Asked(9.0, [(0.005, 0.0), (0.025, 3.0), (float("inf"), 3.0)])
    after = Asked(9.016, [(0.005, 4.0), (0.025, 7.0), (float("inf"), 7.0)])
    assert waited(before, after) == {"mean ms": 4.0, "p50 ms": 2.5, "p99 ms": 4.95}


def test_the_operations_of_a_webhook_are_added_up() -> None:
    """The API server counts creates and updates apart; a validating webhook may have the same name."""
    name = "apiserver_admission_webhook_admission_duration_seconds"
    lines = []
    for operation, kind in (("CREATE", "admit"), ("UPDATE", "admit"), ("CREATE", "validating")):
        labels = f'name="a.b",operation="{operation}",rejected="false",type="{kind}"'
        lines += [f'{name}_bucket{{{labels},le="{bound}"}} {count}' for bound, count in (("0.005", 1), ("+Inf", 2))]
        lines.append(f"{name}_sum{{{labels}}} 0.25")
    assert read_asked("\n".join(lines)) == {
        Webhook("a.b", "admit"): Asked(0.5, [(0.005, 2.0), (float("inf"), 4.0)]),
        Webhook("a.b", "validating"): Asked(0.25, [(0.005, 1.0), (float("inf"), 2.0)]),
    }
