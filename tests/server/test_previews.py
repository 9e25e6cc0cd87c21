"""The preview over HTTP, without a cluster: what it takes, what it answers, and whom it turns away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from io import BytesIO
from itertools import islice
from typing import Any

import aiohttp
import jsonpatch
import pytest
from aiohttp import web

from patches.policy.policy import PSA_PREFIX
from tests.review.builders import gatherer_of, pod
from tests.server.serving import local_preview_app
from webhook.documents.reader import Document, read_documents
from webhook.errors import NamespaceUnknown
from webhook.gatherers.gatherer import GatheredNamespaces
from webhook.gatherers.manifests import ManifestGatherer
from webhook.server.app import create_runner
from webhook.server.previews import PREVIEW_BODY_LIMIT
from webhook.server.rate_limiter import RateLimiter

_YAML = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: c, image: i}]}\n"
_BROKEN = "apiVersion: v1\nkind: Pod\nspec: {containers: 7}\n"


@asynccontextmanager
async def _previewing(*objects: Any) -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    """A client and the address of a preview that knows these objects."""
    async with _running(local_preview_app(gatherer_of(objects))) as started:
        yield started


class _RaisingGatherer(ManifestGatherer):
    """A gatherer that only raises."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    async def gather_all(self, namespaces: Collection[str]) -> GatheredNamespaces:  # noqa: ARG002 (it asks nobody)
        raise self._error


@asynccontextmanager
async def _running(app: web.Application) -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    runner = create_runner(app, 5)
    runner._kwargs["lingering_time"] = 0.5  # over a body that nobody reads, after its sender has gone; else ten seconds
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
            yield session, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def _post(body: str | bytes, query: str = "", **headers: str) -> tuple[int, str, Any]:
    """The status, content type and text of an answer."""
    data = body.encode() if isinstance(body, str) else body
    async with _previewing() as (session, address):
        sent = {"Content-Type": "application/yaml"} | {name.replace("_", "-"): value for name, value in headers.items()}
        async with session.post(f"{address}/preview{query}", data=BytesIO(data), headers=sent) as reply:
            return reply.status, reply.content_type, await reply.text()


async def test_json_is_the_default() -> None:
    """The report, whose patch leads from the object as sent to `patched`."""
    status, kind, text = await _post(_YAML)
    assert (status, kind) == (200, "application/json")
    (result,) = json.loads(text)["results"]
    (document,) = read_documents(_YAML.encode(), "x")
    assert isinstance(document, Document)
    assert jsonpatch.apply_patch(document.value, result["patch"]) == result["patched"]
    assert result["patched"]["spec"]["securityContext"]["runAsNonRoot"] is True


@pytest.mark.parametrize("accept", ["application/yaml", "application/yaml;q=0.9, application/json;q=0.1"])
async def test_yaml(accept: str) -> None:
    """The patched objects; what cannot be read is a comment."""
    status, kind, text = await _post(f"{_YAML}---\n{_BROKEN}", Accept=accept)
    assert (status, kind) == (200, "application/yaml")
    first, rest = text.split("\n", 1)
    assert first.startswith("# error: manifest:8: document 2: spec.containers")
    (document,) = read_documents(rest.encode(), "x")
    assert isinstance(document, Document)
    assert document.value["spec"]["securityContext"]["runAsNonRoot"] is True


async def test_diff() -> None:
    """A unified diff of what changes, or of the whole document."""
    status, kind, changes = await _post(_YAML, Accept="text/x-diff")
    assert (status, kind) == (200, "text/x-diff")
    assert changes.startswith("--- a/manifest#1\n+++ b/manifest#1\n@@ ")
    _, _, full = await _post(_YAML, "?diff=full", Accept="text/*")
    assert " kind: Pod" in full.splitlines()


