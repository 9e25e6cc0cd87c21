"""The figures of README.md: from the workloads themselves, and by the command, from clones that git has made."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from bench.field.figures import Figures, count, judge_workloads
from bench.field.workloads import Workload, read_list, write_list
from tests.shared_data import ROOT, read_jsonl_gz, shared

_POD: Final[dict[str, Any]] = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}
_OMITS: Final = {**_POD, "spec": {"containers": [{"name": "c", "image": "i"}]}}
_STRICT: Final = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
_PASSES: Final = {**_POD, "spec": {"containers": [{"name": "c", "image": "i", "securityContext": _STRICT}]}}
_VIOLATES: Final = {**_POD, "spec": {"hostNetwork": True, "containers": [{"name": "c", "image": "i"}]}}
_SERVICE: Final = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}}
_IDENTITY: Final = {
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


def test_the_list_is_that_of_the_workloads() -> None:
    """Row by row, and nothing else of them: 760 workloads of 30 repositories."""
    rows = [
        Workload(row["repo"], row["commit"], row["path"], row["index"])
        for row in read_jsonl_gz(shared("corpus/workloads.jsonl.gz"))
    ]
    assert read_list() == rows
    assert (len(rows), len({row.repository for row in rows})) == (760, 30)
    assert all(re.fullmatch(r"[0-9a-f]{40}", row.commit) for row in rows)


def test_the_verdicts_are_those_of_a_real_api_server() -> None:
    """As recorded beside the workloads' pods, one by one: as written, and by omission only."""
    objects = [row["object"] for row in read_jsonl_gz(shared("corpus/workloads.jsonl.gz"))]
    rows = list(read_jsonl_gz(shared("corpus/pods.jsonl.gz")))
    recorded = [(not row["before"]["restricted:latest"], row["restricted_once_defaulted"]) for row in rows]
    assert [tuple(verdict) for verdict in judge_workloads(objects)] == recorded


def test_the_readme_has_these_figures() -> None:
    """Its table is what the command prints."""
    figures = count(row["object"] for row in read_jsonl_gz(shared("corpus/workloads.jsonl.gz")))
    assert figures == Figures("restricted:latest", 760, 56, 510)
    assert figures.table() in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_table() -> None:
    """Counts and rounded shares."""
    assert count([_OMITS, _PASSES, _VIOLATES]).table().splitlines() == [
        "| | pass `restricted:latest` |",
        "|---|---|",
        "| as written | 33 % (1 of 3) |",
        "| with what is missing filled in | 67 % (2 of 3) |",
    ]


# --- the command ------------------------------------------------------------------------------------------------------


def _git(directory: Path, *arguments: str) -> str:
    command = ["git", "-C", str(directory), *arguments]
    environment = {**os.environ, **_IDENTITY}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment, timeout=60).stdout


def commit_files(directory: Path, files: Mapping[str, Sequence[Any]]) -> str:
    """Write files of these documents, where text stands for itself, and commit them; the commit."""
    if not directory.is_dir():
        directory.mkdir(parents=True)
        _git(directory, "init", "-q")
    for name, documents in files.items():
        texts = [document if isinstance(document, str) else json.dumps(document) for document in documents]
        (directory / name).write_text("\n---\n".join(texts), encoding="utf-8")
    _git(directory, "add", "-A")
    _git(directory, "commit", "-q", "-m", "c")
    return _git(directory, "rev-parse", "HEAD").strip()


def _run(directory: Path, workloads: Sequence[Workload], **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command on clones in `directory`."""
    file = directory / "list.csv"
    write_list(workloads, file)
    command = [sys.executable, "-m", "bench.field", "--clones", str(directory / "clones"), "--list", str(file)]
    environment = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment, timeout=120)


def test_what_is_missing_is_fetched_by_what_the_command_prints(tmp_path: Path) -> None:
    """From no clone to the table: the commits of the list count, not those that came later."""
    origins = tmp_path / "origins"
    one = commit_files(origins / "a" / "one", {"x.yaml": [_SERVICE, _OMITS], "y y.yaml": [_VIOLATES]})
    commit_files(origins / "a" / "one", {"x.yaml": [_SERVICE, _VIOLATES]})
    items = {"apiVersion": "v1", "kind": "List", "items": [_PASSES, _SERVICE, _OMITS]}
    two = commit_files(origins / "b" / "two", {"z.yml": [items]})
    workloads = [
        Workload("a/one", one, "x.yaml", 1),
        Workload("a/one", one, "y y.yaml", 0),
        Workload("b/two", two, "z.yml", 0),
        Workload("b/two", two, "z.yml", 0),
    ]
    missing = _run(tmp_path, workloads)
    assert missing.returncode == 1
    first, second = missing.stdout.splitlines()
    assert f" https://github.com/a/one {one}" in first
    assert f" https://github.com/b/two {two}" in second
    instead = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.file://{origins}/.insteadOf"}
    environment = {**os.environ, **_IDENTITY, **instead, "GIT_CONFIG_VALUE_0": "https://github.com/"}
    subprocess.run(["sh", "-e"], input=missing.stdout, text=True, check=True, env=environment, timeout=60)
    done = _run(tmp_path, workloads)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "| | pass `restricted:latest` |",
        "|---|---|",
        "| as written | 25 % (1 of 4) |",
        "| with what is missing filled in | 75 % (3 of 4) |",
    ]


@pytest.mark.parametrize("index", [2, 3])
def test_documents_without_content(tmp_path: Path, index: int) -> None:
    """They count, as YAML counts; where that leads to no workload, they do not."""
    documents = [_SERVICE, "# nothing", _SERVICE, _OMITS]
    commit = commit_files(tmp_path / "clones" / "a" / "one", {"x.yaml": documents})
    done = _run(tmp_path, [Workload("a/one", commit, "x.yaml", index)])
    assert "| with what is missing filled in | 100 % (1 of 1) |" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("path", "index", "problem"),
    [
        ("absent.yaml", 0, "no such file"),
        ("x.yaml", 0, "0 workloads in document 0, not 1"),
        ("x.yaml", 7, "document 7"),
    ],
)
def test_a_list_that_does_not_fit(tmp_path: Path, path: str, index: int, problem: str) -> None:
    """No table is printed, and the error says which row is wrong."""
    commit = commit_files(tmp_path / "clones" / "a" / "one", {"x.yaml": [_SERVICE, _OMITS]})
    done = _run(tmp_path, [Workload("a/one", commit, path, index)])
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: a/one {commit[:12]} {path}: ")
    assert problem in done.stderr
