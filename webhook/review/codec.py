"""The AdmissionReview codec: `admission.k8s.io/v1`, bytes to request and response to bytes.

Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from patches.errors import invalid_object
from webhook.errors import UndecodableReview

API_VERSION: Final = "admission.k8s.io/v1"
KIND: Final = "AdmissionReview"


class GroupVersionKind(msgspec.Struct):
    """`meta/v1` GroupVersionKind."""

    group: str = ""
    version: str = ""
    kind: str = ""


class UserInfo(msgspec.Struct):
    """`authentication/v1` UserInfo: only the name counts."""

    username: str = ""


class Request(msgspec.Struct, rename="camel"):
    """`admission/v1` AdmissionRequest, as far as it counts. `old_object` is decoded only where it is needed."""

    uid: str
    kind: GroupVersionKind
    operation: str
    name: str = ""
    namespace: str = ""
    sub_resource: str = ""
    user_info: UserInfo = msgspec.field(default_factory=UserInfo)
    object: Any = None
    old_object: msgspec.Raw = msgspec.Raw(b"null")


class _Review(msgspec.Struct, rename="camel"):
    api_version: str
    kind: str
    request: Request


class Status(msgspec.Struct, omit_defaults=True):
    """`meta/v1` Status of a refusal."""

    code: int
    reason: str
    message: str
    status: str = msgspec.field(default_factory=lambda: "Failure")


class Response(msgspec.Struct, rename="camel", omit_defaults=True):
    """`admission/v1` AdmissionResponse. `patch` is sent in base64, as its type asks for."""

    uid: str
    allowed: bool
    patch: bytes | None = None
    patch_type: str | None = None
    warnings: list[str] = []
    audit_annotations: dict[str, str] = {}
    status: Status | None = None


class _Answer(msgspec.Struct, rename="camel"):
    response: Response
    api_version: str = API_VERSION
    kind: str = KIND


_decoder: Final = msgspec.json.Decoder(_Review)
_any_decoder: Final = msgspec.json.Decoder()
_encoder: Final = msgspec.json.Encoder()
_UNDECODABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def decode_review(body: bytes) -> Request:
    """The request of an AdmissionReview. Raises UndecodableReview, naming the field where one is wrong."""
    try:
        review = _decoder.decode(body)
    except _UNDECODABLE as error:
        raise _undecodable(error, "") from None
    if review.api_version != API_VERSION:
        raise UndecodableReview(f"apiVersion: expected {API_VERSION}, got {review.api_version[:80]!r}")
    if review.kind != KIND:
        raise UndecodableReview(f"kind: expected {KIND}, got {review.kind[:80]!r}")
    if not review.request.uid:
        raise UndecodableReview("request.uid: must not be empty")
    return review.request


def decode_old_object(request: Request) -> Any:
    """The object before an update, or None. Raises UndecodableReview: so far its text was only skipped over."""
    try:
        return _any_decoder.decode(request.old_object)
    except _UNDECODABLE as error:
        raise _undecodable(error, "oldObject") from None


def _undecodable(error: Exception, at: str) -> UndecodableReview:
    if isinstance(error, msgspec.ValidationError):
        return UndecodableReview(str(invalid_object(error, at)))
    what = at or "the body"
    if isinstance(error, RecursionError):
        return UndecodableReview(f"{what} is nested too deeply")
    return UndecodableReview(f"{what} is not JSON: {error}")


def encode_review(response: Response) -> bytes:
    """The bytes of an AdmissionReview with this response."""
    return _encoder.encode(_Answer(response))


def encode_json(value: Any) -> bytes:
    """JSON of a plain value."""
    return _encoder.encode(value)
