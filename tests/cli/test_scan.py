"""`scan` on the command line: outputs, exit status, and what contradicts itself."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from webhook.cli import main
from webhook.cli.scan import _progress
from webhook.scan.progress import Progress


def _write(directory: Path, **specs: Any) -> str:
    """A pod in a namespace of the same name, for each."""
    for name, spec in specs.items():
        container = {"name": "app", "image": "i", **spec.pop("container", {})}
        metadata = {"name": name, "namespace": name}
        value = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container], **spec}}
        (directory / f"{name}.json").write_text(json.dumps(value), encoding="utf-8")
    return str(directory)


@pytest.fixture
def mixed(tmp_path: Path) -> str:
    """A namespace with defaults, one that needs edits, and one that cannot."""
    careless = {"container": {"securityContext": {"privileged": True}}}
    return _write(tmp_path, plain={}, careless=careless, agent={"hostNetwork": True})


def test_the_table_says_what_to_do(mixed: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is ready has a line in the summary alone."""
    assert main(["scan", "-f", mixed]) == 1
    out = capsys.readouterr().out
    assert "remove spec.containers[0].securityContext.privileged  (line 1)" in out
    assert "fits privileged: host namespaces (hostNetwork=true)" in out
    assert "Pod/plain" not in out
    assert "3 namespaces, 3 workloads: 1 namespace ready for restricted:latest" in out
    assert "\x1b" not in out


def test_colours_and_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What will not start is said even of what passes."""
    security = {"runAsUser": 0, "runAsNonRoot": True}
    path = _write(tmp_path, root={"container": {"securityContext": security}})
    assert main(["scan", "-f", path, "--profile", "baseline", "--color", "always"]) == 0
    out = capsys.readouterr().out
    assert "\x1b[32mcompliant" in out
    assert "container app (image i) will-not-start, because: container's runAsUser breaks non-root policy" in out
    assert "1 will-not-start" in out


def test_what_was_suspected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the workload that would get the default, in the namespace where it failed, even if it passes."""
    (tmp_path / "pods").mkdir()
    path = _write(tmp_path / "pods", shop={}, bank={})
    images = {"i": {"suspected": {"shop": ["seccompProfile"], "other": ["capabilities"]}}}
    facts = {"apiVersion": "pod-security-defaulter.io/v1alpha1", "kind": "ImageFacts", "images": images}
    (tmp_path / "images.json").write_text(json.dumps(facts), encoding="utf-8")
    assert main(["scan", "-f", path, "--images", str(tmp_path / "images.json")]) == 0
    out = capsys.readouterr().out
    assert 'container "app" (image i) failed here before with the default seccompProfile.' in out
    assert out.count("failed here before") == 1


def test_a_token_that_its_account_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the bindings among the manifests; of an account without any there is nothing to say."""
    pods = tmp_path / "pods"
    pods.mkdir()
    path = _write(pods, shop={"serviceAccountName": "bound"}, bank={"serviceAccountName": "other"})
    subject = {"kind": "ServiceAccount", "name": "bound", "namespace": "shop"}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"}
    value = {"metadata": {"name": "reads", "namespace": "shop"}, "subjects": [subject], "roleRef": role}
    value |= {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding"}
    (pods / "binding.json").write_text(json.dumps(value), encoding="utf-8")
    settings = {"automountServiceAccountToken": {"serviceAccounts": "all"}}
    kind = {"apiVersion": "pod-security-defaulter.io/v1alpha1", "kind": "DefaulterConfiguration"}
    (tmp_path / "config.json").write_text(json.dumps({**kind, "settings": settings}), encoding="utf-8")
    assert main(["scan", "-f", path, "--config", str(tmp_path / "config.json"), "-o", "json"]) == 0
    found = {row["name"]: row["workloads"][0]["doubts"] for row in json.loads(capsys.readouterr().out)["namespaces"]}
    assert found["bank"] == []
    (text,) = found["shop"]
    assert "RoleBinding shop/reads" in text
    main(["scan", "-f", path, "--config", str(tmp_path / "config.json"), "-o", "html"])
    assert f"<li>{text}</li>" in capsys.readouterr().out.replace("&quot;", '"')


@pytest.mark.parametrize(("output", "read"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_programs_get_everything(mixed: str, output: str, read: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """The same in JSON and YAML."""
    assert main(["scan", "-f", mixed, "-o", output]) == 1
    scan = read(capsys.readouterr().out)
    assert {row["name"]: row["verdict"] for row in scan["namespaces"]} == {
        "agent": "cannot",
        "careless": "needs edits",
        "plain": "with defaults",
    }
    assert scan["namespaces"][0]["workloads"][0]["nature"] == ["hostNamespaces"]


def test_labels_in_safe_order(mixed: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Of what is ready: warn, enforce, then Kubernetes' own label."""
    assert main(["scan", "-f", mixed, "--write-labels", "--profile", "restricted:v1.30"]) == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("# ")]
    start = "kubectl label --overwrite namespace plain"
    ours = "pod-security-defaulter.io"
    assert lines == [
        f"{start} {ours}/mode=warn {ours}/profile=restricted {ours}/profile-version=v1.30",
        f"{start} {ours}/mode=enforce",
        f"{start} pod-security.kubernetes.io/enforce=restricted pod-security.kubernetes.io/enforce-version=v1.30",
    ]


