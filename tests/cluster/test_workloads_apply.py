"""Real workloads, previewed and applied: what a real API server takes as written, it takes as `preview` prints it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from tests.cluster.control_plane import ControlPlane
from tests.cluster.kubectl import Kubectl
from tests.cluster.telling import tell
from tests.defaults.test_everything_on import EVERYTHING
from tests.served import run_command
from tests.shared_data import read_jsonl_gz, shared
from webhook.documents.reader import Document, read_documents
from webhook.documents.writer import to_yaml_all

pytestmark = pytest.mark.cluster

_SPACE: Final = "workloads-apply"
_BATCH: Final = 190
"""Workloads in a run of kubectl."""
_APPLIED: Final = re.compile(r"^\S+/(w-\d+)$")
_LEAST: Final = 0.85
"""Of the workloads: so many must be valid as written, and be patched, or little would be shown."""
_EVERYTHING: Final = {name: of for name, of in EVERYTHING.items() if name != "runtimeClassName"}
"""Every default on, but for the one that needs a RuntimeClass in the cluster, which others have too."""


def _workloads() -> list[Any]:
    """The workloads in one namespace, each under a name that says which one it is."""
    found = [record["object"] for record in read_jsonl_gz(shared("corpus/workloads.jsonl.gz"))]
    for index, value in enumerate(found):
        kept = {key: part for key, part in value["metadata"].items() if key not in ("generateName", "namespace")}
        value["metadata"] = {**kept, "name": f"w-{index}", "namespace": _SPACE}
    return found


def _accounts(workloads: Sequence[Any]) -> set[str]:
    """The accounts that must be there for a Pod to be admitted; of a controller nobody asks."""
    specs = [value["spec"] for value in workloads if value["kind"] == "Pod"]
    return {spec.get("serviceAccountName") or spec.get("serviceAccount") or "default" for spec in specs}


def _accepted(kubectl: Kubectl, workloads: Sequence[Any]) -> tuple[set[str], str]:
    """The names of those that the API server takes, after all of its own defaults and checks; and what kubectl says."""
    arguments = ("apply", "--server-side", "--dry-run=server", "-o", "name", "-f", "-")
    names: set[str] = set()
    said = ""
    for start in range(0, len(workloads), _BATCH):
        done = kubectl.run(*arguments, stdin=to_yaml_all(workloads[start : start + _BATCH]), check=False)
        names.update(match[1] for line in done.stdout.splitlines() if (match := _APPLIED.match(line)))
        said += done.stderr
    return names, said


@pytest.fixture(scope="module")
def written(plane: ControlPlane, kubectl: Kubectl) -> tuple[list[Any], set[str]]:
    """The workloads as written, and the names of those that are valid."""
    workloads = _workloads()
    plane.namespace(_SPACE)
    for account in _accounts(workloads) - {"default"}:
        plane.account(_SPACE, account)
    valid, said = _accepted(kubectl, workloads)
    assert len(valid) >= len(workloads) * _LEAST, said
    return workloads, valid


def _previewed(directory: Path, workloads: Sequence[Any], settings: dict[str, Any]) -> list[Any]:
    """What the command prints as YAML for restricted, in the order of the workloads."""
    manifests, configuration = directory / "workloads.yaml", directory / "configuration.json"
    manifests.write_text(to_yaml_all(workloads), encoding="utf-8")
    configuration.write_text(json.dumps({"settings": settings}), encoding="utf-8")
    chosen = ("--config", configuration, "--profile", "restricted:latest")
    done = run_command("preview", "-f", manifests, *chosen, "-o", "yaml")
    assert done.returncode == 1, done.stderr  # some stay in violation, none is unreadable
    documents = read_documents(done.stdout.encode(), "preview")
    return [document.value for document in documents if isinstance(document, Document)]


@pytest.mark.parametrize("settings", [{}, _EVERYTHING], ids=["as-it-comes", "everything-on"])
def test_what_was_valid_stays_valid(
    kubectl: Kubectl, written: tuple[list[Any], set[str]], settings: dict[str, Any], tmp_path: Path
) -> None:
    """Every object that `kubectl apply --server-side` takes as written, it takes as `preview` prints it."""
    workloads, valid = written
    patched = _previewed(tmp_path, workloads, settings)
    assert [value["metadata"]["name"] for value in patched] == [value["metadata"]["name"] for value in workloads]
    changed = sum(before != after for before, after in zip(workloads, patched, strict=True))
    still, said = _accepted(kubectl, patched)
    tell(f"{len(workloads)} workloads, {changed} patched; valid: {len(valid)} as written, {len(still)} as patched")
    assert sorted(valid - still) == [], said
    assert changed >= len(workloads) * _LEAST
