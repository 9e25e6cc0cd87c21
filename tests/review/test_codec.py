"""The AdmissionReview codec: what cannot be read is said clearly, what is sent is what an API server expects."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.review.builders import UID, pod, request, review, sent
from webhook.errors import ObjectTooLarge, UndecodableReview
from webhook.review.codec import (
    MOST_NODES,
    AdmissionResponse,
    Status,
    decode_head,
    decode_old_object,
    decode_review,
    encode_json,
    encode_review,
)


def refused(body: bytes) -> str:
    """What is said about a body that is no AdmissionReview."""
    with pytest.raises(UndecodableReview) as caught:
        decode_review(body)
    return str(caught.value)


def without(field: str) -> bytes:
    """A review whose request lacks a field."""
    whole = review(pod())
    del whole["request"][field]
    return json.dumps(whole).encode()


def test_decodes_what_counts() -> None:
    """Every field of the request that decides something is read; the rest is passed over."""
    read = request(
        pod(), name="web", operation="UPDATE", subResource="resize", oldObject={"a": [1]}, options={"dryRun": ["All"]}
    )
    assert (read.uid, read.name, read.namespace, read.operation, read.sub_resource) == (
        UID,
        "web",
        "shop",
        "UPDATE",
        "resize",
    )
    assert (read.kind.group, read.kind.version, read.kind.kind) == ("", "v1", "Pod")
    assert read.user_info.username == "jane"
    assert read.object == pod()
    assert decode_old_object(read) == {"a": [1]}


def test_optional_fields_may_be_absent() -> None:
    """A delete has no object, a create no old one, generateName no name: none of it is an error."""
    kind = {"group": "", "version": "v1", "kind": "Pod"}
    whole = {**review(None), "request": {"uid": UID, "kind": kind, "operation": "DELETE"}}
    read = decode_review(json.dumps(whole).encode())
    assert (read.name, read.namespace, read.sub_resource, read.user_info.username) == ("", "", "", "")
    assert read.object is None
    assert decode_old_object(read) is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is not JSON: "),
        (b"\xff\xfe\x00", "the body is not JSON: "),
        (b"apiVersion: admission.k8s.io/v1\n", "the body is not JSON: "),
        (b'{"apiVersion":', "the body is not JSON: "),
        (b"[]", "Expected `object`, got `array`"),
        (b"null", "Expected `object`, got `null`"),
        (b"{}", "Object missing required field `apiVersion`"),
    ],
    ids=["empty", "binary", "yaml", "cut", "array", "null", "no-fields"],
)
def test_a_body_that_is_no_review(body: bytes, message: str) -> None:
    """What is not an object in JSON is refused in words, whatever its bytes."""
    assert refused(body).startswith(message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"apiVersion": "admission.k8s.io/v1beta1"}, "apiVersion: expected admission.k8s.io/v1, got "),
        ({"apiVersion": 1}, "apiVersion: Expected `str`, got `int`"),
        ({"kind": "Pod"}, "kind: expected AdmissionReview, got 'Pod'"),
        ({"kind": None}, "kind: Expected `str`, got `null`"),
        ({"request": None}, "request: Expected `object`, got `null`"),
        ({"request": []}, "request: Expected `object`, got `array`"),
    ],
)
def test_another_kind_or_version(change: dict[str, Any], message: str) -> None:
    """Only AdmissionReview of admission/v1 is understood, and the answer says which field is wrong."""
    assert refused(json.dumps(review(pod()) | change).encode()).startswith(message)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("uid", "", "request.uid: must not be empty"),
        ("uid", 7, "request.uid: Expected `str`, got `int`"),
        ("kind", "Pod", "request.kind: Expected `object`, got `str`"),
        ("kind", {"group": None}, "request.kind.group: Expected `str`, got `null`"),
        ("operation", None, "request.operation: Expected `str`, got `null`"),
        ("namespace", ["shop"], "request.namespace: Expected `str`, got `array`"),
        ("subResource", {}, "request.subResource: Expected `str`, got `object`"),
        ("userInfo", {"username": 0}, "request.userInfo.username: Expected `str`, got `int`"),
    ],
)
def test_wrong_types_name_the_field(field: str, value: Any, message: str) -> None:
    """A field of the request of another type is named by its path, in the words of the wire."""
    assert refused(json.dumps(review(pod(), **{field: value})).encode()) == message


@pytest.mark.parametrize("field", ["uid", "kind", "operation"])
def test_missing_fields_are_named(field: str) -> None:
    """Without these nothing can be answered."""
    assert refused(without(field)) == f"request: Object missing required field `{field}`"


def test_the_message_is_short() -> None:
    """However long a wrong value is, the message stays readable and its control characters are escaped."""
    said = refused(json.dumps(review(pod()) | {"kind": "x\n" * 100_000}).encode())
    assert len(said) < 200
    assert said.isprintable()


@pytest.mark.parametrize("place", ["object", "oldObject", "options"])
@pytest.mark.parametrize("nest", [('{"a":', "}"), ("[", "]")], ids=["maps", "lists"])
def test_deep_nesting(place: str, nest: tuple[str, str]) -> None:
    """A hundred thousand levels are refused wherever they are, read or not; the process survives."""
    deep = nest[0] * 100_000 + "1" + nest[1] * 100_000
    body = json.dumps(review(pod(), **{place: "DEEP"})).replace('"DEEP"', deep).encode()
    assert refused(body) == "the body is nested too deeply"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'"\xff"', "the body is not JSON: "),
        (b'"\\ud800"', "the body is not JSON: "),
        (b"NaN", "the body is not JSON: "),
        (b"9" * 5000, "request.object[...]: Integer value out of range"),
        (b"1e999", "request.object[...]: Number out of range"),
    ],
    ids=["utf-8", "surrogate", "nan", "integer", "float"],
)
def test_values_that_json_cannot_hold(text: bytes, message: str) -> None:
    """Invalid UTF-8, lone surrogates and numbers without end are refused, not passed on."""
    assert refused(json.dumps(review({"x": "HERE"})).encode().replace(b'"HERE"', text)).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'"\xff"', "oldObject is not JSON: "),
        (b"9" * 5000, "oldObject[...]: Integer value out of range"),
    ],
    ids=["utf-8", "integer"],
)
def test_an_old_object_that_cannot_be_read(text: bytes, message: str) -> None:
    """The old object is only decoded where it is needed: what is wrong with it is said then."""
    body = json.dumps(review(pod(), oldObject={"x": "HERE"})).encode().replace(b'"HERE"', text)
    with pytest.raises(UndecodableReview) as caught:
        decode_old_object(decode_review(body))
    assert str(caught.value).startswith(message)


def test_a_duplicate_key_counts_as_its_last() -> None:
    """As in the API server's own decoder, of a repeated key the last one stands."""
    body = json.dumps(review(pod())).replace('"uid":', '"uid": "first", "uid":').encode()
    assert decode_review(body).uid == UID


