"""All real workloads through the preview, as their authors wrote them."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Final

import jsonpatch
import pytest
from aiohttp.test_utils import TestClient, TestServer

from patches.policy.configuration import DefaulterConfiguration
from patches.standards.levels import NEWEST_MINOR, parse_level_version
from tests.shared_data import read_jsonl_gz, shared
from webhook.documents.reader import Document, read_documents
from webhook.documents.writer import to_yaml_all
from webhook.gatherers.gatherer import GatheredNamespaces
from webhook.gatherers.manifests import ManifestGatherer
from webhook.preview.preview import PreviewOptions, Surroundings, preview
from webhook.preview.requests import Form, encoded
from webhook.server.previews import create_preview_app

_BATCH: Final = 150
"""Workloads in a request."""


_NOTHING: Final = Surroundings(GatheredNamespaces({}, {}), DefaulterConfiguration(), NEWEST_MINOR)


@pytest.mark.slow
def test_real_workloads() -> None:
    """None crashes, each patch leads to what is shown, and as many comply as the corpus says of their pods."""
    objects = [record["object"] for record in read_jsonl_gz(shared("corpus/workloads.jsonl.gz"))]
    expected = [record["restricted_once_defaulted"] for record in read_jsonl_gz(shared("corpus/pods.jsonl.gz"))]
    documents = list(read_documents(to_yaml_all(objects).encode(), "workloads.yaml"))
    options = PreviewOptions(profile=parse_level_version("restricted:latest"))
    report, status = preview(documents, _NOTHING, options)
    assert status == 1
    assert not [result.error for result in report.results if result.error]
    for value, result in zip(objects, report.results, strict=True):
        assert jsonpatch.apply_patch(value, json.dumps(result.patch)) == result.patched
    summary = report.summary
    print(f"{summary.objects} objects, {summary.compliant_before} compliant, {summary.compliant_after} once defaulted")
    assert (summary.objects, summary.compliant_after) == (len(expected), sum(expected))


@pytest.mark.slow
async def test_real_workloads_over_http() -> None:
    """`POST /preview` takes them within its limits, and answers as the library does, in JSON and in YAML."""
    objects = [record["object"] for record in read_jsonl_gz(shared("corpus/workloads.jsonl.gz"))]
    options = PreviewOptions(profile=parse_level_version("restricted:latest"))
    answered = 0
    async with TestClient(TestServer(create_preview_app(ManifestGatherer(), DefaulterConfiguration, None))) as client:
        for start in range(0, len(objects), _BATCH):
            sent = to_yaml_all(objects[start : start + _BATCH]).encode()
            documents = list(read_documents(sent, "manifest"))
            report, _ = preview(documents, _NOTHING, options)
            for form in (Form.JSON, Form.YAML):
                headers = {"Content-Type": "application/yaml", "Accept": form.value}
                reply = await client.post("/preview?profile=restricted:latest", data=BytesIO(sent), headers=headers)
                assert (reply.status, reply.content_type) == (200, form.value)
                assert await reply.text() == encoded(report, form)
            written = read_documents(encoded(report, Form.YAML).encode(), "answer")
            patched = [document.value for document in written if isinstance(document, Document)]
            assert patched == [result.patched for result in report.results]
            answered += len(report.results)
    assert answered == len(objects)
