"""What the command line refuses, and how it says so."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.forms import FORM
from tests.served import run_command
from webhook.cli import main

pytestmark = pytest.mark.usefixtures("root_logger")

_POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: c, image: nginx}]}\n"
_LIMITS = (
    "apiVersion: v1\nkind: LimitRange\nmetadata: {name: l}\nspec: {limits: [{type: Container, max: {cpu: fast}}]}\n"
)


def _write(directory: Path, text: str, name: str) -> str:
    path = directory / name
    path.write_text(text)
    return str(path)


def test_an_unknown_profile_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """`--profile strict` names what is possible; argparse's own status is 2 as well."""
    with pytest.raises(SystemExit) as caught:
        main(["preview", "-f", "-", "--profile", "strict"])
    assert caught.value.code == 2
    assert "must be one of privileged, baseline, restricted" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (_LIMITS, 4, "spec.limits[0].max[cpu]: 'fast' is not a quantity"),
        ("a: [\n", 2, "did not find expected node content"),
        ("apiVersion: v1\nkind: Namespace\nmetadata: {}\n", 3, "metadata: Object missing required field `name`"),
    ],
)
def test_objects_that_cannot_be_read(
    text: str, line: int, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A cluster object that cannot be read is an error with file, line and field: nothing is decided without it."""
    objects = _write(tmp_path, text, "objects.yaml")
    assert main(["preview", "-f", _write(tmp_path, _POD, "pod.yaml"), "--objects", objects]) == 2
    error = capsys.readouterr().err
    assert f"{objects}:{line}: " in error
    assert says in error


_SKIPPING = (
    "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n"
    "  annotations: {pod-security-defaulter.io/skip: resources}\n---\n"
)


@pytest.mark.parametrize("command", ["preview", "check", "scan"])
@pytest.mark.parametrize("kind", ["Pod", "Deployment"])
def test_a_quantity_that_no_default_reads(
    command: str, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An API server refuses it all the same, of a pod or of a template."""
    spec = "{containers: [{name: c, image: nginx, resources: {limits: {cpu: lots}}}]}"
    if kind == "Deployment":
        spec = f"{{selector: {{matchLabels: {{a: b}}}}, template: {{metadata: {{labels: {{a: b}}}}, spec: {spec}}}}}"
    version = {"Pod": "v1", "Deployment": "apps/v1"}[kind]
    text = f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: web, namespace: shop}}\nspec: {spec}\n"
    assert main([command, "-f", _write(tmp_path, _SKIPPING + text, "all.yaml")]) == 2
    printed = capsys.readouterr()
    assert "'lots' is not a quantity" in printed.out + printed.err


def test_objects_that_say_nothing_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A Service among the objects is not used, and that is said; the run goes on."""
    objects = _write(tmp_path, "apiVersion: v1\nkind: Service\nmetadata: {name: s}\n", "objects.yaml")
    assert main(["preview", "-f", _write(tmp_path, _POD, "pod.yaml"), "--objects", objects]) == 0
    assert f"{objects}:1: says nothing about a namespace" in capsys.readouterr().err


def test_a_bad_cluster_object_in_the_input_hides_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Among the documents it becomes an error of its own."""
    assert main(["preview", "-f", _write(tmp_path, f"{_LIMITS}---\n{_POD}---\n- 1\n", "all.yaml"), "-o", "yaml"]) == 2
    captured = capsys.readouterr()
    assert "runAsNonRoot: true" in captured.out
    assert "document 1: spec.limits[0].max[cpu]" in captured.err
    assert "document 3: expected an object" in captured.err


