"""The command `fix`: what it writes, says and returns."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from tests.shared_data import ROOT
from webhook.cli import main

_POD: Final = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: c\n    image: nginx\n"
_HOST: Final = _POD.replace("spec:\n", "spec:\n  hostPID: true\n")
_FLOW: Final = _POD.replace("    image", "    securityContext: {}\n    image")


def _write(directory: Path, text: str, name: str = "pod.yaml") -> Path:
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_fixed_manifest_complies(tmp_path: Path) -> None:
    """After `fix` the file passes `check` as it is written, and a second `fix` has nothing to do."""
    path = _write(tmp_path, _POD)
    assert main(["check", "-f", str(path)]) == 1
    assert main(["fix", str(tmp_path)]) == 0
    assert main(["check", "-f", str(path)]) == 0
    assert main(["fix", "--check", str(path)]) == 0


@pytest.mark.parametrize(
    ("text", "status"), [(_POD, 0), (_HOST, 1), (_FLOW, 1), ("spec: [", 2), ("kind: ConfigMap\n", 0)]
)
def test_exit_status(text: str, status: int, tmp_path: Path) -> None:
    """0 where all comply now, 1 where violations or edits by hand remain, 2 where input cannot be read."""
    assert main(["fix", str(_write(tmp_path, text))]) == status


def test_check_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--check` only says which files would change."""
    path = _write(tmp_path, _POD)
    assert main(["fix", "--check", str(path)]) == 1
    assert path.read_text() == _POD
    assert capsys.readouterr().err == f"{path}: would change\n1 of 1 file would change\n"


