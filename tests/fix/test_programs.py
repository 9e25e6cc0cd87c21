"""`krm` as kustomize, kpt and Helm run it, by the examples of manifests/examples."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.cluster import binaries
from tests.shared_data import ROOT
from webhook.cli import main
from webhook.documents.writer import to_yaml

_EXAMPLES: Final = ROOT / "manifests" / "examples"
_SECONDS: Final = 60


def _run(command: Sequence[str], directory: Path, text: str = "") -> list[Any]:
    """Run a program that finds ours on the PATH; the documents that it prints."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    done = subprocess.run(
        command,
        cwd=directory,
        input=text,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def _previewed(text: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> list[Any]:
    path = folder / "plain.yaml"
    path.write_text(text)
    main(["preview", "-f", str(path), "--offline", "-o", "json"])
    return [result["patched"] for result in json.loads(capsys.readouterr().out)["results"]]


def _commands(path: Path) -> list[str]:
    """The command in the first line of an example."""
    return shlex.split(path.read_text().splitlines()[0].removeprefix("# "))


def test_kustomize(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The transformer of the example adds what preview shows."""
    folder = _EXAMPLES / "kustomize"
    _, *arguments = _commands(folder / "kustomization.yaml")
    found = _run([str(binaries.find("kustomize") / "kustomize"), *arguments], folder)
    assert found == _previewed((folder / "deployment.yaml").read_text(), tmp_path, capsys)
    assert found != [yaml.safe_load((folder / "deployment.yaml").read_text())]


def test_helm(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What Helm renders goes through the post-renderer of the example."""
    helm, folder = str(binaries.find("helm") / "helm"), _EXAMPLES / "helm"
    _, _, *arguments = _commands(folder / "Chart.yaml")  # `template` in place of `install`, which takes a cluster
    plain = _run([helm, "template", *arguments[:2]], folder)
    found = _run([helm, "template", *arguments], folder)
    assert found == _previewed(to_yaml(plain[0]), tmp_path, capsys)
    assert found != plain


def test_kpt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By kpt's contract: the resources of the package, each with its file, and the configuration that Kptfile names."""
    folder = _EXAMPLES / "kpt"
    (step,) = yaml.safe_load((folder / "Kptfile").read_text())["pipeline"]["mutators"]
    deployment = yaml.safe_load((folder / "deployment.yaml").read_text())
    deployment["metadata"]["annotations"] = {"internal.config.kubernetes.io/path": "deployment.yaml"}
    given = {
        "apiVersion": "config.kubernetes.io/v1",
        "kind": "ResourceList",
        "items": [deployment],
        "functionConfig": yaml.safe_load((folder / step["configPath"]).read_text()),
    }
    (answer,) = _run(shlex.split(step["exec"]), folder, to_yaml(given))
    assert answer["items"] == _previewed(to_yaml(deployment), tmp_path, capsys)
    assert {row["file"]["path"] for row in answer["results"]} == {"deployment.yaml"}


def test_the_hooks_and_the_action_name_what_there_is(tmp_path: Path) -> None:
    """Every command in them is one of ours, and the script of the action does what its inputs say."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    pod = _EXAMPLES / "kustomize" / "deployment.yaml"
    for hook in hooks:
        path = tmp_path / f"{hook['id']}.yaml"
        path.write_text(pod.read_text())
        _, *arguments = shlex.split(hook["entry"])
        assert main([*arguments, str(path)]) == int("check" in hook["id"])
        assert (path.read_text() == pod.read_text()) == ("check" in hook["id"])
    step = yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"][1]
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "bin").symlink_to(Path(sys.executable).parent)
    for fix, status in (("false", 1), ("true", 0), ("false", 0)):
        inputs = {"TOOLS": str(tools), "PATHS": str(tmp_path), "ARGUMENTS": "--profile restricted:v1.30", "FIX": fix}
        assert inputs.keys() == step["env"].keys()
        done = subprocess.run(["bash", "-e", "-c", step["run"]], env={**os.environ, **inputs}, check=False)
        assert done.returncode == status
