"""The cases of starting through the command line, the preview endpoint and /mutate, which agree with the library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp.test_utils import TestClient, TestServer

from patches.model.pod import Origin
from tests.patches.start_cases import StartCase, load_start_cases
from tests.review.builders import configured, debug_session, request, reviewer_of, sent
from tests.server.serving import local_preview_app
from webhook.cli import main

_CASES: Final = load_start_cases()
_FILES: Final = [case for case in _CASES if case.origin is Origin.MANIFEST]
_ADMITTED: Final = [case for case in _CASES if case.origin is Origin.ADMISSION]
_WORDS: Final = " not start: "


def _foreseen(result: Any) -> list[tuple[str, str, str | None, str]]:
    return [(row["container"], row["forecast"], row["cause"], row["message"]) for row in result["starts"]]


def _said(warnings: list[str]) -> list[str]:
    return [warning.removeprefix("pod-security-defaulter: ") for warning in warnings if _WORDS in warning]


@pytest.mark.parametrize("case", [case for case in _FILES if case.name != "stale-tag"], ids=str)
def test_the_command_line(case: StartCase, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`check` foresees the object as it was written, `preview` with the patch, and warns of what will not start."""
    images = {"apiVersion": "pod-security-defaulter.io/v1alpha1", "kind": "ImageFacts", "images": case.images}
    files = {"config": case.configuration, "document": case.document, "images": images}
    for name, value in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(value), encoding="utf-8")
    config, document, known = (str(tmp_path / f"{name}.json") for name in files)
    options = ["-f", document, "--config", config, "--images", known, "-o", "json"]
    main(["check", *options])
    (checked,) = json.loads(capsys.readouterr().out)["results"]
    main(["preview", *options])
    (previewed,) = json.loads(capsys.readouterr().out)["results"]
    assert (_foreseen(checked), _foreseen(previewed)) == (case.before, case.after)
    assert _said(previewed["warnings"]) == case.warnings
    containers = {f"/spec/{name}/{i}" for name in case.document["spec"] for i in range(len(case.after))}
    assert {row["path"] for row in previewed["starts"]} <= containers


@pytest.mark.parametrize("case", _FILES, ids=str)
async def test_the_preview_endpoint(case: StartCase) -> None:
    """`POST /preview` answers what `preview` prints."""
    app = local_preview_app(case.gatherer(), configured(**case.configuration))
    async with TestClient(TestServer(app)) as client:
        reply = await client.post("/preview", json=case.document)
        (result,) = (await reply.json())["results"]
    assert _foreseen(result) == case.after
    assert _said(result["warnings"]) == case.warnings


@pytest.mark.parametrize("case", _ADMITTED, ids=str)
async def test_mutate(case: StartCase) -> None:
    """/mutate warns of each container that will not start, of pods, templates and debug sessions."""
    reviewer = reviewer_of(case.gatherer(), configured(**case.configuration))
    asked = request(case.document) if case.old is None else debug_session(case.old, case.document)
    answer = sent(await reviewer.mutate(asked))
    assert _said(answer.get("warnings", [])) == case.warnings


def test_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each container: whether it starts, if not what the kubelet will say, and where that is explained."""
    (case,) = (case for case in _CASES if case.name == "author-true-named-image")
    images = {"apiVersion": "pod-security-defaulter.io/v1alpha1", "kind": "ImageFacts", "images": case.images}
    for name, value in (("document", case.document), ("images", images)):
        (tmp_path / f"{name}.json").write_text(json.dumps(value), encoding="utf-8")
    main(["check", "-f", str(tmp_path / "document.json"), "--images", str(tmp_path / "images.json")])
    lines = capsys.readouterr().out.splitlines()
    because = "because: image has non-numeric user (memcache), cannot verify user is non-root  (image-user-not-numeric)"
    assert [line for line in lines if "container " in line and "(image " in line] == [
        f"  will-not-start  container name (image name), {because}",
        f"  will-not-start  container named (image named), {because}",
        "  unknown         container seen (image seen)  (image-not-known)",
        "  runs            container number (image number)",
    ]
    assert lines[-1] == "Why a container does not start: docs/reasons.md#starting."
