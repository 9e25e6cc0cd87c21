"""The hooks for pre-commit and the action for pipelines, run from an install of their own as users run them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.installing import locks
from tests.installing.sources import copy_sources
from tests.shared_data import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.install]

_POD: Final = """\
apiVersion: v1
kind: Pod
metadata:
  name: web
spec:
  containers:
    - name: web
      image: registry.example/web:1
"""
_SECONDS: Final = 600


def _run(command: list[str], directory: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    done = subprocess.run(
        command,
        cwd=directory,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    return done.returncode, done.stdout


def _repository(directory: Path) -> None:
    """Make a Git repository of what lies there."""
    me = ["-c", "user.name=me", "-c", "user.email=me@example.org"]
    for words in (["init", "--quiet"], ["add", "."], [*me, "commit", "--quiet", "--message", "first"]):
        status, said = _run(["git", *words], directory, {})
        assert status == 0, said


def test_pre_commit_runs_the_hooks(tmp_path: Path) -> None:
    """Check fails and changes nothing; fix changes the file, which fails a commit; then both pass."""
    hooks, mine = copy_sources(tmp_path / "hooks"), tmp_path / "mine"
    shutil.copy(ROOT / ".pre-commit-hooks.yaml", hooks)
    _repository(hooks)
    mine.mkdir()
    file = mine / "pod.yaml"
    file.write_text(_POD)
    status, revision = _run(["git", "rev-parse", "HEAD"], hooks, {})
    assert status == 0
    ids = [{"id": f"pod-security-defaulter-{name}"} for name in ("check", "fix")]
    configuration = {"repos": [{"repo": str(hooks), "rev": revision.strip(), "hooks": ids}]}
    (mine / ".pre-commit-config.yaml").write_text(yaml.safe_dump(configuration), encoding="utf-8")
    _repository(mine)
    names = ("requirements.lock", "requirements-build.lock")
    pins = {package: pin.version for name in names for package, pin in locks.parse(locks.read(name)).items()}
    text = "\n".join(f"{package}=={version}" for package, version in pins.items())
    (tmp_path / "constraints.txt").write_text(text, encoding="utf-8")  # pre-commit has pip resolve, and build
    environment = {
        "PRE_COMMIT_HOME": str(tmp_path / "home"),
        "PIP_CONSTRAINT": str(tmp_path / "constraints.txt"),
        "PIP_BUILD_CONSTRAINT": str(tmp_path / "constraints.txt"),
    }

    def run(hook: str) -> int:
        words = [sys.executable, "-m", "pre_commit", "run", f"pod-security-defaulter-{hook}", "--files", "pod.yaml"]
        status, said = _run(words, mine, environment)
        assert "Traceback" not in said, said
        assert ("Failed" in said) == (status != 0), said
        return status

    assert run("check") == 1
    assert file.read_text() == _POD
    assert run("fix") == 1
    assert "runAsNonRoot: true" in file.read_text()
    assert (run("fix"), run("check")) == (0, 0)


def test_the_action_installs_and_runs(tmp_path: Path) -> None:
    """Its steps one after the other, with the environment that a runner gives them."""
    source = copy_sources(tmp_path / "action")
    file = tmp_path / "pod.yaml"
    file.write_text(_POD)
    install, run = yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]
    tools = {"TOOLS": str(tmp_path / "tools")}
    status, said = _run(["bash", "-e", "-c", install["run"]], tmp_path, {**tools, "SOURCE": str(source)})
    assert status == 0, said
    for fix, expected in (("false", 1), ("true", 0), ("false", 0)):
        inputs = {**tools, "PATHS": "pod.yaml", "ARGUMENTS": "", "FIX": fix}
        status, said = _run(["bash", "-e", "-c", run["run"]], tmp_path, inputs)
        assert status == expected, said
    assert "runAsNonRoot: true" in file.read_text()
