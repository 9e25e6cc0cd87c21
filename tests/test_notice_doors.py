"""The cases of notices through the command line, the preview endpoint and /mutate: each says what the library notes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp.test_utils import TestClient, TestServer

from patches.model.pod import Origin
from tests.patches.notice_cases import NoticeCase, load_notice_cases
from tests.review.builders import configured, request, reviewer_of, sent
from tests.server.serving import local_preview_app
from webhook.cli import main
from webhook.review.notices import notice_warnings

_CASES: Final = load_notice_cases()
_FILES: Final = [case for case in _CASES if case.origin is Origin.MANIFEST]
_ADMITTED: Final = [case for case in _CASES if case.origin is Origin.ADMISSION]
_LONGEST: Final = 256
"""Characters to which an API server cuts a warning beside others."""
_MARKS: Final = (
    "failed here before with",
    "needs the API token",
    "has rights by",
    "owns it and",
    "are filled in and pass",
    "would be refused: they violate",
    "failed quota:",
    "counts 0 where",
    "hostNetwork copies containerPort to hostPort",
    "AppArmor annotations become fields",
)
"""What only the sentence of one notice has."""


def _sentences(case: NoticeCase) -> list[str]:
    return notice_warnings(case.run())


@pytest.mark.parametrize("case", _CASES, ids=str)
def test_sentences_are_short(case: NoticeCase) -> None:
    """One sentence for each notice, whole after the API server's cut, and with each of its values."""
    sentences = _sentences(case)
    assert len(sentences) == len(case.notices)
    for notice, sentence in zip(case.notices, sentences, strict=True):
        assert sentence.isprintable()
        assert len(sentence) <= _LONGEST
        assert all(value in sentence for value in notice.values)


@pytest.mark.parametrize("case", _FILES, ids=str)
def test_the_command_line(case: NoticeCase, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`preview` prints them once, the last of its warnings; what they are about is in its input, or in --objects."""
    files = {
        "config.json": case.configuration,
        "document.json": case.document,
        "objects.json": {"apiVersion": "v1", "kind": "List", "items": case.objects},
        "images.json": case.image_facts,
    }
    for name, value in files.items():
        (tmp_path / name).write_text(json.dumps(value), encoding="utf-8")
    config, document, objects, images = (str(tmp_path / name) for name in files)
    options = ["--config", config, "--images", images, "-o", "json"]
    main(["preview", "-f", document, "--objects", objects, *options])
    separate = json.loads(capsys.readouterr().out)["results"][-1]["warnings"]
    main(["preview", "-f", objects, "-f", document, *options])
    together = json.loads(capsys.readouterr().out)["results"][-1]["warnings"]
    assert separate == together
    _check(separate, case)


@pytest.mark.parametrize("case", _FILES, ids=str)
async def test_the_preview_endpoint(case: NoticeCase) -> None:
    """`POST /preview` answers them."""
    app = local_preview_app(case.gatherer(), configured(**case.configuration))
    async with TestClient(TestServer(app)) as client:
        reply = await client.post("/preview", json=case.document)
        (result,) = (await reply.json())["results"]
    _check(result["warnings"], case)


@pytest.mark.parametrize("case", _ADMITTED, ids=str)
async def test_mutate(case: NoticeCase) -> None:
    """/mutate sends them as warnings; in mode audit, which tells only the audit log, it sends none."""
    name = case.document["metadata"]["namespace"]
    reviewer = reviewer_of(case.gatherer(), configured(**case.configuration))
    _check(sent(await reviewer.mutate(request(case.document, namespace=name))).get("warnings", []), case)
    marks = {"labels": {"pod-security-defaulter.io/mode": "audit"}}
    audit = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, **marks}}
    reviewer = reviewer_of(case.gatherer(audit), configured(**case.configuration))
    assert not sent(await reviewer.mutate(request(case.document, namespace=name))).get("warnings")


def _check(warnings: list[Any], case: NoticeCase) -> None:
    sentences = _sentences(case)
    assert [warning for warning in warnings if warning in sentences] == sentences
    assert len(set(warnings)) == len(warnings)
    assert sum(mark in warning for warning in warnings for mark in _MARKS) == len(sentences)
