"""The same cases through the library, the command line and HTTP: all of them give the same patch.

There are two readings of a document. `/mutate` takes it as an API server sends it, where what is unset has been filled
in; previews take it as its author wrote it, and as new. Where the two lead to different patches is said below.
"""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp.test_utils import TestClient, TestServer

from patches.evaluation import APPLIED_ANNOTATION, Evaluation
from patches.model.decisions import Withheld
from patches.model.pod import Origin
from patches.standards.levels import NEWEST_MINOR
from tests.defaults.cases import Case, load_cases
from tests.review.builders import configured, gatherer_of, reviewer_of
from tests.server.serving import local_preview_app
from webhook.cli import main
from webhook.gatherers.manifests import ManifestGatherer
from webhook.images.facts import API_VERSION, KIND
from webhook.review.codec import decode_review
from webhook.review.reviewer import Reviewer
from webhook.server.app import create_app
from webhook.server.readiness import Readiness

_CASES: Final = tuple(case for case in load_cases() if not case.all_bindings)  # files never have all of them
_ANNOTATION: Final = "/metadata/annotations/" + APPLIED_ANNOTATION.replace("/", "~1")


def _name(case: Case) -> str:
    return f"{case.id}/{case.name}"


def _admitted(case: Case) -> Evaluation:
    """What the library makes of the case's document as an API server sends it."""
    return replace(case, origin=Origin.ADMISSION).run()


def _written(case: Case) -> Evaluation:
    """What the library makes of the case's document as its author wrote it, for something new."""
    return replace(case, origin=Origin.MANIFEST, old=None).run()


def _gatherer(case: Case) -> ManifestGatherer:
    gatherer = gatherer_of(case.objects, server_minor=case.server_minor)
    gatherer.use_images(case.known_images())
    return gatherer


def _reviewer(case: Case) -> Reviewer:
    return reviewer_of(_gatherer(case), configured(**case.configuration))


async def _preview(case: Case) -> dict[str, Any]:
    """What `POST /preview` answers for the case's document."""
    app = local_preview_app(_gatherer(case), configured(**case.configuration))
    async with TestClient(TestServer(app)) as client:
        reply = await client.post("/preview", json=case.document)
        (result,) = (await reply.json())["results"]
    found: dict[str, Any] = result
    return found


def _unannotated(evaluation: Evaluation) -> list[Any]:
    """The operations without the note on the pod, which only admission writes."""
    kept = [operation for operation in evaluation.operations if operation["path"] != _ANNOTATION]
    return [operation for operation in kept if operation["path"] != "/metadata/annotations"]


@pytest.mark.parametrize("case", _CASES, ids=_name)
async def test_mutate_agrees_with_the_library(case: Case) -> None:
    """`POST /mutate` sends the library's patch, or none where it is withheld."""
    group, _, version = case.document["apiVersion"].rpartition("/")
    review = {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "1",
            "kind": {"group": group, "version": version, "kind": case.document["kind"]},
            "namespace": case.namespace,
            "operation": "CREATE" if case.old is None else "UPDATE",
            "subResource": "ephemeralcontainers" if case.old is not None and case.document["kind"] == "Pod" else "",
            "object": case.document,
            "oldObject": case.old,
        },
    }
    app = create_app(_reviewer(case), Readiness())
    async with TestClient(TestServer(app)) as client:
        reply = await client.post("/mutate", json=review)
        response = (await reply.json())["response"]
    assert response["allowed"]
    sent = json.loads(base64.b64decode(response["patch"])) if "patch" in response else []
    expected = _admitted(case)
    assert sent == ([] if expected.withheld else [*expected.operations])


@pytest.mark.parametrize("case", _CASES, ids=_name)
async def test_post_preview_agrees_with_the_library(case: Case) -> None:
    """`POST /preview` answers with the library's patch, and with what it leads to."""
    result = await _preview(case)
    expected = _written(case)
    assert (result["patch"], result["patched"]) == ([*expected.operations], expected.patched)


