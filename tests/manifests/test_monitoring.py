"""Alerts and dashboard ask for metrics that there are."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.manifests.building import NAME, Objects, build, find, write_overlay
from tests.shared_data import ROOT

_METRIC = re.compile(r"\b(psd_[a-z_]+)(?:\{([^}]*)\})?")
_BY = re.compile(r"\b(?:by|on) \(([^)]*)\)")
_SERIES = ("_bucket", "_count", "_sum")
_TARGET = {"namespace", "pod", "instance", "le"}
"""Labels that Prometheus adds."""


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Objects:
    """Base with the component."""
    return build(write_overlay(tmp_path_factory.mktemp("monitoring"), "monitoring"))


@pytest.fixture(scope="module")
def documented() -> dict[str, set[str]]:
    """The labels of each metric, from its row in docs/observability.md."""
    rows = {}
    for line in (ROOT / "docs" / "observability.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("| `psd_"):
            _, name, _, labels, *_ = line.split("|")
            rows[name.strip(" `")] = set(re.findall(r"`(\w+)`", labels))
    return rows


def _panels(objects: Objects) -> list[Any]:
    (text,) = find(objects, "ConfigMap", f"{NAME}-dashboard")["data"].values()
    panels: list[Any] = json.loads(text)["panels"]
    return panels


def _rules(objects: Objects) -> list[Any]:
    (group,) = find(objects, "PrometheusRule")["spec"]["groups"]
    rules: list[Any] = group["rules"]
    return rules


def test_every_query_asks_for_what_there_is(objects: Objects, documented: dict[str, set[str]]) -> None:
    """By name and by label; what is not ours is one of the metrics that API servers and processes have."""
    queries = [rule["expr"] for rule in _rules(objects)]
    queries += [target["expr"] for panel in _panels(objects) for target in panel["targets"]]
    assert len(queries) > 15
    for query in queries:
        found = _METRIC.findall(query)
        assert found or "apiserver_admission_webhook_rejection_count" in query
        for name, matchers in found:
            base = next((name.removesuffix(end) for end in _SERIES if name.endswith(end)), name)
            labels = documented[base]
            asked = set(re.findall(r"(\w+)=", matchers))
            asked |= {label.strip() for row in _BY.findall(query) for label in row.split(",")}
            assert asked - _TARGET <= labels, query


def test_every_metric_of_ours_is_looked_at(objects: Objects, documented: dict[str, set[str]]) -> None:
    """One that nobody sees need not be kept."""
    text = json.dumps([_rules(objects), _panels(objects)])
    assert [name for name in documented if name not in text] == []


def test_the_monitor_finds_the_metrics_services_only(objects: Objects) -> None:
    """Those of the server and the observer. Admission has no metrics; its Service has another label."""
    monitor = find(objects, "ServiceMonitor")["spec"]
    services = [value for value in objects if value["kind"] == "Service"]
    wanted = monitor["selector"]["matchLabels"].items()
    found = [value for value in services if wanted <= value["metadata"]["labels"].items()]
    assert {service["metadata"]["name"] for service in found} == {f"{NAME}-metrics", f"{NAME}-observer"}
    (endpoint,) = monitor["endpoints"]
    for service in found:
        assert endpoint["port"] in [port["name"] for port in service["spec"]["ports"]]


def test_alerts_say_what_to_do(objects: Objects) -> None:
    """Each has a summary, a description, a severity, and is not raised by one bad minute."""
    for rule in _rules(objects):
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"].keys() == {"summary", "description"}
        assert int(re.sub(r"\D", "", rule["for"])) >= 1
    names = [rule["alert"] for rule in _rules(objects)]
    assert len(names) == len(set(names))


def test_a_renamed_dashboard_goes_along(tmp_path: Path) -> None:
    """It is generated, and still in the namespace of the rest."""
    built = build(write_overlay(tmp_path, "monitoring", namespace="x"))
    assert find(built, "ConfigMap", f"{NAME}-dashboard")["metadata"]["namespace"] == "x"