async def test_one_bad_document_hides_no_other() -> None:
    """It is a result with an error that names document, line and field."""
    _, _, text = await _post(f"{_YAML}---\n{_BROKEN}---\n{_YAML}")
    results = json.loads(text)["results"]
    assert [min(result) for result in results] == ["allowed", "error", "allowed"]
    error = results[1]["error"]
    assert (error["document"], error["line"], error["field"]) == (2, 8, "spec.containers")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?profile=strict", "profile"),
        ("?profile=restricted:v2", "profile"),
        ("?namespace=No_Name", "namespace"),
        ("?namespace=", "namespace"),
        (f"?namespace={'a' * 64}", "namespace"),
        ("?namespace=-a", "namespace"),
        ("?diff=some", "diff"),
        ("?profil=restricted", "profil"),
        ("?diff=full&diff=full", "diff"),
        ("?namespace=shop&diff=full&diff=full", "diff"),
    ],
)
async def test_bad_parameters(query: str, field: str) -> None:
    """400, and the parameter's name."""
    status, kind, text = await _post(_YAML, query)
    assert (status, kind) == (400, "application/json")
    assert json.loads(text)["field"] == field


async def test_the_profile_overrides() -> None:
    """Of level and version, as on the command line."""
    _, _, text = await _post(_YAML, "?profile=baseline:v1.30&namespace=shop")
    (result,) = json.loads(text)["results"]
    assert (result["profile"], result["namespace"]) == ("baseline:v1.30", "shop")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Accept": "image/png"}, 406),
        ({"Accept": "application/json;q=0"}, 406),
        ({"Content_Type": "multipart/form-data; boundary=x"}, 415),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": "[::1"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "http://[::1"}, 403),
        ({"Origin": "http://[evil]"}, 403),
        ({"Origin": "null"}, 403),
        ({"Content_Encoding": "gzip"}, 415),
    ],
)
async def test_who_is_turned_away(headers: dict[str, str], status: int) -> None:
    """Other forms, other bodies, other sites; always as a Problem, and not to be stored."""
    answered, kind, text = await _post(_YAML, **headers)
    assert (answered, kind) == (status, "application/json")
    assert json.loads(text)["message"]


async def test_a_large_body_is_refused() -> None:
    """413, before it is read."""
    status, _, text = await _post(b"#" * (PREVIEW_BODY_LIMIT + 1))
    assert status == 413
    assert str(PREVIEW_BODY_LIMIT) in json.loads(text)["message"]


async def test_an_object_that_exceeds_a_bound_is_refused() -> None:
    """413, with the count and the bound, as for other work that is too much."""
    containers = [{"name": f"c{index}"} for index in range(1_001)]
    document = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": containers}}
    status, _, text = await _post(json.dumps(document))
    assert status == 413
    assert json.loads(text)["message"] == "spec.containers: 1001 containers; at most 1000 are supported"


async def test_odd_kinds_hide_nothing() -> None:
    """An apiVersion or kind that is no text is no kind that is known: the object passes through or is an error."""
    odd = ["apiVersion: [v1]\nkind: Pod\n", "apiVersion: v1\nkind: {a: b}\n", "apiVersion: 1\nkind: null\n"]
    status, _, text = await _post("---\n".join([*odd, _YAML]))
    assert status == 200
    results = json.loads(text)["results"]
    assert len(results) == 4
    assert results[3]["patched"]["spec"]["securityContext"]["runAsNonRoot"] is True


async def test_a_bug_is_a_problem_too(caplog: pytest.LogCaptureFixture) -> None:
    """Of 500, in JSON, not to be stored; the log has the trace, and nothing of the request."""
    app = local_preview_app(_RaisingGatherer(RuntimeError("a bug")))
    async with _running(app) as (session, address), session.post(f"{address}/preview", data=b"a: hunter2") as reply:
        assert (reply.status, await reply.json()) == (500, {"message": "internal error", "field": ""})
        assert reply.headers["Cache-Control"] == "no-store"
    assert "a bug" in caplog.text
    assert "hunter2" not in caplog.text


async def test_a_namespace_that_cannot_be_learnt() -> None:
    """503, and which it is."""
    app = local_preview_app(_RaisingGatherer(NamespaceUnknown('namespace "shop" could not be looked up: try again')))
    async with _running(app) as (session, address), session.post(f"{address}/preview", data=_YAML.encode()) as reply:
        assert reply.status == 503
        assert "shop" in (await reply.json())["message"]