# The command knows the newest version only: there is no API server of an older one.
@pytest.mark.parametrize("case", [case for case in _CASES if case.server_minor == NEWEST_MINOR], ids=_name)
def test_the_command_agrees_with_the_library(case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`preview -o json` prints the library's patch, and exits by what it leaves."""
    objects = {"apiVersion": "v1", "kind": "List", "items": list(case.objects)}
    images = {"apiVersion": API_VERSION, "kind": KIND, "images": case.images}
    files = {"document": case.document, "configuration": case.configuration, "objects": objects, "images": images}
    for name, value in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(value))
    arguments = ["preview", "-f", str(tmp_path / "document.json"), "--config", str(tmp_path / "configuration.json")]
    arguments += ["--objects", str(tmp_path / "objects.json"), "--images", str(tmp_path / "images.json")]
    status = main([*arguments, "-o", "json"])
    report = json.loads(capsys.readouterr().out)
    (result,) = report["results"]
    expected = _written(case)
    assert (result["patch"], result["patched"]) == ([*expected.operations], expected.patched)
    assert status == (0 if report["summary"]["compliant_after"] == 1 else 1)


_PULL_POLICY: Final = {"author", "enforced", "image-volume", "image-volume-enforced", "placeholder-and-exception"}
"""Cases of imagePullPolicy: an author's own stays, but an admitted one may be the API server's, and is replaced."""
_PLATFORM: Final = {"image-platform-assigns-users", "image-platform-left-the-user"}
"""Cases of runAsNonRoot: a platform will give what is written a user, and has given an admitted one its own."""


def test_both_readings_lead_to_the_same_patch() -> None:
    """But for pull policies, a platform's users, and the note on the pod, of whatever is new."""
    new = [case for case in _CASES if case.old is None]
    different = {_name(case) for case in new if _unannotated(_admitted(case)) != _unannotated(_written(case))}
    assert different == {f"imagePullPolicy/{name}" for name in _PULL_POLICY} | {
        f"runAsNonRoot/{name}" for name in _PLATFORM
    }


def test_updates_are_not_read_as_new() -> None:
    """Admission patches an update of a pod in its new ephemeral containers only; to a preview the whole pod is new."""
    updates = [case for case in _CASES if case.old is not None and case.document["kind"] == "Pod"]
    admitted = {operation["path"] for case in updates for operation in _admitted(case).operations}
    written = {operation["path"] for case in updates for operation in _written(case).operations}
    assert {path.split("/")[2] for path in admitted} == {"ephemeralContainers"}
    assert {"containers", "ephemeralContainers", "securityContext"} <= {path.split("/")[2] for path in written}


def test_only_templates_are_withheld_by_admission_alone() -> None:
    """A preview shows for a template what its pods will get; admission leaves it to them, unless told otherwise."""
    alone = [case for case in _CASES if case.old is None and _admitted(case).withheld != _written(case).withheld]
    assert {_admitted(case).withheld for case in alone} == {Withheld.TEMPLATE, Withheld.OWNED_TEMPLATE}
    assert {_written(case).withheld for case in alone} == {None}
    assert "Pod" not in {case.document["kind"] for case in alone}


@pytest.mark.parametrize("exempt", ["namespaces", "runtimeClasses"])
async def test_what_is_exempt_is_left_alone_at_every_door(
    exempt: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither patched nor judged by /mutate; so a preview adds nothing, says that it is allowed, and why."""
    names = {"namespaces": ["shop"], "runtimeClasses": ["gvisor"]}
    configuration = {"exemptions": {exempt: names[exempt]}, "defaults": {"enforce": "restricted"}}
    spec = {"runtimeClassName": "gvisor", "hostNetwork": True, "containers": [{"name": "c", "image": "i"}]}
    document = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "shop"}, "spec": spec}
    case = replace(_CASES[0], configuration=configuration, objects=(), document=document, server_minor=NEWEST_MINOR)
    asked = {"uid": "1", "kind": {"group": "", "version": "v1", "kind": "Pod"}, "operation": "CREATE"}
    body = json.dumps(
        {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}
        | {"request": {**asked, "namespace": "shop", "object": document}}
    )
    response = await _reviewer(case).mutate(decode_review(body.encode()))
    assert (response.allowed, response.patch) == (True, None)
    assert response.audit_annotations.keys() == {"exempt"}
    result = await _preview(case)
    assert (result["patch"], result["patched"], result["allowed"]) == ([], document, True)
    assert any("exempts it" in warning for warning in result["warnings"])
    assert result["violations"]["before"] == result["violations"]["after"] != []
    for name, value in (("document", document), ("configuration", configuration)):
        (tmp_path / f"{name}.json").write_text(json.dumps(value))
    files = ["-f", str(tmp_path / "document.json"), "--config", str(tmp_path / "configuration.json")]
    assert main(["preview", *files, "-o", "json"]) == 1
    (printed,) = json.loads(capsys.readouterr().out)["results"]
    assert printed == result
