"""The metrics, and their page in Prometheus' text format.

Label values are bounded: what a caller sends is replaced by `other` unless it is one of the few known.

Counts are kept in dictionaries, and become metrics only when the page is asked for. Plain prometheus_client counters
cost more, as each `inc` takes a lock. Measured with its version 0.26 on CPython 3.11, for the 7 decisions on a bare pod
and the 15 on one of three containers: 2.2 and 4.5 µs a review here, 4.6 and 9.8 µs with the children of a counter kept
by their labels, 13 and 29 µs with `counter.labels(...).inc()`. They would also add a `_created` series to each count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

from prometheus_client import CollectorRegistry, Histogram, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from patches import TEMPLATES, Evaluation, Level
from webhook.telemetry.gauges import GaugeSource
from webhook.telemetry.log_writer import dropped_lines

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
OTHER: Final = "other"
OPERATIONS: Final = frozenset({"CREATE", "UPDATE", "DELETE", "CONNECT"})
KINDS: Final = frozenset(kind for _, kind in TEMPLATES)
_BUCKETS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 5.0)


class Metrics(Collector):
    """The counts of this process.

    Attributes:
        gauges: asked for their values each time that the page is asked for.
    """

    def __init__(self, gauges: Sequence[GaugeSource] = ()) -> None:
        """Start at zero."""
        self.gauges = list(gauges)
        self._requests: Counter[tuple[str, str, str, str]] = Counter()
        self._defaults: Counter[tuple[str, str]] = Counter()
        self._violations: Counter[tuple[str, str, str]] = Counter()
        self._registry = CollectorRegistry(auto_describe=False)
        self._seconds = Histogram(
            "psd_request_seconds",
            "Seconds from the first byte of a review to its answer.",
            ["endpoint"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._seconds_of = {endpoint: self._seconds.labels(endpoint) for endpoint in ("mutate", "validate")}
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    def count_review(self, endpoint: str, operation: str, kind: str, decision: str, seconds: float) -> None:
        """Count an answer.

        Args:
            endpoint: `mutate` or `validate`.
            operation: of the review; unknown ones count as `other`.
            kind: of the reviewed object; unknown ones count as `other`.
            decision: what was answered, in one word.
            seconds: from the first byte of the review to its answer.
        """
        if operation not in OPERATIONS:
            operation = OTHER
        if kind not in KINDS:
            kind = OTHER
        self._requests[endpoint, operation, kind, decision] += 1
        self._seconds_of[endpoint].observe(seconds)

    def count_evaluation(self, evaluation: Evaluation) -> None:
        """Count each decision by default and state, and each violation once for every mode whose level is violated."""
        counts = self._defaults
        for decision in evaluation.decisions:
            counts[decision.id, decision.state] += 1
        policy, verdicts = evaluation.policy, evaluation.verdicts
        if not any(verdicts.values()):
            return
        levels = (
            ("enforce", policy.enforce),
            ("audit", policy.audit),
            ("warn", policy.warn),
            ("target", policy.target),
        )
        for mode, level in levels:
            for violation in verdicts.get(level, ()) if level.level is not Level.PRIVILEGED else ():
                self._violations[violation.id, level.level.value, mode] += 1

    def page(self) -> bytes:
        """Write the page."""
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Any]:
        """Yield the metric families with their present values; prometheus_client calls this."""
        yield _counter(
            "psd_requests",  # the client adds `_total`
            "Reviews answered, by endpoint, operation, kind and decision.",
            ("endpoint", "operation", "kind", "decision"),
            self._requests,
        )
        yield _counter("psd_defaults", "What became of defaults, by id and state.", ("id", "state"), self._defaults)
        yield _counter(
            "psd_violations",
            "Checks that reviewed objects violate, by check, level and mode.",
            ("check", "level", "mode"),
            self._violations,
        )
        lines = Counter({(): dropped_lines()})
        yield _counter("psd_log_lines_dropped", "Log lines dropped, because nobody took them.", (), lines)
        families: dict[str, GaugeMetricFamily] = {}
        for gauge in (gauge for ask in self.gauges for gauge in ask()):
            family = families.get(gauge.name)
            if family is None:
                family = families[gauge.name] = GaugeMetricFamily(gauge.name, gauge.help, labels=list(gauge.labels))
            family.add_metric(list(gauge.labels.values()), gauge.value)
        yield from families.values()


def _counter(name: str, text: str, labels: Sequence[str], counts: Counter[Any]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, count in sorted(counts.items()):
        family.add_metric(values, count)
    return family
