"""The object in a document, and how it reached us: as its author wrote it, or in an AdmissionReview.

A review, as it is copied from a log, means the object in it, in the namespace of its request, as it arrived: the API
server's defaulting has run. A review in which there is nothing to look at passes through, with a warning that says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from patches import Origin, Pod, invalid_object, locate
from webhook.documents.document import Document, line_of_field
from webhook.errors import InvalidObject
from webhook.preview.results import Failure
from webhook.review.codec import API_VERSION, KIND, AdmissionRequest
from webhook.review.reviewer import OPERATIONS, SUBRESOURCES, concerns_us, read_pods

_GROUP: Final = API_VERSION.partition("/")[0] + "/"
_NOTHING: Final = "admission adds nothing, and judges nothing"


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object, and how it reached us.

    Attributes:
        document: the document that it stands in.
        value: the object.
        namespace: its namespace; "" if it names none.
        request: the request of the review that holds the object; None if it stands for itself.
        problem: why nothing is looked at in the review; `value` then is the review itself. "" without such a reason.
    """

    document: Document
    value: dict[str, Any]
    namespace: str
    request: AdmissionRequest | None = None
    problem: str = ""

    @property
    def user(self) -> str:
        """Name of the user who sends the request; "" without one."""
        return "" if self.request is None else self.request.user_info.username

    def locate(self) -> tuple[Pod | None, Pod | None]:
        """Find the pod, and the pod before an update; None for each that there is not.

        Raises:
            InvalidObject: if a field has a wrong type. It names the field from the top of the document.
        """
        if self.request is None:
            return locate(self.value, Origin.MANIFEST), None
        if self.problem or not concerns_us(self.request):
            return None, None
        old = self.document.value["request"].get("oldObject")
        try:
            return read_pods(msgspec.structs.replace(self.request, old_object=msgspec.Raw(msgspec.json.encode(old))))
        except InvalidObject as error:
            raise error.below("request") from None

    def line_of(self, path: str) -> int:
        """The line of a field of the object, or of its nearest ancestor that exists; `path` is a JSON Pointer."""
        return self.document.line_of(path if self.request is None else f"/request/object{path}")

    def failure(self, error: InvalidObject) -> Failure:
        """What is wrong with a field of the object, named from the top of the object."""
        return failure(self.document, error if self.request is None else error.below("request.object"))


def failure(document: Document, error: InvalidObject) -> Failure:
    """What is wrong with a field of a document."""
    line = line_of_field(document, error.field)
    return Failure(document.source, document.number, line, error.field, error.problem)


def read_manifest(document: Document) -> Manifest:
    """Read the object in a document. Raises InvalidObject if there is none, or a review cannot be read."""
    value = document.value
    if not isinstance(value, dict):
        raise InvalidObject("", "expected an object with apiVersion and kind")
    if value.get("kind") != KIND or not text_of(value.get("apiVersion")).startswith(_GROUP):
        return Manifest(document, value, text_of(metadata_of(value).get("namespace")))
    request = _read_request(value)
    problem = _why_passed_over(request)
    if problem:
        return Manifest(document, value, request.namespace, request, problem)
    if not isinstance(request.object, dict):
        raise InvalidObject("request.object", "expected an object with apiVersion and kind")
    namespace = request.namespace or text_of(metadata_of(request.object).get("namespace"))
    return Manifest(document, request.object, namespace, request)


def _read_request(review: dict[str, Any]) -> AdmissionRequest:
    """Read the request of a review, but for the object before an update. A copied request may lack its uid."""
    if review["apiVersion"] != API_VERSION:
        raise InvalidObject("apiVersion", f"expected {API_VERSION}, got {review['apiVersion'][:80]!r}")
    request = review.get("request")
    if not isinstance(request, dict):
        raise InvalidObject("request", "expected the request of an AdmissionReview, with the object in it")
    known = {key: value for key, value in request.items() if key != "oldObject"}
    try:
        return msgspec.convert({"uid": "", **known}, AdmissionRequest)
    except msgspec.ValidationError as error:
        raise invalid_object(error, "request") from None


def _why_passed_over(request: AdmissionRequest) -> str:
    """Why nothing is looked at in a review, as for admission itself; "" if it is looked at."""
    if request.operation not in OPERATIONS:
        return f"an AdmissionReview of {request.operation}, not of {' or '.join(OPERATIONS)}: {_NOTHING}"
    if request.sub_resource not in SUBRESOURCES:
        return f"an AdmissionReview of the subresource {request.sub_resource}: {_NOTHING}"
    if request.object is None:
        return f"an AdmissionReview without an object, request.object is null: {_NOTHING}"
    return ""


def metadata_of(value: dict[str, Any]) -> dict[str, Any]:
    """The metadata of an object; empty if there are none."""
    metadata = value.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def text_of(value: object) -> str:
    """The value if it is text, else ""."""
    return value if isinstance(value, str) else ""
