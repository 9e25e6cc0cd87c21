"""Log and count each admission."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from webhook.review.codec import AdmissionResponse, RequestHead
from webhook.telemetry.logs import FieldLog
from webhook.telemetry.metrics import Metrics

_LOG: Final = FieldLog("webhook.admission")
_LONGEST: Final = 253
"""The limit of text that a caller controls, in characters. No name in Kubernetes is longer."""
_DECISIONS: Final = {
    HTTPStatus.FORBIDDEN: "denied",
    HTTPStatus.BAD_REQUEST: "invalid",
    HTTPStatus.INTERNAL_SERVER_ERROR: "error",
}
_LOGGED: Final = ("applied", "would-apply", "skipped", "exempt", "generation")
"""The audit annotations that are logged too. Violations are in the metrics, and in full in the audit log."""


def outcome_of(response: AdmissionResponse) -> str:
    """Summarize a response in one word: patched, allowed, denied, exempt, invalid or error."""
    if response.status is not None:
        return _DECISIONS[HTTPStatus(response.status.code)]
    if response.patch is not None:
        return "patched"
    return "exempt" if "exempt" in response.audit_annotations else "allowed"


class AdmissionRecorder:
    """Counts and logs admissions."""

    def __init__(self, metrics: Metrics) -> None:
        """Count in `metrics`."""
        self._metrics = metrics

    def record(self, endpoint: str, request: RequestHead, response: AdmissionResponse, seconds: float) -> None:
        """Count and log an answer."""
        outcome = outcome_of(response)
        kind = request.kind.kind
        self._metrics.count_review(endpoint, request.operation, kind, outcome, seconds)
        if not _LOG.enabled:
            return
        audit = response.audit_annotations
        fields: dict[str, Any] = {
            "uid": request.uid[:_LONGEST],
            "endpoint": endpoint,
            "operation": request.operation[:_LONGEST],
            "kind": kind[:_LONGEST],
            "namespace": request.namespace[:_LONGEST],
            "name": request.name[:_LONGEST],
            "decision": outcome,
            "seconds": round(seconds, 6),
            **{key: audit[key] for key in _LOGGED if key in audit},
        }
        if response.status is not None:
            fields["code"] = response.status.code
        _LOG.write("admission", fields)

    def record_undecodable(self, endpoint: str, seconds: float) -> None:
        """Count a body that is no review. It is not logged here: it has no uid."""
        self._metrics.count_review(endpoint, "", "", "undecodable", seconds)
