"""Large reviews: in a thread, one at a time, answered in time, with bounded bodies in memory and memory given back."""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import pytest
from aiohttp import web

from tests.gatherers.live_faults import until
from tests.patches.written import written
from tests.review.builders import (
    RESTRICTED,
    UID,
    container,
    deployment,
    pod,
    review,
    reviewer,
    reviewer_of,
)
from tests.review.gatherers import SlowGatherer, UnlabelledGatherer
from tests.server.serving import serving
from webhook.certificates.self_signed import CertificateFiles
from webhook.errors import TooManyRequests
from webhook.review.codec import ANSWER_LIMIT, MOST_NODES, AdmissionRequest, decode_review
from webhook.server import handlers, lanes
from webhook.server.handlers import BODY_LIMIT
from webhook.server.lanes import LARGE, MOST_BODIES, LargeReviews, SmallReviews

PATHS = ("/mutate", "/validate")
MIB: Final = 1024 * 1024
EVERYTHING: Final = {
    "readOnlyRootFilesystem": {"enabled": True, "writableTmp": True},
    "identity": {"enabled": True},
    "imagePullPolicy": {"enabled": True},
    "hostUsers": {"enabled": True},
    "appArmorProfile": {"enabled": True},
    "resources": {
        "limits": [{"type": "Container", "default": {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1Gi"}}]
    },
}


def large(size: int = 2 * LARGE) -> dict[str, Any]:
    """A pod of about this many bytes."""
    return pod(containers=[container(env=[{"name": "FILL", "value": "x" * size}])])


def containers(number: int) -> dict[str, Any]:
    """A pod of so many containers."""
    return pod(containers=[container(f"c{index}") for index in range(number)])


class Watched:
    """Notes the threads in which reviews are decoded, and how many are decoded at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: float = 0.0) -> None:
        self.threads: list[str] = []
        self.at_once = self.most_at_once = 0
        self._seconds = seconds
        monkeypatch.setattr(handlers, "decode_review", self._decode)

    def _decode(self, body: bytes) -> AdmissionRequest:
        self.threads.append(threading.current_thread().name)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        time.sleep(self._seconds)
        self.at_once -= 1
        return decode_review(body)


@pytest.mark.parametrize("path", PATHS)
async def test_large_reviews_run_in_their_thread(
    files: CertificateFiles, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """What takes long does not hold up the loop, and what is short stays in it."""
    watched = Watched(monkeypatch)
    async with serving(files) as client:
        for document in (pod(), large()):
            assert (await client.ask(path, review(document)))["allowed"]
    assert watched.threads == ["MainThread", "large-review_0"]


async def test_a_body_without_a_length_counts_as_large(
    files: CertificateFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows what is coming."""
    watched = Watched(monkeypatch)

    async def chunks() -> Any:
        yield json.dumps(review(pod())).encode()

    async with serving(files) as client, client.session.post(client.address + "/mutate", data=chunks()) as reply:
        assert (await reply.json())["response"]["patch"]
    assert watched.threads == ["large-review_0"]


async def test_large_reviews_run_one_at_a_time(files: CertificateFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many are sent, one core has one at work, and meanwhile the small ones are answered."""
    watched = Watched(monkeypatch, 0.2)
    async with serving(files) as client:
        asked = [asyncio.create_task(client.ask("/mutate", review(large()))) for _ in range(5)]
        await until(lambda: watched.threads)
        await client.get("/healthz")
        assert not all(task.done() for task in asked)
        answers = await asyncio.gather(*asked)
    assert all(answer["patch"] for answer in answers)
    assert watched.most_at_once == 1
    assert watched.threads == ["large-review_0"] * 5


@pytest.mark.parametrize("path", PATHS)
async def test_a_large_review_that_waits_too_long_is_answered(
    files: CertificateFiles, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """In time and with its uid, though nothing of its object has been decoded: refused, or let through unjudged."""
    Watched(monkeypatch, 2.0)
    async with serving(files) as client:
        first = asyncio.create_task(client.ask(path, review(large())))
        await asyncio.sleep(0.3)
        late = [
            client.ask(f"{path}?timeout=1s", review(document, uid=name))
            for name, document in (("a pod", large()), ("a template", deployment(large())))
        ]
        refused, allowed = await asyncio.gather(*late)
        assert (await first)["allowed"]
    assert (refused["uid"], refused["status"]["code"]) == ("a pod", 500)
    assert refused["status"]["message"] == LargeReviews.late
    assert (allowed["uid"], allowed["allowed"]) == ("a template", True)
    assert allowed["warnings"] == [f"pod-security-defaulter: {LargeReviews.late}; nothing was looked at"]


async def test_a_slow_namespace_ends_a_large_review(files: CertificateFiles) -> None:
    """It is given up at its deadline like a small one, and the next large one has its turn."""
    async with serving(files, reviewer_of(SlowGatherer(60))) as client:
        answer = await client.ask("/mutate?timeout=1s", review(large()))
        assert (answer["uid"], answer["status"]["code"]) == (UID, 500)
        assert (await client.ask("/mutate", review(large(), namespace="other")))["patch"]


async def test_what_is_no_review_is_said_of_large_bodies_too(files: CertificateFiles) -> None:
    """HTTP 400, as for small ones."""
    async with serving(files) as client:
        assert await client.send("/mutate", b'"' + b"x" * 2 * LARGE + b'"') == (
            400,
            "Expected `object`, got `str`\n",
        )


async def test_a_bug_in_the_thread_is_answered(files: CertificateFiles) -> None:
    """A large review that fails has an answer with its uid, like a small one."""

    class Failing(UnlabelledGatherer):
        async def gather(self, namespace: str, deadline: float) -> Any:  # noqa: ARG002 (a Gatherer's own shape)
            raise RuntimeError

    async with serving(files, reviewer_of(Failing())) as client:
        answer = await client.ask("/mutate", review(large()))
    assert (answer["uid"], answer["status"]["message"]) == (UID, "internal error")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("old", [False, True])
async def test_more_containers_than_there_may_be(files: CertificateFiles, path: str, old: bool) -> None:  # noqa: FBT001
    """The Status names the count and the bound, of the object or of the one before; no unjudged pod passes."""
    few, many = pod(ephemeralContainers=[container("debug")]), containers(2_001)
    body = review(few, operation="UPDATE", subResource="ephemeralcontainers", oldObject=many) if old else review(many)
    async with serving(files) as client:
        answer = await client.ask(path, body)
    name = "oldObject" if old else "object"
    assert (answer["uid"], answer["allowed"]) == (UID, False)
    assert answer["status"] == {
        "status": "Failure",
        "code": 400,
        "reason": "BadRequest",
        "message": f"{name}.spec.containers: 2001 containers; at most 1000 are supported",
    }


@pytest.mark.parametrize("path", PATHS)
async def test_a_template_with_more_is_never_denied(files: CertificateFiles, path: str) -> None:
    """Its author is warned, and the audit log says why; its pods are refused when they come."""
    problem = "object.spec.template.spec.containers: 1001 containers; at most 1000 are supported"
    async with serving(files, reviewer(RESTRICTED, patchTemplates=True)) as client:
        answer = await client.ask(path, review(deployment(containers(1_001))))
    assert answer == {
        "uid": UID,
        "allowed": True,
        "warnings": [f"pod-security-defaulter: {problem}; nothing was looked at"],
        "auditAnnotations": {"error": problem},
    }


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("request_fields", "code"),
    [({}, 400), ({"userInfo": {"username": "root"}}, None), ({"operation": "DELETE"}, None)],
    ids=["a pod", "an exempt user", "another operation"],
)
async def test_more_maps_and_lists_than_are_decoded(
    files: CertificateFiles, path: str, request_fields: dict[str, Any], code: int | None
) -> None:
    """They are counted before anything is decoded: a pod is refused with its uid, what is exempt stays exempt."""
    document = pod(tolerations=[{}] * MOST_NODES)
    exempting = reviewer(exemptions={"usernames": ["root"]})
    async with serving(files, exempting) as client:
        answer = await client.ask(path, review(document, **request_fields))
    assert (answer["uid"], answer.get("status", {}).get("code")) == (UID, code)
    if code is not None:
        nodes = MOST_NODES + sum(json.dumps(review(pod(tolerations=[]))).count(bracket) for bracket in "[{")
        assert answer["status"]["message"] == (
            f"{nodes} maps and lists in the review; at most {MOST_NODES} are supported"
        )


async def test_the_most_containers_are_patched(files: CertificateFiles) -> None:
    """A thousand containers get their defaults, in an answer that is small enough."""
    async with serving(files, reviewer(RESTRICTED)) as client:
        answer = await client.ask("/mutate", review(containers(1_000)))
    values = written(json.loads(base64.b64decode(answer["patch"])))
    assert values["/spec/containers/999/securityContext/allowPrivilegeEscalation"] is False
    assert len(json.dumps(answer)) < ANSWER_LIMIT


@pytest.mark.parametrize("template", [False, True])
async def test_no_answer_is_larger_than_the_limit(
    files: CertificateFiles,
    monkeypatch: pytest.MonkeyPatch,
    template: bool,  # noqa: FBT001
) -> None:
    """A patch that makes it larger is refused, or not sent for a template. The limit is lowered below this patch."""
    limit = 256 * 1024
    monkeypatch.setattr(handlers, "ANSWER_LIMIT", limit)
    document = containers(1_000)
    everything = reviewer(RESTRICTED, settings=EVERYTHING, patchTemplates=True)
    async with serving(files, everything) as client:
        answer = await client.ask("/mutate", review(deployment(document) if template else document))
    assert len(json.dumps(answer)) < 1_000
    assert "patch" not in answer
    text = answer["warnings"][0] if template else answer["status"]["message"]
    assert f" bytes; at most {limit} are sent" in text
    assert answer["allowed"] is template


async def test_texts_are_bounded_together(files: CertificateFiles) -> None:
    """Thousands of bad AppArmor annotations, or names of containers without end, make no answer without end."""
    prefix = "container.apparmor.security.beta.kubernetes.io/"
    annotated = pod(metadata={"annotations": {f"{prefix}{index}": "x" * 1_000 for index in range(2_000)}})
    named = pod(containers=[container(f"{index}" + "n" * 2_800) for index in range(1_000)])
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
    labels |= {"pod-security.kubernetes.io/audit-version": "v1.30", "pod-security.kubernetes.io/warn-version": "v1.31"}
    async with serving(files, reviewer(labels)) as client:
        for document in (annotated, named):
            for path in PATHS:
                status, text = await client.send(path, json.dumps(review(document)).encode())
                assert status == 200
                assert len(text) < ANSWER_LIMIT


async def test_bodies_over_the_limit_are_not_kept(files: CertificateFiles) -> None:
    """Nothing of a refused body waits for a garbage collection, which is rare."""
    async with serving(files) as client:
        gc.collect()
        gc.disable()
        try:
            status, text = await client.send("/mutate", b" " * (BODY_LIMIT + 1))
            kept = [found for found in gc.get_objects() if isinstance(found, web.HTTPRequestEntityTooLarge)]
        finally:
            gc.enable()
    assert (status, text) == (413, f"more than {BODY_LIMIT} bytes\n")
    assert kept == []


async def test_there_is_room_for_some_bodies() -> None:
    """One more is not read before another is done with, and is refused if that takes too long."""
    large_reviews = LargeReviews()
    clock = asyncio.get_running_loop().time
    rooms = [large_reviews.room(None, clock() + 10) for _ in range(MOST_BODIES)]
    for room in rooms:
        await room.__aenter__()
    with pytest.raises(TooManyRequests):
        async with large_reviews.room(1, clock() + 0.01):
            pass
    await rooms.pop().__aexit__(None, None, None)
    async with large_reviews.room(1, clock() + 0.01):
        pass
    for room in rooms:
        await room.__aexit__(None, None, None)
    large_reviews.close()


async def test_no_room_is_429(files: CertificateFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its body was never read, so there is no uid to answer to."""
    monkeypatch.setattr(lanes, "MOST_BODIES", 1)
    async with serving(files, reviewer_of(SlowGatherer(60))) as client:
        first = asyncio.create_task(client.ask("/mutate?timeout=3s", review(large())))
        await asyncio.sleep(0.3)
        body = json.dumps(review(large())).encode()
        assert await client.send("/mutate?timeout=1s", body) == (429, "too many large reviews at once\n")
        assert (await first)["status"]["code"] == 500


async def test_the_thread_rests_as_long_as_it_worked(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a long step, so that half of a core remains; after short ones it goes on at once."""
    slept: list[float] = []
    monkeypatch.setattr(lanes, "sleep", slept.append)
    monkeypatch.setattr(lanes, "monotonic", lambda: 100.0)
    large_reviews = LargeReviews()
    for used in (0.01, 0.5, 0.01, 0.01):
        times = iter((1.0, 1.0 + used))
        monkeypatch.setattr(lanes, "thread_time", lambda: next(times))  # noqa: B023 (used before the next round)
        assert await large_reviews.run(lambda: "done") == "done"
    large_reviews.close()
    assert slept == [0.0, 0.0, 0.5, 0.5]


@pytest.mark.parametrize(("size", "given_back"), [(MIB, 1), (LARGE, 0), (None, 1)])
async def test_memory_is_given_back(monkeypatch: pytest.MonkeyPatch, size: int | None, given_back: int) -> None:
    """Once, when there has been no large review for a moment, if there was much of them."""
    calls: list[str] = []
    monkeypatch.setattr(lanes, "_IDLE", 0.02)
    monkeypatch.setattr(lanes, "give_back", lambda: calls.append(threading.current_thread().name))
    large_reviews = LargeReviews()
    deadline = asyncio.get_running_loop().time() + 10
    async with large_reviews.room(size, deadline), large_reviews.room(LARGE, deadline):
        await asyncio.sleep(0.05)
        assert calls == []
    async with large_reviews.room(LARGE, deadline):
        await asyncio.sleep(0.05)
        assert calls == []
    if given_back:
        await until(lambda: calls)
    await asyncio.sleep(0.05)
    large_reviews.close()
    assert calls == ["large-review_0"] * given_back


async def test_small_reviews_wait_for_nothing() -> None:
    """There is always room and always a turn, and a step runs at once."""
    small = SmallReviews()
    ran: list[int] = []
    step: Callable[[], None] = lambda: ran.append(threading.get_ident())  # noqa: E731
    async with small.room(1, 0.0), small.turn(1, 0.0), small.room(1, 0.0), small.turn(1, 0.0):
        await small.run(step)
    assert ran == [threading.get_ident()]
