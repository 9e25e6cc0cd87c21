"""All real workloads through the preview, as their authors wrote them."""

from __future__ import annotations

import json

import jsonpatch
import pytest

from patches.configuration import DefaulterConfiguration
from patches.levels import parse_level_version
from tests.shared_data import read_jsonl_gz, shared
from webhook.documents.reader import read_documents
from webhook.documents.writer import to_yaml_all
from webhook.preview.preview import Options, preview
from webhook.sources.manifests import ManifestSource


@pytest.mark.slow
def test_real_workloads() -> None:
    """None crashes, each patch leads to what is shown, and as many comply as the corpus says of their pods."""
    objects = [record["object"] for record in read_jsonl_gz(shared("corpus/workloads.jsonl.gz"))]
    expected = [record["restricted_once_defaulted"] for record in read_jsonl_gz(shared("corpus/pods.jsonl.gz"))]
    documents = list(read_documents(to_yaml_all(objects).encode(), "workloads.yaml"))
    options = Options(profile=parse_level_version("restricted:latest"))
    report, status = preview(documents, ManifestSource(DefaulterConfiguration()), options)
    assert status == 1
    assert not [result.error for result in report.results if result.error]
    for value, result in zip(objects, report.results, strict=True):
        assert jsonpatch.apply_patch(value, json.dumps(result.patch)) == result.patched
    summary = report.summary
    print(f"{summary.objects} objects, {summary.compliant_before} compliant, {summary.compliant_after} once defaulted")
    assert (summary.objects, summary.compliant_after) == (len(expected), sum(expected))
