"""The benchmark of whole servers: what fails it, and its chart."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from bench.admission.__main__ import plot, slower

_SERVERS = {"Go, no-op": {"micros": 50.0, "ratio": 1.0}, "ours, log warning": {"micros": 220.0, "ratio": 4.4}}


def test_a_ratio_above_the_baseline_fails() -> None:
    """By more than a tenth; that of another webhook is not ours to keep."""
    report = {"servers": _SERVERS}
    assert slower(report, {"Go, no-op": 0.1, "ours, log warning": 4.0}) == []
    (line,) = slower(report, {"Go, no-op": 1.0, "ours, log warning": 3.9})
    assert line == "slower than the baseline: ours, log warning: 4.40 x, was 3.90 x"


def test_the_chart_has_a_bar_for_each_server() -> None:
    """The longest is the dearest; the others are in proportion."""
    chart = ET.fromstring(plot({"servers": _SERVERS}))  # noqa: S314 (our own)
    bars = [float(bar.attrib["width"]) for bar in chart.iter("{http://www.w3.org/2000/svg}rect")]
    assert bars == [68, 300]
