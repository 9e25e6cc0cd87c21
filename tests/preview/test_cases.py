"""The lists, the summary, `allowed` and the exit status agree with each other, and with what Kubernetes will judge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from tests.preview.cases import Case, load_cases, texts
from tests.review.builders import gatherer_of
from tests.server.serving import local_preview_app
from webhook.cli import main

pytestmark = pytest.mark.usefixtures("root_logger")

each_case = pytest.mark.parametrize("case", load_cases(), ids=lambda case: case.name)


def _run(command: str, case: Case, directory: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, Any]:
    """The exit status and the report of a command."""
    for name, value in (("document", case.document), ("namespace", case.namespace())):
        (directory / f"{name}.json").write_text(json.dumps(value))
    files = ["-f", str(directory / "document.json"), "--objects", str(directory / "namespace.json")]
    status = main([command, *files, "-o", "json"])
    return status, json.loads(capsys.readouterr().out)


@each_case
def test_preview(case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The verdict is that of the list: on the pod as it arrives. The patch stays on the document as sent."""
    status, report = _run("preview", case, tmp_path, capsys)
    (result,) = report["results"]
    assert texts(result["violations"]["before"]) == case.before
    assert texts(result["violations"]["after"]) == case.after
    assert result["allowed"] is case.allowed
    assert [text for text in case.warns if text not in result["warnings"]] == []
    assert [text for text in result["warnings"] if any(word in text for word in case.never)] == []
    assert report["summary"] == {
        "objects": 1,
        "compliant_before": int(not case.before),
        "compliant_after": int(not case.after),
    }
    assert status == int(bool(case.after))
    assert not {"hostPort", "appArmorProfile", "emptyDir"} & {path["path"].split("/")[-1] for path in result["patch"]}


@each_case
def test_check(case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without the patch: `before` decides."""
    status, report = _run("check", case, tmp_path, capsys)
    (result,) = report["results"]
    assert texts(result["violations"]["before"]) == case.before
    assert result["allowed"] is (not case.before)
    about_fields = [text for text in result["warnings"] if text.startswith("unknown field")]
    assert result["warnings"] == about_fields + case.checks
    assert report["summary"] == {"objects": 1, "compliant_before": int(not case.before)}
    assert status == int(bool(case.before))


@each_case
async def test_post_preview(case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The endpoint, and so the page, says what the command says."""
    _, report = _run("preview", case, tmp_path, capsys)
    async with TestClient(TestServer(local_preview_app(gatherer_of([case.namespace()])))) as client:
        reply = await client.post("/preview", json=case.document)
        answered = await reply.json()
    for result in (*report["results"], *answered["results"]):
        del result["diff"]  # it names the input
    assert answered == report
