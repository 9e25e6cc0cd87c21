"""What `/openapi.json` promises holds: schemathesis asks the real command all that it allows, and what it forbids."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest
import schemathesis
from aiohttp.test_utils import TestClient, TestServer

from tests.served import served
from tests.server.serving import local_preview_app
from tests.shared_data import ROOT
from webhook.gatherers.manifests import ManifestGatherer
from webhook.preview.requests import Form
from webhook.server.openapi import description

_PREVIEWING: Final = "serving the preview page on "
_EXAMPLES: Final = 500
_SOME: Final = 20
_SECONDS: Final = 300
"""It takes three quarters of a minute on an idle machine, most of it waiting for its turn."""

_CONFIGURATION: Final = f"""
hooks = {json.dumps(str(ROOT / "tests/server/openapi/hooks.py"))}
request-timeout = 30.0

[warnings]
fail-on = true

[generation]
database = "none"
no-shrink = true

# All checks there are, two of them stricter than by default: there 429 and 5xx count as accepted, 404 as rejected.
[checks.positive_data_acceptance]
expected-statuses = [200, 304]

[checks.negative_data_rejection]
expected-statuses = [400, 405]

# Less than the server takes in the long run: its own limit stays as it is.
[[operations]]
include-path = "/preview"
rate-limit = "18/s"
"""


class _Answer(NamedTuple):
    """One answer of the server to schemathesis."""

    label: str
    status: int
    content_type: str
    text: str


def _ask(address: str, directory: Path) -> Iterator[_Answer]:
    """Let schemathesis ask the server, and be content with every answer."""
    with urllib.request.urlopen(f"{address}/openapi.json", timeout=30) as reply:  # noqa: S310 (loopback)
        # If it loaded the description itself, it would leave out its address.
        (directory / "openapi.json").write_bytes(reply.read())
    (directory / "schemathesis.toml").write_text(_CONFIGURATION, encoding="utf-8")
    command = ["--config-file", "schemathesis.toml", "run", "openapi.json", "--url", address, "--checks", "all"]
    command += ["--phases", "examples,coverage,fuzzing", "--max-examples", str(_EXAMPLES)]  # no answer leads further
    done = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", *command, "--report-ndjson-path", "events.ndjson", "--no-color"],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(directory)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    for line in (directory / "events.ndjson").read_text(encoding="utf-8").splitlines():
        recorder = json.loads(line).get("ScenarioFinished", {}).get("recorder", {})
        for interaction in recorder.get("interactions", {}).values():
            response = interaction["response"]
            (kind,) = response["headers"].get("content-type", [""])
            body = base64.b64decode((response["content"] or {}).get("$base64", ""))
            yield _Answer(recorder["label"], response["status_code"], kind.partition(";")[0], body.decode())


@pytest.mark.slow
def test_the_preview_answers_as_described(tmp_path: Path) -> None:
    """No server error; no status, header, type or shape that is not described; what is valid is taken, else refused."""
    with served(tmp_path / "served", "--preview-port", "0") as server:
        assert server.process.stdout is not None
        address = server.process.stdout.readline().removeprefix(_PREVIEWING).strip()
        answers = list(_ask(address, tmp_path))
    asked = Counter(answer.label for answer in answers)
    print(asked, Counter((answer.label, answer.status) for answer in answers))
    assert asked.keys() == {"POST /preview", "GET /openapi.json", "GET /"}
    assert min(asked.values()) >= _EXAMPLES
    # And it was worth asking: nobody was held back, and there were real pods, broken ones, and all forms of answers.
    assert {answer.status for answer in answers} >= {200, 400, 405}
    assert 429 not in {answer.status for answer in answers}
    previews = [answer for answer in answers if (answer.label, answer.status) == ("POST /preview", 200)]
    assert {answer.content_type for answer in previews} == set(Form)
    reports = [json.loads(answer.text) for answer in previews if answer.content_type == Form.JSON]
    assert sum(report["summary"]["objects"] for report in reports) >= _SOME
    assert sum("error" in result for report in reports for result in report["results"]) >= _SOME


@pytest.mark.parametrize("needs_token", [False, True])
def test_the_description_is_valid(*, needs_token: bool) -> None:
    """By the schema of OpenAPI 3.1, and what it refers to is there. With a token, 401 and 503 are described."""
    document = description(needs_token=needs_token)
    schema = schemathesis.openapi.from_dict(document)
    schema.validate()
    assert list(schema) == ["/preview", "/openapi.json", "/"]
    references = re.findall(r'"\$ref": "#/components/schemas/(\w+)"', json.dumps(document))
    assert set(references) == set(document["components"]["schemas"])
    operation = document["paths"]["/preview"]["post"]
    assert [name for one in operation.get("security", []) for name in one] == list(
        document["components"].get("securitySchemes", {}),
    )
    assert (("security" in operation), {"401", "503"} <= operation["responses"].keys()) == (needs_token, needs_token)


@pytest.mark.parametrize("path", ["/", "/openapi.json"])
async def test_who_has_a_file_is_not_sent_it_again(path: str) -> None:
    """304 for its ETag among others, also as the weak one that a proxy makes of it, and for * (RFC 9110, 13.1.2)."""
    async with TestClient(TestServer(local_preview_app(ManifestGatherer()))) as client:
        etag = (await client.get(path)).headers["ETag"]
        sent = [etag, f'"other", {etag}', f"W/{etag}", "*", '"other"', etag.strip('"'), ""]
        replies = [await client.get(path, headers={"If-None-Match": tags}) for tags in sent]
        assert [reply.status for reply in replies] == [304, 304, 304, 304, 200, 200, 200]
        assert {reply.headers["ETag"] for reply in replies} == {etag}
