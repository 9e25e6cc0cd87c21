"""The command line: shapes, exit statuses, and what people see."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tests.commands import need
from tests.served import run_command
from webhook.cli import main

_POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: c, image: nginx}]}\n"
_HOST = (
    "apiVersion: v1\nkind: Pod\nmetadata: {name: host}\nspec: {hostPID: true, containers: [{name: c, image: nginx}]}\n"
)
_BROKEN = "apiVersion: v1\nkind: Pod\nspec: {containers: [\n"
_WRONG = "apiVersion: v1\nkind: Pod\nmetadata: {name: wrong}\nspec:\n  containers:\n  - name: c\n    image: 3\n"


def _write(directory: Path, text: str, name: str = "pod.yaml") -> str:
    path = directory / name
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ("text", "status"),
    [(_POD, 0), (_HOST, 1), (_BROKEN, 2), (f"{_HOST}---\n{_BROKEN}", 2), (f"{_POD}---\n{_HOST}", 1), ("", 0)],
)
def test_exit_status(text: str, status: int, tmp_path: Path) -> None:
    """0 where all is compliant once defaulted, 1 where violations remain, 2 where input cannot be read; 2 beats 1."""
    assert main(["preview", "-f", _write(tmp_path, text)]) == status


def test_check_judges_as_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`check` patches nothing: a pod that defaulting would repair violates, and there is no patch to see."""
    assert main(["check", "-f", _write(tmp_path, _POD), "-o", "json"]) == 1
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert "patch" not in result
    assert "after" not in result["violations"]
    assert [row["id"] for row in result["violations"]["before"]] == [
        "allowPrivilegeEscalation",
        "capabilities_restricted",
        "runAsNonRoot",
        "seccompProfile_restricted",
    ]


