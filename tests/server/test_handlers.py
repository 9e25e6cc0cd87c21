"""The endpoints, over HTTPS: reviews answered, broken bodies refused in words, time and size bounded."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import logging
import time
from typing import Any

import pytest
import uvloop

from tests.patches.written import written
from tests.review.builders import (
    BARE,
    RESTRICTED,
    UID,
    container,
    debug_session,
    deployment,
    pod,
    privileged_pod,
    review,
    reviewer,
    reviewer_of,
)
from tests.review.gatherers import FailingGatherer, SlowGatherer
from tests.server.serving import serving
from webhook.certificates.self_signed import CertificateFiles
from webhook.gatherers.gatherer import LOOKUP_SECONDS
from webhook.server.handlers import BODY_LIMIT, LONGEST_PATIENCE, patience
from webhook.telemetry.logs import FIELDS

PATHS = ("/mutate", "/validate")
MIB = 1024 * 1024


async def test_mutate(files: CertificateFiles) -> None:
    """A bare pod comes back with a patch, and the uid of its review."""
    async with serving(files, reviewer(RESTRICTED)) as client:
        answer = await client.ask("/mutate?timeout=10s", review(pod()))
    assert (answer["uid"], answer["allowed"], answer["patchType"]) == (UID, True, "JSONPatch")
    assert written(json.loads(base64.b64decode(answer["patch"])))["/spec/securityContext/runAsNonRoot"] is True


async def test_validate(files: CertificateFiles) -> None:
    """The same pod as it is violates the enforce level: HTTP 200, and refused with 403 inside."""
    async with serving(files, reviewer(RESTRICTED)) as client:
        answer = await client.ask("/validate?timeout=10s", review(pod()))
    assert (answer["uid"], answer["allowed"], answer["status"]["code"]) == (UID, False, 403)
    assert answer["status"]["message"] == f'violates PodSecurity "restricted:latest": {BARE}'


def test_the_time_that_a_review_takes(files: CertificateFiles, caplog: pytest.LogCaptureFixture) -> None:
    """It is measured with the loop that serves, too, whose own clock counts milliseconds and stands in a handler."""

    async def ask() -> None:
        async with serving(files, reviewer(RESTRICTED)) as client:
            for _ in range(5):
                await client.ask("/mutate", review(pod()))

    with caplog.at_level(logging.INFO), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(ask())
    micros = [getattr(row, FIELDS)["seconds"] * 1e6 for row in caplog.records if row.name == "webhook.admission"]
    assert len(micros) == 5
    assert min(micros) > 0
    assert any(round(value) % 1000 for value in micros)


@pytest.mark.parametrize("path", PATHS)
async def test_bodies_that_are_no_review(files: CertificateFiles, path: str) -> None:
    """Without a uid there is nobody to answer to: HTTP 400, one line of text that says what is wrong."""
    whole = review(pod())
    nobody = json.loads(json.dumps(whole))
    del nobody["request"]["uid"]
    bodies = {
        b"": "the body is not JSON: ",
        b"\xff\x00\xfe": "the body is not JSON: ",
        b'{"kind":': "the body is not JSON: ",
        b"[]": "Expected `object`, got `array`",
        json.dumps(whole | {"kind": "Pod"}).encode(): "kind: expected AdmissionReview, got 'Pod'",
        json.dumps(whole | {"apiVersion": "admission.k8s.io/v1beta1"}).encode(): "apiVersion: expected ",
        json.dumps(nobody).encode(): "request: Object missing required field `uid`",
        json.dumps(review(pod(), uid="")).encode(): "request.uid: must not be empty",
        b'{"a":' * 100_000: "the body is nested too deeply",
    }
    async with serving(files) as client:
        for body, message in bodies.items():
            status, text = await client.send(path, body)
            assert (status, text.count("\n")) == (400, 1), text
            assert text.startswith(message)
        assert (await client.ask(path, whole))["allowed"]


async def test_wrong_types_are_an_answer(files: CertificateFiles) -> None:
    """A review that can be answered is: HTTP 200, its uid, and the field that is wrong."""
    async with serving(files) as client:
        answer = await client.ask("/mutate", review(pod() | {"spec": []}))
    assert (answer["uid"], answer["allowed"], answer["status"]["code"]) == (UID, False, 400)
    assert answer["status"]["message"].startswith("object.spec: ")


@pytest.mark.parametrize("path", PATHS)
async def test_bodies_over_the_limit(files: CertificateFiles, path: str) -> None:
    """One byte too many is 413; at the limit a body is read."""
    async with serving(files) as client:
        assert (await client.send(path, b" " * (BODY_LIMIT + 1)))[0] == 413
        body = json.dumps(review(pod())).encode()
        assert (await client.send(path, body.ljust(BODY_LIMIT - 1)))[0] == 200


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
async def test_nothing_is_decoded(files: CertificateFiles, encoding: str) -> None:
    """API servers compress nothing; a bomb costs its sender a small body, and us a refusal."""
    bomb = gzip.compress(b" " * (200 * MIB))
    async with serving(files) as client:
        for body in (bomb, b"plain"):
            status, text = await client.send("/mutate", body, **{"Content-Encoding": encoding})
            assert (status, text) == (415, "send the body as it is: no Content-Encoding is decoded\n")
        assert (await client.send("/mutate", json.dumps(review(pod())).encode(), **{"Content-Encoding": "identity"}))[
            0
        ] == 200


@pytest.mark.parametrize("path", PATHS)
async def test_objects_of_three_mebibytes(files: CertificateFiles, path: str) -> None:
    """The largest objects that an API server takes, two of them in an update, are answered."""
    large = pod(metadata={"annotations": {"blob": "x" * (3 * MIB - 1000)}})
    debugged = pod(metadata=large["metadata"], ephemeralContainers=[container("debug")])
    async with serving(files) as client:
        assert (await client.ask(path, review(large)))["allowed"]
        update = {"operation": "UPDATE", "subResource": "ephemeralcontainers", "oldObject": large}
        assert (await client.ask(path, review(debugged, **update)))["allowed"]


@pytest.mark.parametrize("securityContext", [None, {"privileged": True}], ids=["bare", "privileged"])
async def test_ten_thousand_containers(files: CertificateFiles, securityContext: Any) -> None:  # noqa: N803 (a field)
    """More containers than any cluster takes are answered in bounded time, and the server goes on serving."""
    labels = RESTRICTED | {"pod-security.kubernetes.io/audit": "restricted"}
    mounts = [{"name": "data", "mountPath": "/data"}]
    document = pod(
        containers=[
            container(f"c{number}", securityContext=securityContext, volumeMounts=mounts) for number in range(10_000)
        ]
    )
    async with serving(files, reviewer(labels)) as client:
        for path in PATHS:
            start = time.monotonic()
            answer = await client.ask(path, review(document))
            seconds = time.monotonic() - start
            print(f"{path}, 10,000 containers: {seconds:.2f} s")
            assert answer["uid"] == UID
            assert seconds < 30
        assert (await client.get("/healthz"))[0] == 200
        assert (await client.ask("/mutate", review(pod())))["patch"]


@pytest.mark.parametrize("path", PATHS)
async def test_other_methods_and_paths(files: CertificateFiles, path: str) -> None:
    """Reviews are posted, to their paths exactly."""
    async with serving(files) as client:
        assert (await client.get(path))[0] == 405
        assert (await client.send("/healthz", b""))[0] == 405
        for unknown in ("/", path + "/", path.upper(), path + "/../healthz/x", "/favicon.ico"):
            assert (await client.get(unknown))[0] == 404


async def test_health_and_readiness(files: CertificateFiles) -> None:
    """A process that answers is healthy; it is ready from its start until it is told to stop."""
    async with serving(files) as client:
        assert await client.get("/healthz") == (200, "ok\n")
        assert await client.get("/readyz") == (200, "ok\n")
        client.readiness.serving = False
        assert await client.get("/healthz") == (200, "ok\n")
        assert await client.get("/readyz") == (503, "not ready\n")
        assert (await client.ask("/mutate", review(pod())))["allowed"]


@pytest.mark.parametrize("path", PATHS)
async def test_the_callers_patience(files: CertificateFiles, path: str) -> None:
    """A namespace that cannot be learnt in time is answered in time: refused with 500, not a broken connection."""
    async with serving(files, reviewer_of(SlowGatherer(60))) as client:
        start = time.monotonic()
        answer = await client.ask(f"{path}?timeout=2s", review(pod()))
        assert time.monotonic() - start < 5
    assert (answer["uid"], answer["allowed"]) == (UID, False)
    assert answer["status"] == {
        "status": "Failure",
        "code": 500,
        "reason": "InternalError",
        "message": "the namespace could not be looked up in time",
    }


@pytest.mark.parametrize("path", PATHS)
async def test_a_controller_is_let_through_when_time_is_up(files: CertificateFiles, path: str) -> None:
    """It is never denied: its author is warned that nothing was looked at."""
    async with serving(files, reviewer_of(SlowGatherer(60))) as client:
        answer = await client.ask(f"{path}?timeout=2s", review(deployment(pod())))
    assert (answer["uid"], answer["allowed"]) == (UID, True)
    assert answer["warnings"] == [
        "pod-security-defaulter: the namespace could not be looked up in time; nothing was looked at"
    ]


async def test_a_live_lookup_ends_before_the_patience_of_templates() -> None:
    """Their webhook has 2 s: what the caches lack is unknown by then, and the rest is still decided."""
    assert patience("2s") - LOOKUP_SECONDS >= 0.2


async def test_connections_end_while_draining(files: CertificateFiles) -> None:
    """Once told to stop, each answer closes its connection: who went on using it would lose a review at the end."""
    async with serving(files) as client:
        for serving_now, closes in ((True, False), (False, True)):
            client.readiness.serving = serving_now
            async with client.session.post(client.address + "/mutate", json=review(pod())) as reply:
                assert (reply.headers.get("Connection") == "close") is closes


async def test_one_slow_namespace_holds_up_no_other(files: CertificateFiles) -> None:
    """While one review waits, others are answered."""
    gatherer = SlowGatherer(60)
    async with serving(files, reviewer_of(gatherer)) as client:
        slow = asyncio.create_task(client.ask("/mutate?timeout=3s", review(pod())))
        await gatherer.asked.wait()
        assert (await client.ask("/mutate", review(pod(), namespace="other")))["patch"]
        assert not slow.done()
        assert not (await slow)["allowed"]


@pytest.mark.parametrize("path", PATHS)
async def test_a_bug_of_ours(files: CertificateFiles, path: str, caplog: pytest.LogCaptureFixture) -> None:
    """It is answered like a failure, with the uid; the log has the trace, nothing of the pod and no forged line."""
    secret = pod(containers=[container(env=[{"name": "PASSWORD", "value": "hunter2"}])])
    uid = "f0e1\nERROR forged line"
    with caplog.at_level(logging.INFO):
        async with serving(files, reviewer_of(FailingGatherer())) as client:
            answer = await client.ask(path, review(secret, uid=uid))
    assert (answer["uid"], answer["allowed"]) == (uid, False)
    assert answer["status"] == {
        "status": "Failure",
        "code": 500,
        "reason": "InternalError",
        "message": "internal error",
    }
    (record,) = [record for record in caplog.records if record.name == "webhook.server"]
    assert record.getMessage() == "review 'f0e1\\nERROR forged line' failed"
    assert "RuntimeError: no state of shop" in caplog.text
    assert "hunter2" not in caplog.text + str(answer)


async def test_fifty_at_once(files: CertificateFiles) -> None:
    """Each of fifty requests under way together gets its own answer."""
    async with serving(files, reviewer(RESTRICTED)) as client:
        documents = [pod() if number % 2 else privileged_pod() for number in range(50)]
        answers = await asyncio.gather(
            *(
                client.ask(PATHS[number % 3 == 0], review(document, uid=f"uid-{number}"))
                for number, document in enumerate(documents)
            )
        )
    assert [answer["uid"] for answer in answers] == [f"uid-{number}" for number in range(50)]
    assert [answer["allowed"] for answer in answers] == [number % 3 != 0 for number in range(50)]


async def test_a_debug_session(files: CertificateFiles) -> None:
    """What `kubectl debug` sends is answered by what is new in it."""
    asked = debug_session(pod(), pod(ephemeralContainers=[container("debug")]))
    assert asked.sub_resource == "ephemeralcontainers"
    body = review(
        pod(ephemeralContainers=[container("debug")]),
        operation="UPDATE",
        subResource="ephemeralcontainers",
        oldObject=pod(),
    )
    async with serving(files) as client:
        answer = await client.ask("/mutate", body)
    operations = json.loads(base64.b64decode(answer["patch"]))
    assert all(operation["path"].startswith("/spec/ephemeralContainers/0/") for operation in operations)


@pytest.mark.parametrize(
    ("timeout", "seconds"),
    [
        ("10s", 9),
        ("30s", 29),
        ("5s", 4),
        ("3s", 2),
        ("2s", 1),
        ("1s", 0.5),
        ("1.5s", 0.75),
        ("500ms", 0.25),
        ("1m0s", 29),
        ("1h0m0s", 29),
        ("0m2s", 1),
        ("9" * 400 + "s", 29),
        ("", 29),
        ("0s", 29),
        ("10", 29),
        ("-5s", 29),
        ("10S", 29),
        ("٣s", 29),
        ("10s\n", 29),
        ("1e1s", 29),
        ("NaN", 29),
    ],
)
def test_patience(timeout: str, seconds: float) -> None:
    """A second less than the caller waits, half of it below two; without a duration as long as any caller waits."""
    assert patience(timeout) == pytest.approx(seconds)
    assert patience(timeout) < LONGEST_PATIENCE


def test_patience_reads_hostile_text_quickly() -> None:
    """A duration as long as a request line may be costs nothing."""
    start = time.monotonic()
    for text in ("1" * 8000, "1h" * 4000, "1m" * 4000 + "s", "1." * 4000):
        assert patience(text) == pytest.approx(29)
    assert time.monotonic() - start < 5


def test_the_body_limit_holds_two_objects() -> None:
    """An API server takes objects of three mebibytes; an update carries two."""
    assert 2 * 3 * MIB < BODY_LIMIT < 8 * MIB
