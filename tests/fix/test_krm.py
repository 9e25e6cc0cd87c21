"""`krm`: a KRM function, and a filter of streams."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
import yaml

from webhook.cli import main
from webhook.documents.writer import to_yaml

_POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "web",
        "namespace": "shop",
        "annotations": {
            "config.kubernetes.io/path": "app/pod.yaml",
            "internal.config.kubernetes.io/index": "2",
        },
    },
    "spec": {"hostPID": True, "containers": [{"name": "c", "image": "nginx"}]},
}
_SERVICE: dict[str, Any] = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "x": 1.5}
_CONFIG: dict[str, Any] = {
    "apiVersion": "pod-security-defaulter.io/v1alpha1",
    "kind": "DefaulterConfiguration",
    "metadata": {"name": "defaults"},
    "settings": {"resources": {"enabled": False}},
}


class _Input:
    def __init__(self, text: str) -> None:
        self.buffer = io.BytesIO(text.encode())


@pytest.fixture
def krm(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run `krm` on a text: its exit status, documents and messages."""

    def run(text: str, *arguments: str) -> tuple[int, list[Any], str]:
        monkeypatch.setattr("sys.stdin", _Input(text))
        status = main(["krm", *arguments])
        out, err = capsys.readouterr()
        return status, list(yaml.safe_load_all(out)), err

    return run


def _resource_list(*items: Any, **fields: Any) -> str:
    return to_yaml({"apiVersion": "config.kubernetes.io/v1", "kind": "ResourceList", "items": list(items), **fields})


def _previewed(value: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *more: str) -> Any:
    monkeypatch.setattr("sys.stdin", _Input(json.dumps(value)))
    main(["preview", "-f", "-", "--offline", "-o", "json", *more])
    return json.loads(capsys.readouterr().out)["results"][0]["patched"]


def test_items_are_as_preview_patches_them(
    krm: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Pods get the defaults, everything else stays, and the list keeps its other fields."""
    status, (answer,), _ = krm(_resource_list(_SERVICE, _POD, functionConfig=_CONFIG, extra=1), "-n", "other")
    assert status == 0
    assert {name: answer[name] for name in ("apiVersion", "kind", "functionConfig", "extra")} == {
        "apiVersion": "config.kubernetes.io/v1",
        "kind": "ResourceList",
        "functionConfig": _CONFIG,
        "extra": 1,
    }
    service, pod = answer["items"]
    assert service == _SERVICE
    assert "resources" not in pod["spec"]["containers"][0]  # the configuration says so
    whole = _previewed(_POD, monkeypatch, capsys)
    del whole["spec"]["containers"][0]["resources"]
    assert pod == whole


def test_results_name_severity_field_and_file(krm: Any) -> None:
    """One result for each default that was added, and one for each violation, with the edit that ends it."""
    _, (answer,), said = krm(_resource_list(_POD))
    place = {
        "resourceRef": {"apiVersion": "v1", "kind": "Pod", "name": "web", "namespace": "shop"},
        "file": {"path": "app/pod.yaml", "index": 2},
    }
    results = answer["results"]
    assert {
        "message": "runAsNonRoot: added",
        "severity": "info",
        "field": {"path": "spec.securityContext.runAsNonRoot"},
        **place,
    } in results
    (edit,) = [row for row in results if row["severity"] == "warning" and "field" in row]
    assert edit["field"] == {"path": "spec.hostPID"}
    assert edit["file"] == place["file"]
    assert "hostPID" in edit["message"]
    assert said == "warning: Pod/web still violates hostNamespaces\n"


def test_what_cannot_be_read_is_an_error(krm: Any) -> None:
    """The status is not 0, and the result names the field."""
    wrong = {**_POD, "spec": {"containers": 3}}
    status, (answer,), said = krm(_resource_list(wrong))
    assert status == 2
    assert answer["items"] == [wrong]
    (row,) = answer["results"]
    assert (row["severity"], row["field"]) == ("error", {"path": "spec.containers"})
    assert said.startswith("error: <stdin>:")


@pytest.mark.parametrize(
    ("config", "arguments", "message"),
    [
        ({"kind": "DefaulterConfiguration", "mod": "warn"}, (), "mod"),
        ({"kind": "ConfigMap", "data": {"a": "b"}}, (), "functionConfig.kind"),
        ("text", (), "functionConfig: expected a DefaulterConfiguration"),
        (_CONFIG, ("--config", "x.yaml"), "x.yaml"),
    ],
    ids=["unknown field", "another kind", "no mapping", "two"],
)
def test_a_wrong_configuration_is_an_error(config: Any, arguments: tuple[str, ...], message: str, krm: Any) -> None:
    """Nothing is written then."""
    status, documents, said = krm(_resource_list(_POD, functionConfig=config), *arguments)
    assert (status, documents) == (2, [])
    assert message in said


def test_an_empty_config_map_is_no_configuration(krm: Any) -> None:
    """As kpt sends it, where there is none."""
    status, _, _ = krm(_resource_list(_POD, functionConfig={"apiVersion": "v1", "kind": "ConfigMap"}))
    assert status == 0


def test_mode_off_is_read_as_a_configuration_file_is(krm: Any) -> None:
    """`off` without quotes, which YAML makes false."""
    config = {"kind": "DefaulterConfiguration", "observer": {"heal": False}}
    assert krm(_resource_list(_POD, functionConfig=config))[0] == 0


def test_a_stream_comes_back_as_preview_patches_it(
    krm: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Plain manifests, as Helm's post-renderer gets them; Lists stay Lists."""
    items = {"apiVersion": "v1", "kind": "List", "items": [_SERVICE, _POD]}
    text = f"---\n# Source: web/templates/pod.yaml\n{to_yaml(_POD)}---\n{to_yaml(_SERVICE)}---\n{to_yaml(items)}---\n"
    status, documents, _ = krm(text)
    patched = _previewed(_POD, monkeypatch, capsys)
    assert status == 0
    assert patched != _POD
    assert documents == [patched, _SERVICE, {**items, "items": [_SERVICE, patched]}]


def test_nothing_is_written_of_a_stream_that_cannot_be_read(krm: Any) -> None:
    """Helm then stops."""
    status, documents, said = krm(f"{to_yaml(_SERVICE)}---\na: [\n")
    assert (status, documents) == (2, [])
    assert said.startswith("error: <stdin>:")