def test_json_has_the_documented_shape(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The keys are those of the contract, and a service without a pod passes through."""
    service = "apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: ns}\nspec: {ports: [{port: 80}]}\n"
    assert main(["preview", "-f", _write(tmp_path, f"{_POD}---\n{service}"), "-o", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    pod, other = report["results"]
    keys = {"apiVersion", "kind", "name", "namespace", "profile", "patch", "patched", "diff", "defaults", "violations"}
    assert pod.keys() == other.keys() == keys | {"edits", "allowed", "starts", "warnings"}
    assert pod["profile"] == "restricted:latest"
    assert pod["violations"]["after"] == []
    assert pod["defaults"][0] == {
        "id": "runAsNonRoot",
        "path": "/spec/securityContext/runAsNonRoot",
        "state": "applied",
        "reason": "unset",
        "value": True,
    }
    assert other["patch"] == []
    assert other["patched"]["spec"] == {"ports": [{"port": 80}]}
    assert other["namespace"] == "ns"
    assert report["summary"] == {"objects": 1, "compliant_before": 0, "compliant_after": 1}


def test_one_bad_document_never_hides_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of three documents the broken one becomes an error with its document and line, the wrong one names its field."""
    text = f"{_POD}---\n{_WRONG}---\n{_HOST}---\n{_BROKEN}"
    assert main(["preview", "-f", _write(tmp_path, text), "-o", "json"]) == 2
    results = json.loads(capsys.readouterr().out)["results"]
    assert [result.get("name") for result in results] == ["web", None, "host", None]
    assert results[1]["error"]["document"] == 2
    assert results[1]["error"]["line"] == 12
    assert results[1]["error"]["field"] == "spec.containers[0].image"
    assert results[3]["error"]["document"] == 4
    assert results[3]["error"]["field"] == "spec.containers[0]"  # the text ends where the first item should be
    assert results[3]["error"]["line"] >= 18


def test_yaml_and_diff(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`-o yaml` is the patched manifests, whole; `-o diff` changes one into the other."""
    path = _write(tmp_path, _POD)
    assert main(["preview", "-f", path, "-o", "yaml"]) == 0
    patched = yaml.safe_load(capsys.readouterr().out)
    assert patched["spec"]["securityContext"]["runAsNonRoot"] is True
    assert main(["preview", "-f", path, "-o", "diff"]) == 0
    diff = capsys.readouterr().out
    assert "+    runAsNonRoot: true" in diff
    assert not [line for line in diff.splitlines() if line.startswith("-") and not line.startswith("---")]


def test_profile_overrides_and_decides(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--profile` judges by that profile and version, and `allowed` follows it."""
    path = _write(tmp_path, _HOST)
    assert main(["preview", "-f", path, "--profile", "restricted:v1.30", "-o", "json"]) == 1
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert result["profile"] == "restricted:v1.30"
    assert result["allowed"] is False
    assert main(["preview", "-f", path, "--profile", "privileged", "-o", "json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert result["patch"] == []


def test_namespace_objects_in_the_input_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A Namespace and a LimitRange behind the pod decide for it: baseline, and resources that are there already."""
    objects = (
        "apiVersion: v1\nkind: Namespace\n"
        "metadata: {name: default, labels: {pod-security.kubernetes.io/enforce: baseline}}\n"
        "---\napiVersion: v1\nkind: LimitRange\nmetadata: {name: l, namespace: default}\n"
        "spec: {limits: [{type: Container, defaultRequest: {cpu: 50m, memory: 64Mi}}]}\n"
    )
    assert main(["preview", "-f", _write(tmp_path, f"{_POD}---\n{objects}"), "-o", "json"]) == 0
    result = json.loads(capsys.readouterr().out)["results"][0]
    assert result["profile"] == "baseline:latest"
    assert [(row["id"], row["reason"]) for row in result["defaults"]] == [
        ("automountServiceAccountToken", "unset"),
        ("resources", "limit-range"),
        ("resources", "limit-range"),
    ]


def test_duplicate_container_names_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two containers of one name are patched by index, and the API server's complaint is there before it says so."""
    text = _POD.replace("[{name: c, image: nginx}]", "[{name: c, image: nginx}, {name: c, image: busybox}]")
    main(["preview", "-f", _write(tmp_path, text), "-o", "json"])
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert 'spec.containers[1].name: Duplicate value: "c"' in result["warnings"]
    assert {row["path"] for row in result["defaults"] if row["id"] == "allowPrivilegeEscalation"} == {
        "/spec/containers/0/securityContext/allowPrivilegeEscalation",
        "/spec/containers/1/securityContext/allowPrivilegeEscalation",
    }


def test_admissions_own_steps_decide_allowed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A volume without a source arrives as an emptyDir: no violation is listed, and the exit status says compliant."""
    text = _POD.replace("spec: {", "spec: {volumes: [{name: v}], ")
    assert main(["preview", "-f", _write(tmp_path, text), "--profile", "restricted", "-o", "json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert "restrictedVolumes" not in [row["id"] for row in result["violations"]["before"]]
    assert result["violations"]["after"] == []
    assert result["allowed"] is True


def test_directories_and_standard_input() -> None:
    """`-f -` reads standard input; a directory's manifests are read below it, by name."""
    run = run_command("preview", "-f", "-", "-o", "json", stdin=_POD)
    assert run.returncode == 0
    assert json.loads(run.stdout)["results"][0]["name"] == "web"


def test_a_directory_is_read_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Manifests below a directory, by their endings, in the order of their paths; other files are not read."""
    (tmp_path / "sub").mkdir()
    _write(tmp_path, _HOST, "sub/b.yml")
    _write(tmp_path, _POD, "a.yaml")
    _write(tmp_path, "not a manifest: [", "notes.txt")
    assert main(["preview", "-f", str(tmp_path), "-o", "json"]) == 1
    assert [result["name"] for result in json.loads(capsys.readouterr().out)["results"]] == ["web", "host"]


def test_missing_files_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is not there is an error that names it: exit status 2."""
    assert main(["preview", "-f", "no-such-file.yaml"]) == 2
    assert "no-such-file.yaml" in capsys.readouterr().err


def test_bad_configuration_names_file_line_and_field(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown field of the configuration is refused with its place."""
    config = _write(tmp_path, "mode: enforce\nsettings:\n  seccompProfile:\n    kind: x\n", "c.yaml")
    assert main(["preview", "-f", _write(tmp_path, _POD), "--config", config]) == 2
    assert f"{config}:4: settings.seccompProfile.kind: unknown field" in capsys.readouterr().err


def test_the_table_is_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The table has a line for each default, the remaining violations and what to do, and the docs to read."""
    assert main(["preview", "-f", _write(tmp_path, _HOST)]) == 1
    out = capsys.readouterr().out
    assert "Pod/host" in out
    assert "applied  runAsNonRoot" in out
    assert "violates  hostNamespaces: host namespaces (hostPID=true)" in out
    assert "  to pass   remove spec.hostPID  (line 4)\n" in out
    assert "docs/reasons.md" in out
    assert "\x1b[" not in out


def test_edits_for_programs_and_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """JSON has each edit with its pointer and line; YAML says them in comments; a service needs none."""
    path = _write(tmp_path, f"{_POD}---\n{_HOST}")
    main(["preview", "-f", path, "-o", "json"])
    complies, host = json.loads(capsys.readouterr().out)["results"]
    assert complies["edits"] == []
    line = _POD.count("\n") + 1 + 4
    edit = {"id": "hostNamespaces", "action": "remove", "path": "/spec/hostPID", "value": True, "line": line}
    assert host["edits"] == [{**edit, "text": "remove spec.hostPID"}]
    main(["preview", "-f", path, "-o", "yaml"])
    out = capsys.readouterr().out
    assert "---\n# to pass: remove spec.hostPID\napiVersion: v1\n" in out
    assert out.count("#") == 1
    main(["check", "-f", path, "-o", "json"])
    as_written = [edit["text"] for edit in json.loads(capsys.readouterr().out)["results"][1]["edits"]]
    assert as_written[0] == "remove spec.hostPID"
    assert 'set spec.containers[0].securityContext.capabilities.drop to ["ALL"]' in as_written


def test_edits_that_nobody_knows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of an object that is not searched the table names the fields."""
    containers = "".join(f"  - {{name: c{index}, securityContext: {{privileged: true}}}}\n" for index in range(40))
    path = _write(tmp_path, f"apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers:\n{containers}")
    main(["preview", "-f", path, "-o", "json"])
    assert json.loads(capsys.readouterr().out)["results"][0]["edits"] is None
    main(["preview", "-f", path])
    out = capsys.readouterr().out
    assert "to pass, change securityContext.privileged\n" in out
    assert "to pass   " not in out


def test_colour_on_demand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--color always` colours, also into a pipe."""
    main(["preview", "-f", _write(tmp_path, _HOST), "--color", "always"])
    assert "\x1b[31m" in capsys.readouterr().out


def test_control_characters_stay_off_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A name with an escape sequence is shown without it."""
    text = _POD.replace("name: web", 'name: "w\\e[31meb"')
    main(["preview", "-f", _write(tmp_path, text)])
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize("command", [["preview"], ["check"], ["config"]], ids=lambda words: words[0])
def test_a_limit_far_above_its_request_is_warned_about(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Case 49 of public reports: on standard error, with file, item and ratio, once; the output is as ever."""
    far = "settings: {resources: {limits: [{default: {cpu: '1'}, defaultRequest: {cpu: 10m}}]}}\n"
    config = _write(tmp_path, far, "c.yaml")
    files = [] if command == ["config"] else ["-f", _write(tmp_path, _POD)]
    main([*command, *files, "-o", "json", "--config", config])
    said = capsys.readouterr()
    assert said.err == (
        f"warning: {config}: settings.resources.limits[0]: limit cpu 1 is 100 times its request 10m; "
        "an autoscaler that keeps the ratio raises the limit with the request\n"
    )
    assert "autoscaler" not in said.out
    assert json.loads(said.out)


def test_config_explains_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    """`config` prints YAML that reads back as the effective configuration, each setting under its explanation."""
    assert main(["config"]) == 0
    explained = capsys.readouterr().out
    assert main(["config", "-o", "json"]) == 0
    assert yaml.safe_load(explained) == json.loads(capsys.readouterr().out)
    lines = explained.splitlines()
    for number, line in enumerate(lines):
        if line.endswith(("enabled: true", "enabled: false")):
            assert lines[number - 1].lstrip().startswith("# "), line


def test_config_schema_and_yaml(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`-o schema` is the JSON Schema of the file, `-o yaml` the effective configuration of a file."""
    assert main(["config", "-o", "schema"]) == 0
    assert json.loads(capsys.readouterr().out)["$ref"] == "#/$defs/DefaulterConfiguration"
    assert main(["config", "-o", "yaml", "--config", _write(tmp_path, "mode: warn\n", "c.yaml")]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["mode"] == "warn"


def test_help_answers_at_once() -> None:
    """`--help` imports none of the engine or the server."""
    probe = (
        "import sys; from webhook.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted(name for name in sys.modules if name.split('.')[0] in ('aiohttp', 'msgspec', 'yaml', 'patches')))"
    )
    run = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=30)
    assert run.stdout.splitlines()[-1] == "[]"


def test_a_preview_imports_only_what_it_prints_with(tmp_path: Path) -> None:
    """Other reports, and all that talks to a cluster or a registry, would be a third of the time that it takes."""
    others = ("aiohttp", "importlib.metadata", "kubernetes_asyncio", "webhook.reports", "xml")
    probe = (
        "import sys; before = set(sys.modules)\n"
        "from webhook.cli import main; main(sys.argv[1:])\n"
        f"print(sorted(set({others}) & (set(sys.modules) - before)))"
    )
    command = [sys.executable, "-c", probe, "preview", "-f", str(_write(tmp_path, _POD))]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    assert run.stdout.splitlines()[-1] == "[]"


def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    """`preview … | head -1` ends quietly."""
    path = _write(tmp_path, "---\n".join([_POD] * 2000))
    command = f"{sys.executable} -m webhook preview -f {path} -o json | head -1"
    run = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120, check=False)
    assert run.stdout == "{\n"
    assert run.stderr == ""


@pytest.mark.slow
def test_demo_shows_a_review_answered(tmp_path: Path) -> None:
    """`serve --demo` prints a curl and the decoded answer; the curl, pasted, works; SIGTERM ends it with status 0."""
    need("curl")
    command = [sys.executable, "-m", "webhook", "serve", "--port", "0", "--self-signed", str(tmp_path), "--demo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ}) as process:
        assert process.stdout is not None
        lines: list[str] = []
        end = time.monotonic() + 30
        while time.monotonic() < end and not (lines and lines[-1].startswith("Stop it")):
            lines.append(process.stdout.readline())
        text = "".join(lines)
        try:
            assert "What came back: allowed true" in text
            assert 'add  /spec/securityContext = {"runAsNonRoot": true' in text
            curl = text[text.index("curl ") : text.index("\nEOF\n") + 5]
            pasted = subprocess.run(["bash", "-c", curl], capture_output=True, text=True, timeout=30, check=True)
            assert json.loads(pasted.stdout)["response"]["allowed"] is True
        finally:
            process.terminate()
        assert process.wait(timeout=20) == 0
