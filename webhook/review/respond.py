"""The only functions that make a response. Each repeats the request's uid; the HTTP status is always 200."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from patches import Exemption, Operation
from webhook.review.codec import AdmissionResponse, Status, encode_json
from webhook.review.messages import shortened


def allowed(
    uid: str,
    operations: Sequence[Operation] = (),
    warnings: Sequence[str] = (),
    audit_annotations: Mapping[str, str] | None = None,
) -> AdmissionResponse:
    """Allow the request, with a patch, warnings and audit annotations."""
    return AdmissionResponse(
        uid=uid,
        allowed=True,
        patch=encode_json(operations) if operations else None,
        patch_type="JSONPatch" if operations else None,
        warnings=shortened(warnings),
        audit_annotations=dict(audit_annotations or {}),
    )


def exempt(uid: str, exemption: Exemption, generation: str) -> AdmissionResponse:
    """Allow a request that the configuration exempts. `generation`: of the configuration; "" for none."""
    audit = {"exempt": str(exemption), **({"generation": generation} if generation else {})}
    return AdmissionResponse(uid=uid, allowed=True, audit_annotations=audit)


def forbidden(
    uid: str,
    message: str,
    warnings: Sequence[str] = (),
    audit_annotations: Mapping[str, str] | None = None,
) -> AdmissionResponse:
    """Refuse a violation with code 403, as Pod Security Admission does."""
    return AdmissionResponse(
        uid=uid,
        allowed=False,
        warnings=shortened(warnings),
        audit_annotations=dict(audit_annotations or {}),
        status=Status(code=403, reason="Forbidden", message=message),
    )


def invalid(uid: str, message: str) -> AdmissionResponse:
    """Refuse an object that cannot be read with code 400. The message names the field."""
    return AdmissionResponse(uid=uid, allowed=False, status=Status(code=400, reason="BadRequest", message=message))


def errored(uid: str, message: str) -> AdmissionResponse:
    """Refuse a request with code 500, because we failed to decide about it."""
    return AdmissionResponse(uid=uid, allowed=False, status=Status(code=500, reason="InternalError", message=message))