def test_a_name_is_one_word_of_the_shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever stands in a file: the commands are made to be run."""
    for number, spec in enumerate(({}, {"hostNetwork": True})):
        space = f"x; touch {number}\n$(touch {number})'"
        container = {"name": "c", "image": "i"}
        value = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": space}}
        value["spec"] = {"containers": [container], **spec}
        (tmp_path / f"{number}.json").write_text(json.dumps(value), encoding="utf-8")
    main(["scan", "-f", str(tmp_path), "--write-labels"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 7
    words = [shlex.split(line, comments=True) for line in lines]
    assert {row[4] for row in words if row} == {"x; touch 0 $(touch 0)'"}
    assert all(row[:4] == ["kubectl", "label", "--overwrite", "namespace"] for row in words if row)


def test_the_end_fits_a_screen(mixed: str, capsys: pytest.CaptureFixture[str]) -> None:
    """How many of each verdict, and what is violated most often, behind all that may be long."""
    (Path(mixed) / "broken.json").write_text("{", encoding="utf-8")
    assert main(["scan", "-f", mixed]) == 2
    *_, error, spaces, workloads, controls, last = capsys.readouterr().out.splitlines()
    assert error.startswith("error: ")
    assert spaces == "namespaces: 1 with defaults, 1 needs edits, 1 cannot"
    assert workloads == "workloads: 1 with defaults, 1 needs edits, 1 cannot"
    assert controls.startswith("most often violated once defaulted: ")
    assert "1 hostNamespaces" in controls
    assert last == "3 namespaces, 3 workloads: 1 namespace ready for restricted:latest"


def test_what_is_not_judged_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the line that the configuration may have; what cannot be read makes the status 2."""
    spec = {"parts": [{"spec": {"containers": [{"name": "c", "image": "i"}]}}]}
    widget = {"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": spec}
    (tmp_path / "a.json").write_text(json.dumps(widget), encoding="utf-8")
    (tmp_path / "b.json").write_text('{"apiVersion": "apps/v1", "kind": "Deployment"}', encoding="utf-8")
    assert main(["scan", "-f", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "{group: example.org, kind: Widget, path: 'spec.parts[]'}" in out
    assert "1 Deployment of apps: without a pod template" in out
    (tmp_path / "c.json").write_text('{"apiVersion": "v1", "kind": "Pod", "spec": 3}', encoding="utf-8")
    assert main(["scan", "-f", str(tmp_path)]) == 2
    assert "error: " in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [("-f", ".", "-A"), ("-f", ".", "-l", "a=b"), ("-n", "a", "-A"), ("-f", ".", "--write-reports")]
)
def test_contradictions(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """Are refused before anything is read."""
    assert main(["scan", *arguments]) == 2
    assert "error: -" in capsys.readouterr().err


def test_progress_is_one_line_of_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which the next one replaces, and the end removes; a pipe gets none."""
    first = Progress("pods", 0, 0)
    _progress()(first)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    show = _progress()
    for progress in (first, Progress("pods", 500, 2000), None):
        show(progress)
    bar = f"[{'#' * 7}{'.' * 23}]"
    assert capsys.readouterr().err == f"\r\x1b[Kreading pods: 0\r\x1b[Kreading pods: {bar} 500 of 2000\r\x1b[K"


def test_without_a_cluster(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The error names the way without one."""
    assert main(["scan", "--kubeconfig", str(tmp_path / "none")]) == 2
    assert "-f scans manifests without a cluster" in capsys.readouterr().err