def test_the_smallest_answer() -> None:
    """What is empty is left out; `allowed` and `uid` never are."""
    assert json.loads(encode_review(AdmissionResponse(uid=UID, allowed=False))) == {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {"uid": UID, "allowed": False},
    }


def test_the_largest_answer() -> None:
    """Names are those of admission/v1, the patch is in base64 and a status says that it is a failure."""
    response = AdmissionResponse(
        uid=UID,
        allowed=True,
        patch=b'[{"op":"add"}]',
        patch_type="JSONPatch",
        warnings=["careful"],
        audit_annotations={"applied": "x"},
        status=Status(code=403, reason="Forbidden", message="no"),
    )
    assert sent(response) == {
        "uid": UID,
        "allowed": True,
        "patch": "W3sib3AiOiJhZGQifV0=",
        "patchType": "JSONPatch",
        "warnings": ["careful"],
        "auditAnnotations": {"applied": "x"},
        "status": {"status": "Failure", "code": 403, "reason": "Forbidden", "message": "no"},
    }


def test_a_uid_comes_back_as_it_was() -> None:
    """Whatever text the uid is, the answer has the same."""
    strange = 'ü "quoted" \\ \u2028\u0000'
    assert sent(AdmissionResponse(uid=request(pod(), uid=strange).uid, allowed=True))["uid"] == strange


def test_encode_json_keeps_text() -> None:
    """JSON of a value decodes to the value, in UTF-8."""
    value = {"päth": ["~1", None, 1, True]}
    assert json.loads(encode_json(value)) == value


def test_a_uid_is_short() -> None:
    """It comes back in each answer, so it has a bound of its own; the API server's has 36 characters."""
    assert request(pod(), uid="u" * 1_000).uid == "u" * 1_000
    assert (
        refused(json.dumps(review(pod(), uid="u" * 1_001)).encode()) == "request.uid: must have at most 1000 characters"
    )


def test_the_head_of_a_review() -> None:
    """Who asks for what can be read without the objects, whatever is in them."""
    body = json.dumps(review({"x": "HERE"}, operation="UPDATE", subResource="resize")).encode()
    head = decode_head(body.replace(b'"HERE"', b"1e999"))
    assert (head.uid, head.operation, head.sub_resource, head.kind.kind, head.user_info.username) == (
        UID,
        "UPDATE",
        "resize",
        "Pod",
        "jane",
    )
    with pytest.raises(UndecodableReview, match="request: Object missing required field `uid`"):
        decode_head(without("uid"))


@pytest.mark.parametrize("brackets", ["[]", "{}"])
def test_maps_and_lists_are_counted_before_they_are_decoded(brackets: str) -> None:
    """So many of them would keep everyone else waiting; as many as there may be are decoded."""
    around = sum(json.dumps(review(pod(x=[]))).count(bracket) for bracket in "[{")

    def body(number: int) -> bytes:
        inner = ",".join([brackets] * (number - around))
        return json.dumps(review(pod(x=["HERE"]))).replace('"HERE"', inner).encode()

    assert decode_review(body(MOST_NODES)).uid == UID
    with pytest.raises(ObjectTooLarge) as caught:
        decode_review(body(MOST_NODES + 1))
    assert str(caught.value) == f"{MOST_NODES + 1} maps and lists in the review; at most {MOST_NODES} are supported"
