"""The counters and their page, counted against what was sent."""

from __future__ import annotations

import json
import logging

import pytest
from prometheus_client.parser import text_string_to_metric_families

from patches.policy.policy import PSA_PREFIX
from tests.review.builders import (
    RESTRICTED,
    gatherer_of,
    namespace_object,
    pod,
    privileged_pod,
    request,
    review,
    reviewer_of,
)
from webhook.review.codec import AdmissionResponse, decode_review
from webhook.review.reviewer import Reviewer
from webhook.telemetry.admissions import AdmissionRecorder, outcome_of
from webhook.telemetry.gauges import Gauge
from webhook.telemetry.logs import FIELDS
from webhook.telemetry.metrics import Metrics


def _samples(metrics: Metrics, name: str) -> dict[tuple[str, ...], float]:
    """The samples of one name, by the values of their labels in the order of their names."""
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(metrics.page().decode())
        for sample in family.samples
        if sample.name == name
    }


def _counting(**labels: str) -> tuple[Reviewer, Metrics]:
    """A reviewer of the namespace of the builders, with its counts."""
    metrics = Metrics()
    return reviewer_of(gatherer_of([namespace_object(labels)]), on_evaluation=metrics.count_evaluation), metrics


async def test_defaults_are_counted_by_id_and_state() -> None:
    """A bare pod gets four defaults once each for its container; a privileged one is skipped, and that is counted."""
    reviewer, metrics = _counting(**RESTRICTED)
    await reviewer.mutate(request(pod()))
    await reviewer.mutate(request(pod()))
    await reviewer.mutate(request(privileged_pod()))
    counted = _samples(metrics, "psd_defaults_total")
    assert counted["allowPrivilegeEscalation", "applied"] == 2
    assert counted["allowPrivilegeEscalation", "skipped"] == 1
    assert counted["seccompProfile", "applied"] == 3


async def test_violations_are_counted_by_check_level_and_mode() -> None:
    """What is violated at the levels of enforce and target, which are one here, counts for each; audit is no level."""
    reviewer, metrics = _counting(**{PSA_PREFIX + "enforce": "baseline", PSA_PREFIX + "audit": "restricted"})
    await reviewer.mutate(request(privileged_pod()))
    counted = _samples(metrics, "psd_violations_total")
    assert counted["privileged", "baseline", "enforce"] == 1
    assert counted["privileged", "baseline", "target"] == 1
    assert counted["privileged", "restricted", "audit"] == 1
    assert counted["privileged", "baseline", "warn"] == 1  # warn follows enforce
    before = counted["privileged", "baseline", "enforce"]
    await reviewer.validate(request(privileged_pod()))
    assert _samples(metrics, "psd_violations_total")["privileged", "baseline", "enforce"] == before + 1


async def test_requests_are_counted_by_decision() -> None:
    """Each answer once, with its time; the labels are endpoint, operation, kind and decision."""
    reviewer, metrics = _counting(**RESTRICTED)
    admissions = AdmissionRecorder(metrics)
    asked = request(pod())
    for _ in range(3):
        admissions.record("mutate", asked, await reviewer.mutate(asked), 0.002)
    admissions.record("validate", asked, await reviewer.validate(asked), 0.002)
    admissions.record_undecodable("mutate", 0.001)
    assert _samples(metrics, "psd_requests_total") == {  # by decision, endpoint, kind, operation
        ("patched", "mutate", "Pod", "CREATE"): 3,
        ("denied", "validate", "Pod", "CREATE"): 1,
        ("undecodable", "mutate", "other", "other"): 1,
    }
    assert _samples(metrics, "psd_request_seconds_count") == {("mutate",): 4, ("validate",): 1}


async def test_label_values_are_bounded() -> None:
    """What a caller makes up becomes `other`, so that nobody can grow the page."""
    metrics = Metrics()
    admissions = AdmissionRecorder(metrics)
    for number in range(50):
        body = review(pod(), operation=f"OP{number}", kind={"group": "", "version": "v1", "kind": f"Kind{number}"})
        asked = decode_review(json.dumps(body).encode())
        admissions.record("mutate", asked, AdmissionResponse(uid=asked.uid, allowed=True), 0)
    assert _samples(metrics, "psd_requests_total") == {("allowed", "mutate", "other", "other"): 50}


async def test_the_log_has_each_admission(caplog: pytest.LogCaptureFixture) -> None:
    """With uid, namespace and outcome; what a caller sends is cut."""
    caplog.set_level(logging.INFO, "webhook.admission")
    reviewer, metrics = _counting(**RESTRICTED)
    asked = request(pod(), uid="u" * 1000)
    response = await reviewer.mutate(asked)
    AdmissionRecorder(metrics).record("mutate", asked, response, 0.25)
    (record,) = caplog.records
    fields = getattr(record, FIELDS)
    assert fields["uid"] == "u" * 253
    assert (fields["namespace"], fields["kind"], fields["decision"]) == ("shop", "Pod", "patched")
    assert "runAsNonRoot:pod" in fields["applied"]
    assert fields["seconds"] == 0.25


async def test_nothing_of_the_pod_is_logged_but_ids(caplog: pytest.LogCaptureFixture) -> None:
    """Not its environment, its annotations, its images or its arguments, also where it is refused or cannot be read."""
    caplog.set_level(logging.DEBUG)
    reviewer, metrics = _counting(**RESTRICTED)
    secret = "hunter2-hunter2"  # noqa: S105 (what must not be logged)
    for security in ({"privileged": True}, {"privileged": secret}):
        container = {
            "name": "c",
            "image": f"registry.example/{secret}",
            "args": [secret],
            "env": [{"name": "PASSWORD", "value": secret}],
            "securityContext": security,
        }
        asked = request(pod(metadata={"annotations": {"note": secret}}, containers=[container]))
        for endpoint, answer in (("mutate", reviewer.mutate), ("validate", reviewer.validate)):
            AdmissionRecorder(metrics).record(endpoint, asked, await answer(asked), 0)
    assert len(caplog.records) == 4
    assert all(secret not in str(vars(record)) for record in caplog.records)
    assert secret.encode() not in metrics.page()


@pytest.mark.parametrize(
    ("labels", "expected"),
    [(RESTRICTED, "patched"), ({PSA_PREFIX + "enforce": "privileged"}, "allowed")],
)
async def test_decisions(labels: dict[str, str], expected: str) -> None:
    """A patch, or none."""
    reviewer, _ = _counting(**labels)
    assert outcome_of(await reviewer.mutate(request(pod()))) == expected


async def test_gauges_are_asked_each_time() -> None:
    """A gauge shows the value of the moment; gauges of one name are one family."""
    value = 1.0
    metrics = Metrics([lambda: [Gauge("psd_test", "A test.", {"kind": kind}, value) for kind in ("a", "b")]])
    assert _samples(metrics, "psd_test") == {("a",): 1, ("b",): 1}
    value = 2.0
    assert _samples(metrics, "psd_test") == {("a",): 2, ("b",): 2}
    assert metrics.page().count(b"# TYPE psd_test gauge") == 1
