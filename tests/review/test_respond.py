"""The four answers."""

from __future__ import annotations

import base64
import json

import pytest

from patches.model.operation import Operation
from tests.review.builders import UID, sent
from webhook.review import respond
from webhook.review.codec import AdmissionResponse


def test_allowed_says_nothing_more() -> None:
    """An answer without patch, warnings and annotations is two fields."""
    assert sent(respond.allowed(UID)) == {"uid": UID, "allowed": True}


def test_allowed_with_a_patch() -> None:
    """The operations come as JSONPatch in base64, and nothing of them is lost."""
    operations: list[Operation] = [
        {"op": "add", "path": "/metadata/annotations/a~1b", "value": "ü"},
        {"op": "remove", "path": "/spec/volumes/0"},
    ]
    answer = sent(respond.allowed(UID, operations, ["careful"], {"applied": "x"}))
    assert json.loads(base64.b64decode(answer.pop("patch"), validate=True)) == operations
    assert answer == {
        "uid": UID,
        "allowed": True,
        "patchType": "JSONPatch",
        "warnings": ["careful"],
        "auditAnnotations": {"applied": "x"},
    }


def test_forbidden() -> None:
    """A violation is 403 Forbidden, and has no patch."""
    assert sent(respond.forbidden(UID, "violates", ["careful"], {"enforce-policy": "restricted:latest"})) == {
        "uid": UID,
        "allowed": False,
        "warnings": ["careful"],
        "auditAnnotations": {"enforce-policy": "restricted:latest"},
        "status": {"status": "Failure", "code": 403, "reason": "Forbidden", "message": "violates"},
    }


@pytest.mark.parametrize(
    ("response", "code", "reason"),
    [
        (respond.invalid(UID, "why"), 400, "BadRequest"),
        (respond.errored(UID, "why"), 500, "InternalError"),
    ],
    ids=["invalid", "errored"],
)
def test_refusals_for_other_reasons(response: AdmissionResponse, code: int, reason: str) -> None:
    """Broken input and failed look-ups are refusals with a status, never a patch."""
    assert sent(response) == {
        "uid": UID,
        "allowed": False,
        "status": {"status": "Failure", "code": code, "reason": reason, "message": "why"},
    }


def test_answers_share_nothing() -> None:
    """What is added to one answer does not appear in the next."""
    respond.allowed(UID).warnings.append("mine")
    respond.allowed(UID).audit_annotations["mine"] = "x"
    assert sent(respond.allowed(UID)) == {"uid": UID, "allowed": True}