async def test_bodies_that_do_not_arrive_take_few_places() -> None:
    """Of one caller four are read at once; the others are told to come again, before their bodies are read."""
    async with _previewing() as (session, address):

        async def never() -> AsyncIterator[bytes]:
            yield b"#"
            await asyncio.sleep(60)

        slow = [asyncio.create_task(session.post(f"{address}/preview", data=never())) for _ in range(8)]
        async with asyncio.timeout(30):
            refused = [await first for first in islice(asyncio.as_completed(slow), 4)]
        assert [(reply.status, reply.headers["Retry-After"]) for reply in refused] == [(429, "1")] * 4
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)


async def test_objects_of_one_request_are_not_known_to_the_next() -> None:
    """A Namespace in the input counts for this input only."""
    strict = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}}
    strict["metadata"]["labels"] = {PSA_PREFIX + "enforce": "privileged"}  # type: ignore[index]
    async with _previewing() as (session, address):
        headers = {"Content-Type": "application/json"}
        bodies = [{"apiVersion": "v1", "kind": "List", "items": [strict, pod(metadata={"namespace": "default"})]}]
        bodies.append(pod(metadata={"namespace": "default"}))
        profiles = []
        for body in bodies:
            async with session.post(f"{address}/preview", data=json.dumps(body), headers=headers) as reply:
                profiles.append((await reply.json())["results"][-1]["profile"])
    assert profiles == ["privileged:latest", "restricted:latest"]


async def test_too_many_are_told_when_to_come_again() -> None:
    """A burst is fine; then 429 with Retry-After."""
    async with _previewing() as (session, address):
        statuses = set()
        for _ in range(200):
            async with session.post(f"{address}/preview", data=b"") as reply:
                statuses.add(reply.status)
                if reply.status == 429:
                    assert int(reply.headers["Retry-After"]) >= 1
                    break
    assert statuses == {200, 429}


async def test_the_page_and_its_files() -> None:
    """With a strict policy, no inline code, and an answer 304 for who has them already."""
    async with _previewing() as (session, address):
        async with session.get(f"{address}/") as reply:
            assert (reply.status, reply.content_type) == (200, "text/html")
            policy = reply.headers["Content-Security-Policy"]
            assert "unsafe" not in policy
            assert "default-src 'none'" in policy
            etag = reply.headers["ETag"]
        async with session.get(f"{address}/", headers={"If-None-Match": etag}) as reply:
            assert (reply.status, await reply.read()) == (304, b"")
        async with session.get(f"{address}/static/nothing.js") as reply:
            assert (reply.status, reply.content_type) == (404, "application/json")
        async with session.get(f"{address}/preview") as reply:
            assert (reply.status, reply.headers["Allow"]) == (405, "POST")


async def test_openapi_names_every_answer() -> None:
    """Drawn from the types: the schemas that it refers to are there, and the rows of the report too."""
    async with _previewing() as (session, address), session.get(f"{address}/openapi.json") as reply:
        document = await reply.json()
    assert document["openapi"] == "3.1.0"
    answers = document["paths"]["/preview"]["post"]["responses"]
    assert set(answers) == {"200", "400", "403", "406", "408", "413", "415", "429", "500"}
    schemas = document["components"]["schemas"]
    assert {"Report", "Result", "DefaultRow", "ViolationRow", "Summary", "Failure", "Problem"} <= set(schemas)
    assert set(schemas["Report"]["properties"]) == {"results", "summary"}


def test_rate_limiter() -> None:
    """A burst, then the rate; another caller has a bucket of its own; a clock that stands still gives nothing back."""
    limiter = RateLimiter(2.0, 3)
    assert [limiter.take("a", 0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert limiter.take("b", 0) == 0
    assert limiter.take("a", 0.4) == pytest.approx(0.1)
    assert limiter.take("a", 0.5) == 0
    assert [limiter.take("a", 100) for _ in range(4)] == [0, 0, 0, 0.5]
