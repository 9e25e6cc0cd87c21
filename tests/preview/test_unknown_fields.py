"""Fields that the API server drops are warnings in files: through the command line, HTTP and the library alike."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from aiohttp.test_utils import TestClient, TestServer

from patches.model.pod import Origin, locate
from tests.server.serving import local_preview_app
from tests.shared_data import ROOT
from webhook.cli import main
from webhook.gatherers.manifests import ManifestGatherer
from webhook.preview.unknown_fields import unknown_field_warnings

_CASES: Final = sorted((ROOT / "tests" / "cases" / "unknown-fields").glob("*.yaml"))
"""Of each case `in` is the document and `warnings` all that is said of unknown fields, in its order."""

_POD: Final = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}


def _case(path: Path) -> tuple[Any, list[str]]:
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    return case["in"], case["warnings"]


def _about_fields(warnings: list[str]) -> list[str]:
    return [text for text in warnings if "unknown field" in text]


@pytest.mark.parametrize("path", _CASES, ids=lambda path: path.stem)
async def test_post_preview_warns(path: Path) -> None:
    """`POST /preview` has them in `warnings`."""
    document, expected = _case(path)
    async with TestClient(TestServer(local_preview_app(ManifestGatherer()))) as client:
        reply = await client.post("/preview", data=BytesIO(json.dumps(document).encode()))
        (result,) = (await reply.json())["results"]
    assert _about_fields(result["warnings"]) == expected


@pytest.mark.parametrize("path", _CASES, ids=lambda path: path.stem)
@pytest.mark.parametrize("command", ["preview", "check"])
def test_the_commands_warn(command: str, path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`preview` and `check` print them, as JSON and in the table, before other warnings."""
    document, expected = _case(path)
    file = tmp_path / "document.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    main([command, "-f", str(file), "-o", "json"])
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert _about_fields(result["warnings"]) == result["warnings"][: len(expected)] == expected
    main([command, "-f", str(file)])
    assert [line for line in capsys.readouterr().out.splitlines() if "unknown field" in line] == [
        f"  warning: {text}" for text in expected
    ]


def test_what_the_api_server_drops_counts_as_unset(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The misspelt runAsNonroot is neither kept nor a conflict: runAsNonRoot is added beside it."""
    document, _ = _case(_CASES[[path.stem for path in _CASES].index("misplaced")])
    file = tmp_path / "document.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    main(["preview", "-f", str(file), "-o", "json"])
    (result,) = json.loads(capsys.readouterr().out)["results"]
    states = {row["path"].rpartition("/template/spec")[2]: row["state"] for row in result["defaults"]}
    assert states["/securityContext/runAsNonRoot"] == "applied"
    assert states["/containers/0/securityContext/capabilities/drop"] == "applied"
    assert {"runAsNonRoot", "runAsNonroot"} <= result["patched"]["spec"]["template"]["spec"]["securityContext"].keys()


def test_an_exempt_object_is_warned_of_too(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """What the configuration exempts from defaults and judgement is not exempt from the API server's decoding."""
    document, configuration = tmp_path / "document.json", tmp_path / "configuration.json"
    document.write_text(json.dumps({**_POD, "spec": {"x": 1, "containers": [{"name": "c", "image": "i"}]}}))
    configuration.write_text(json.dumps({"exemptions": {"namespaces": ["default"]}}))
    main(["preview", "-f", str(document), "--config", str(configuration), "-o", "json"])
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert result["warnings"][0] == 'unknown field "spec.x"'
    assert "exempts" in result["warnings"][1]


def test_what_came_through_an_api_server_is_not_looked_at() -> None:
    """It has dropped them already."""
    document = {**_POD, "spec": {"x": 1}}
    warned = {}
    for origin in Origin:
        pod = locate(document, origin)
        assert pod is not None
        warned[origin] = unknown_field_warnings(pod)
    assert warned == {Origin.ADMISSION: [], Origin.MANIFEST: ['unknown field "spec.x"']}


def test_one_field_more() -> None:
    """One more than are shown is one field, not fields."""
    pod = locate({**_POD, "spec": {f"x{number}": 1 for number in range(21)}}, Origin.MANIFEST)
    assert pod is not None
    assert unknown_field_warnings(pod)[-1] == "… and 1 more unknown field"


def test_the_right_place_can_be_the_object_itself() -> None:
    """A Pod's own fields have no field above them."""
    pod = locate({**_POD, "spec": {"metadata": {}}}, Origin.MANIFEST)
    assert pod is not None
    assert unknown_field_warnings(pod) == ['unknown field "spec.metadata"; it belongs to the object itself']
