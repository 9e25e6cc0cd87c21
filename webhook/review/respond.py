"""The only ways to make an answer. Each echoes the request's uid; HTTP is 200 for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from patches.model.patch import Operation
from webhook.review.codec import Response, Status, encode_json


def allowed(
    uid: str,
    operations: Sequence[Operation] = (),
    warnings: Sequence[str] = (),
    audit_annotations: Mapping[str, str] | None = None,
) -> Response:
    """Allowed, with what the patch does and what there is to say."""
    return Response(
        uid=uid,
        allowed=True,
        patch=encode_json(operations) if operations else None,
        patch_type="JSONPatch" if operations else None,
        warnings=list(warnings),
        audit_annotations=dict(audit_annotations or {}),
    )


def forbidden(
    uid: str,
    message: str,
    warnings: Sequence[str] = (),
    audit_annotations: Mapping[str, str] | None = None,
) -> Response:
    """Refused for a violation: 403, as Pod Security Admission does."""
    return Response(
        uid=uid,
        allowed=False,
        warnings=list(warnings),
        audit_annotations=dict(audit_annotations or {}),
        status=Status(code=403, reason="Forbidden", message=message),
    )


def invalid(uid: str, message: str) -> Response:
    """Refused because the object cannot be read: 400. The message names the field."""
    return Response(uid=uid, allowed=False, status=Status(code=400, reason="BadRequest", message=message))


def errored(uid: str, message: str) -> Response:
    """Refused because we could not find out what to do: 500."""
    return Response(uid=uid, allowed=False, status=Status(code=500, reason="InternalError", message=message))
