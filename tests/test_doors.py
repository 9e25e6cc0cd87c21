"""The same cases through the library, the command line and HTTP: all of them give the same patch."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp.test_utils import TestClient, TestServer

from patches.configuration import DefaulterConfiguration
from patches.levels import NEWEST_MINOR
from patches.pipeline import APPLIED_ANNOTATION
from patches.pod import Origin
from tests.defaults.cases import Case, load_cases
from webhook.cli import main
from webhook.review.reviewer import Reviewer
from webhook.server.app import create_app
from webhook.server.readiness import Readiness
from webhook.sources.manifests import ManifestSource

_DOORS = [case for case in load_cases() if case.newest == NEWEST_MINOR]
_ANNOTATION = "/metadata/annotations/" + APPLIED_ANNOTATION.replace("/", "~1")


def _name(case: Case) -> str:
    return f"{case.id}/{case.name}"


def _operations(case: Case) -> list[Any]:
    return [*case.run().operations]


def _unannotated(operations: list[Any]) -> list[Any]:
    """The operations without the note on the pod, which only /mutate writes."""
    kept = [operation for operation in operations if operation["path"] != _ANNOTATION]
    return [operation for operation in kept if operation["path"] != "/metadata/annotations"]


@pytest.mark.parametrize("case", [case for case in _DOORS if case.origin is Origin.ADMISSION], ids=_name)
async def test_mutate_agrees_with_the_library(case: Case) -> None:
    """`POST /mutate` sends the library's patch, or none where it is withheld."""
    configuration = msgspec.convert(case.configuration, DefaulterConfiguration)
    source = ManifestSource(configuration)
    for value in case.objects:
        source.add(value)
    group, _, version = case.document["apiVersion"].rpartition("/")
    review = {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "1",
            "kind": {"group": group, "version": version, "kind": case.document["kind"]},
            "namespace": case.namespace,
            "operation": "CREATE" if case.old is None else "UPDATE",
            "subResource": "" if case.old is None else "ephemeralcontainers",
            "object": case.document,
            "oldObject": case.old,
        },
    }
    app = create_app(Reviewer(configuration, source), Readiness())
    async with TestClient(TestServer(app)) as client:
        reply = await client.post("/mutate", json=review)
        response = (await reply.json())["response"]
    sent = json.loads(base64.b64decode(response["patch"])) if "patch" in response else []
    assert sent == ([] if case.withheld else _operations(case))


def _is_a_manifest_too(case: Case) -> bool:
    """Whether preview must agree: not on updates, nor where admission enforces or withholds what a manifest lacks."""
    admitted = case.origin is Origin.ADMISSION
    return case.old is None and not (admitted and (case.id == "imagePullPolicy" or case.withheld))


@pytest.mark.parametrize("case", [case for case in _DOORS if _is_a_manifest_too(case)], ids=_name)
def test_preview_agrees_with_the_library(case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`preview -o json` prints the library's patch; of an admitted object too, but for what admission alone does."""
    files = {"document": case.document, "configuration": case.configuration}
    for name, value in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(value))
    (tmp_path / "objects.json").write_text(
        json.dumps({"apiVersion": "v1", "kind": "List", "items": list(case.objects)}),
    )
    arguments = ["preview", "-f", str(tmp_path / "document.json"), "--config", str(tmp_path / "configuration.json")]
    status = main([*arguments, "--objects", str(tmp_path / "objects.json"), "-o", "json"])
    report = json.loads(capsys.readouterr().out)
    (result,) = report["results"]
    assert _unannotated(result["patch"]) == _unannotated(_operations(case))
    assert status == (0 if report["summary"]["compliant_after"] == 1 else 1)
