"""Decodes and encodes AdmissionReviews of `admission.k8s.io/v1`.

Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
"""

from __future__ import annotations

from typing import Any, Final, Generic, TypeVar

import msgspec

from patches import ObjectTooLarge, invalid_object
from webhook.errors import UndecodableReview

API_VERSION: Final = "admission.k8s.io/v1"
KIND: Final = "AdmissionReview"
ANSWER_LIMIT: Final = 2 * 1024 * 1024
"""Bytes. No answer is larger: a patch that would make it so is not sent."""
MOST_NODES: Final = 500_000
"""Maps and lists in one body. To decode more would keep everyone else waiting; no pod of 3 MiB comes near it."""
_LONGEST_UID: Final = 1_000


class GroupVersionKind(msgspec.Struct):
    """`meta/v1` GroupVersionKind."""

    group: str = ""
    version: str = ""
    kind: str = ""


class UserInfo(msgspec.Struct):
    """`authentication/v1` UserInfo, of which only the name counts."""

    username: str = ""


class RequestHead(msgspec.Struct, rename="camel"):
    """`admission/v1` AdmissionRequest without its objects: who asks for what."""

    uid: str
    kind: GroupVersionKind
    operation: str
    name: str = ""
    namespace: str = ""
    sub_resource: str = ""
    user_info: UserInfo = msgspec.field(default_factory=UserInfo)


class AdmissionRequest(RequestHead, rename="camel"):
    """`admission/v1` AdmissionRequest, as far as it counts. `old_object` is decoded only if it is needed."""

    object: Any = None
    old_object: msgspec.Raw = msgspec.Raw(b"null")


_Request = TypeVar("_Request", bound=RequestHead)


class _RequestReview(msgspec.Struct, Generic[_Request], rename="camel"):
    api_version: str
    kind: str
    request: _Request


class Status(msgspec.Struct, omit_defaults=True):
    """`meta/v1` Status of a refusal."""

    code: int
    reason: str
    message: str
    status: str = msgspec.field(default_factory=lambda: "Failure")


class AdmissionResponse(msgspec.Struct, rename="camel", omit_defaults=True):
    """`admission/v1` AdmissionResponse. `patch` is encoded as base64, like all bytes in JSON."""

    uid: str
    allowed: bool
    patch: bytes | None = None
    patch_type: str | None = None
    warnings: list[str] = []
    audit_annotations: dict[str, str] = {}
    status: Status | None = None


class _ResponseReview(msgspec.Struct, rename="camel"):
    response: AdmissionResponse
    api_version: str = API_VERSION
    kind: str = KIND


_decoder: Final = msgspec.json.Decoder(_RequestReview[AdmissionRequest])
_head_decoder: Final = msgspec.json.Decoder(_RequestReview[RequestHead])
_any_decoder: Final = msgspec.json.Decoder()
_encoder: Final = msgspec.json.Encoder()
_UNDECODABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def decode_review(body: bytes) -> AdmissionRequest:
    """Decode the request of an AdmissionReview.

    Raises:
        UndecodableReview: if the body is not JSON or not an AdmissionReview. The message names the wrong field, if any.
        ObjectTooLarge: if it has too many maps and lists. `decode_head` can still read who asks.
    """
    if len(body) > MOST_NODES:
        nodes = body.count(b"{") + body.count(b"[")  # those in strings too
        if nodes > MOST_NODES:
            raise ObjectTooLarge("", f"{nodes} maps and lists in the review; at most {MOST_NODES} are supported")
    return _decode(_decoder, body)


def decode_head(body: bytes) -> RequestHead:
    """Decode the request of an AdmissionReview without its objects, whatever their size.

    Raises:
        UndecodableReview: as `decode_review`, but for what is wrong inside the objects.
    """
    return _decode(_head_decoder, body)


def _decode(decoder: msgspec.json.Decoder[_RequestReview[_Request]], body: bytes) -> _Request:
    try:
        review = decoder.decode(body)
    except _UNDECODABLE as error:
        raise _undecodable(error, "") from None
    if review.api_version != API_VERSION:
        raise UndecodableReview(f"apiVersion: expected {API_VERSION}, got {review.api_version[:80]!r}")
    if review.kind != KIND:
        raise UndecodableReview(f"kind: expected {KIND}, got {review.kind[:80]!r}")
    if not review.request.uid:
        raise UndecodableReview("request.uid: must not be empty")
    if len(review.request.uid) > _LONGEST_UID:
        raise UndecodableReview(f"request.uid: must have at most {_LONGEST_UID} characters")
    return review.request


def decode_old_object(request: AdmissionRequest) -> Any:
    """Decode the object before an update; None if there is none.

    Raises:
        UndecodableReview: if it cannot be decoded. `decode_review` has only skipped over it.
    """
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


def encode_review(response: AdmissionResponse) -> bytes:
    """Encode an AdmissionReview with this response."""
    return _encoder.encode(_ResponseReview(response))


def encode_json(value: Any) -> bytes:
    """Encode a plain value as JSON."""
    return _encoder.encode(value)