def test_an_item_of_a_list_is_placed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Items of a List are objects of their own."""
    text = "apiVersion: v1\nkind: List\nitems:\n- " + _POD.replace("\n", "\n  ").rstrip() + "\n"
    assert main(["preview", "-f", _write(tmp_path, text, "list.yaml")]) == 0
    assert "Pod/web" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["serve"], "give --tls-cert and --tls-key, or --self-signed DIR"),
        (["serve", "--self-signed", "certs", "--tls-cert", "x"], "leave out --tls-cert"),
        (["serve", "--tls-cert", "no.crt", "--tls-key", "no.key"], "no.crt: No such file"),
        (["serve", "--self-signed", "certs", "--config", "no.yaml"], "no.yaml: No such file"),
        (["config", "--config", "no.yaml"], "no.yaml: No such file"),
        (["serve", "--self-signed", "certs", "--managed-certificates"], "add --cluster"),
        (["serve", "--cluster", "--objects", "."], "leave out --objects"),
        (["serve", "--cluster", "--kubeconfig", "no.yaml", "--self-signed", "certs"], "no connection to a cluster"),
        (["serve", "--self-signed", "certs", "--no-admission"], "add --preview-port"),
        (
            ["serve", "--self-signed", "certs", "--preview-port", "0", "--preview-host", "0.0.0.0"],  # noqa: S104
            "--preview-host has to be of loopback",
        ),
        (["preview", "-f", ".", "--offline", "--context", "prod"], "--offline asks no cluster"),
        (["preview", "-f", ".", "--kubeconfig", "no.yaml"], "no connection to a cluster"),
    ],
)
def test_what_cannot_be_served(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wrong options and missing files end with status 2 and a clear message, before anything listens."""
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert says in capsys.readouterr().err


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """The address is named."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        run = run_command("serve", "--self-signed", tmp_path, "--port", str(port))
    assert run.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in run.stderr


@pytest.mark.parametrize("named", ["0", "9", "-1", "nan", "soon"])
def test_a_lifetime_that_is_too_short(named: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A certificate cannot be renewed within seconds."""
    with pytest.raises(SystemExit):
        main(["serve", "--certificate-lifetime", named])
    assert "--certificate-lifetime" in capsys.readouterr().err


def test_a_namespace_without_a_kubeconfig_asks_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`-n` is then the namespace of objects that name none, and nothing else."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    assert main(["preview", "-n", "shop", "-f", _write(tmp_path, _POD, "pod.yaml")]) == 0
    assert "namespace shop" in capsys.readouterr().out


def test_objects_without_a_namespace_belong_to_the_one_that_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A LimitRange in the input counts for the pods beside it."""
    limits = _LIMITS.replace("max: {cpu: fast}", "default: {cpu: 300m}")
    file = _write(tmp_path, f"{limits}---\n{_POD}", "all.yaml")
    assert main(["preview", "--offline", "-n", "shop", "-f", file, "-o", "json"]) == 0
    assert '"300m"' in capsys.readouterr().out


def test_version() -> None:
    """`--version` prints the distribution's, and in which form the engine runs."""
    run = run_command("--version")
    assert run.returncode == 0
    assert run.stdout.split() == ["pod-security-defaulter", "0.1.0", f"({FORM})"]


def test_facts_of_images_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--images` with a wrong field is an error with file, line and field: nothing is decided without it."""
    images = _write(tmp_path, "apiVersion: pod-security-defaulter.io/v1alpha1\nkind: ImageFacts\nx: 1\n", "i.yaml")
    assert main(["preview", "-f", _write(tmp_path, _POD, "pod.yaml"), "--images", images]) == 2
    assert f"{images}:3: x: unknown field" in capsys.readouterr().err
    assert main(["check", "-f", _write(tmp_path, _POD, "pod.yaml"), "--images", str(tmp_path / "none")]) == 2
    assert "none: No such file" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["preview", "check"])
def test_an_object_that_exceeds_a_bound(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is an error with file, line and field, and hides no other document."""
    ports = "".join(f"    - {{containerPort: {number % 65_535 + 1}}}\n" for number in range(65_537))
    large = (
        f"apiVersion: v1\nkind: Pod\nmetadata: {{name: large}}\nspec:\n  containers:\n  - name: c\n    ports:\n{ports}"
    )
    file = _write(tmp_path, f"{large}---\n{_POD}", "pods.yaml")
    assert main([command, "-f", file]) == 2
    output = "".join(capsys.readouterr())
    assert f"{file}:7" in output
    assert "spec.containers[0].ports: 65537 ports; at most 65536 are supported" in output
    assert "web" in output