@pytest.mark.parametrize("text", [_POD, _POD.rstrip("\n"), _POD.replace("\n", "\r\n")], ids=["LF", "no end", "CRLF"])
def test_diff_can_be_applied(text: str, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """What `--diff` prints, git applies: the file is then as `fix` writes it."""
    file, other = tmp_path / "pod.yaml", tmp_path / "other.yaml"
    for path in (file, other):
        path.write_bytes(text.encode())
    relative = os.path.relpath(file)
    assert main(["fix", "--diff", relative]) == 0
    diff = capsysbinary.readouterr().out
    assert file.read_bytes() == text.encode()
    patch = diff.replace(relative.encode(), b"pod.yaml")
    subprocess.run(["git", "apply", "--whitespace=nowarn", "-"], cwd=tmp_path, input=patch, check=True)
    main(["fix", str(other)])
    assert file.read_bytes() == other.read_bytes() != text.encode()


def test_only_some_defaults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--defaults` leaves out all others, and knows its ids."""
    path = _write(tmp_path, _POD)
    assert main(["fix", "--defaults", "seccompProfile", str(path)]) == 1
    assert path.read_text() == _POD.replace(
        "spec:\n", "spec:\n  securityContext:\n    seccompProfile:\n      type: RuntimeDefault\n"
    )
    with pytest.raises(SystemExit, match="2"):
        main(["fix", "--defaults", "seccomp", str(path)])
    assert "no default is called seccomp; there are runAsNonRoot" in capsys.readouterr().err


def test_profile_and_configuration_decide(tmp_path: Path) -> None:
    """What is written is what preview shows for the same profile and configuration."""
    config = _write(tmp_path, '{"settings": {"resources": {"enabled": false}}}', "config/config.yaml")
    path = _write(tmp_path, _POD)
    assert main(["fix", "--profile", "baseline:v1.30", "--config", str(config), str(path)]) == 0
    assert "resources" not in path.read_text()
    assert "runAsNonRoot" not in path.read_text()


def test_values_of_a_limit_range_are_not_written(tmp_path: Path) -> None:
    """A LimitRange of the namespace gives its values at admission: they are no part of the manifest."""
    objects = _write(
        tmp_path,
        "apiVersion: v1\nkind: LimitRange\nmetadata: {name: l, namespace: default}\nspec: {limits: [{type: Container, "
        "default: {cpu: '3', memory: 3Gi}, defaultRequest: {cpu: '2', memory: 2Gi}}]}\n",
        "objects/limits.yaml",
    )
    path = _write(tmp_path, _POD)
    assert main(["fix", "--objects", str(objects), str(path)]) == 0
    assert "Gi" not in path.read_text()
    assert "resources" not in path.read_text()


def test_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """File, line, field, reason and edit are named; the rest of the file is fixed."""
    path = _write(tmp_path, _FLOW)
    assert main(["fix", str(path)]) == 1
    field = "spec.containers[0].securityContext"
    assert (
        f"{path}:8: {field}: it is in flow style: by hand, add allowPrivilegeEscalation: false, "
        f"capabilities: {{drop: [ALL]}} to {field}\n"
    ) in capsys.readouterr().err
    assert "runAsNonRoot: true" in path.read_text()


@pytest.mark.parametrize(
    ("name", "source", "reason"),
    [
        ("templates/p.yaml", {"Chart.yaml": "name: c\n"}, "it belongs to a Helm chart"),
        ("p.yaml", {"kustomization.yaml": "patches: [{path: p.yaml}]\n"}, "it is a patch in kustomization.yaml"),
        ("p.yaml", {"Kustomization": "patchesStrategicMerge: [p.yaml]\n"}, "it is a patch in Kustomization"),
    ],
    ids=["helm", "patch", "strategic merge"],
)
def test_sources_of_manifests_are_left(
    name: str, source: dict[str, str], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A template or patch stays as it is, and is named."""
    for other, text in source.items():
        _write(tmp_path, text, other)
    path = _write(tmp_path, _POD, name)
    assert main(["fix", str(path)]) == 1
    assert path.read_text() == _POD
    assert f"{path}:1: {reason}" in capsys.readouterr().err


def test_a_resource_of_a_kustomization_is_fixed(tmp_path: Path) -> None:
    """Only its patches are no manifests."""
    _write(tmp_path, "resources: [pod.yaml]\npatches: [{patch: 'x'}]\n", "kustomization.yaml")
    assert main(["fix", str(_write(tmp_path, _POD))]) == 0


def test_a_review_is_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is in an AdmissionReview is no manifest."""
    review = {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "operation": "CREATE",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "object": {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "p"},
                "spec": {"containers": [{"name": "c", "image": "i"}]},
            },
        },
    }
    text = json.dumps(review)
    path = _write(tmp_path, text)
    assert main(["fix", str(path)]) == 1
    assert path.read_text() == text
    assert "it is an AdmissionReview" in capsys.readouterr().err


def test_mode_and_links_stay(tmp_path: Path) -> None:
    """The file keeps its mode and owner, a link to it stays a link, and nothing else is left in the folder."""
    path = _write(tmp_path, _POD)
    path.chmod(0o640)
    owner = 1234 if os.geteuid() == 0 else os.geteuid()
    os.chown(path, owner, -1)
    link = tmp_path / "link.yaml"
    link.symlink_to("pod.yaml")
    assert main(["fix", str(link)]) == 0
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.stat().st_uid == owner
    assert path.read_text() != _POD
    assert sorted(file.name for file in tmp_path.iterdir()) == ["link.yaml", "pod.yaml"]


def test_standard_input_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """There is no file to write."""
    assert main(["fix", "-"]) == 2
    assert "krm" in capsys.readouterr().err


_KILLS: Final = 100
_FILES: Final = 10
_LONG: Final = "# so that it takes a while to write this\n" * 6_000


def _start(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "webhook", "fix", str(folder)], stderr=subprocess.DEVNULL, cwd=ROOT)


@pytest.mark.slow
def test_killed_at_any_moment_each_file_is_old_or_new(tmp_path: Path) -> None:
    """100 kills of the command, between its start and its end: no file is ever between, though some runs are."""
    seed = int(os.environ.get("PSD_SEED") or random.SystemRandom().randrange(2**32))
    chance = random.Random(seed)  # noqa: S311 (test data)
    old = (_POD + "---\n" + _HOST + _LONG).encode()
    files = [_write(tmp_path, old.decode(), f"{index:03}.yaml") for index in range(_FILES)]
    began = time.monotonic()
    with _start(tmp_path) as process:
        assert process.wait() == 1
    seconds = time.monotonic() - began
    (new,) = {file.read_bytes() for file in files}
    between = 0
    for _ in range(_KILLS):
        for file in files:
            file.write_bytes(old)
        with _start(tmp_path) as process:
            time.sleep(chance.random() * seconds)
            process.kill()
        contents = {file.read_bytes() for file in files}
        assert contents <= {old, new}, f"seed {seed}"
        between += contents == {old, new}
        for rest in tmp_path.glob(".*.tmp"):
            rest.unlink()
    assert between
