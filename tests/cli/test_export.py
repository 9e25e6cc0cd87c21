"""`export` prints policies that can be read, and says what it leaves out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from patches.defaults import DEFAULTS
from patches.policy.configuration import DefaulterConfiguration, enabled_ids
from webhook.cli import main
from webhook.export.carried import CARRIED, NOT_CARRIED
from webhook.export.cel import literal, text

_MUTATING = "mutatingadmissionpolicy"


def _export(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[list[Any], str]:
    assert main(["export", *arguments]) == 0
    printed = capsys.readouterr()
    return list(yaml.safe_load_all(printed.out)), printed.err


def _configured(tmp_path: Path, **fields: Any) -> str:
    path = tmp_path / "config.json"
    value = {"apiVersion": "pod-security-defaulter.io/v1alpha1", "kind": "DefaulterConfiguration", **fields}
    path.write_text(json.dumps(value), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("kind", [_MUTATING, "validatingadmissionpolicy"])
@pytest.mark.parametrize("static", [True, False])
def test_a_policy_and_its_binding(kind: str, static: bool, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: FBT001
    """Of the kind that was asked for; only those for files have the suffix that files need."""
    (policy, binding), _ = _export(capsys, kind, *["--static"] * static)
    assert policy["kind"].lower() == kind
    assert binding["kind"] == f"{policy['kind']}Binding"
    assert binding["spec"]["policyName"] == policy["metadata"]["name"]
    assert policy["metadata"]["name"].endswith(".static.k8s.io") == static


def test_all_that_is_on_out_of_the_box_is_carried(capsys: pytest.CaptureFixture[str]) -> None:
    """And nothing that is off."""
    (policy, _), warnings = _export(capsys, _MUTATING)
    (active,) = (row["expression"] for row in policy["spec"]["variables"] if row["name"] == "active")
    enabled = enabled_ids(DefaulterConfiguration().settings)
    assert {row.id for row in CARRIED if f"'{row.id}'" in active} == enabled
    assert warnings == ""


def test_every_variable_stands_below_those_that_it_uses(capsys: pytest.CaptureFixture[str]) -> None:
    """With all defaults that can be carried."""
    (policy, _), _ = _export(capsys, _MUTATING, "--defaults", ",".join(row.id for row in CARRIED))
    known: set[str] = set()
    for row in policy["spec"]["variables"]:
        used = {part.split(".")[0].split("[")[0] for part in row["expression"].split("variables.")[1:]}
        names = {"".join(c for c in name.split(")")[0].split(" ")[0].split(",")[0].split("\n")[0]) for name in used}
        assert names <= known, row["name"]
        known.add(row["name"])


@pytest.mark.parametrize(
    ("settings", "left_out"),
    [
        ({"runtimeClassName": {"enabled": True, "name": "c"}}, "runtimeClassName: whether the class exists"),
        (
            {"identity": {"enabled": True, "runAsUser": None, "runAsGroup": None, "fsGroup": None}},
            "identity: no ids are configured",
        ),
        (
            {"runAsNonRoot": {"unknownImages": "skip"}},
            "capabilities: unknownImages: skip needs what is known of images",
        ),
        ({"readOnlyRootFilesystem": {"enabled": True, "writableTmp": True}}, "readOnlyRootFilesystem: writableTmp"),
        ({"resources": {"limits": [{"default": {"cpu": "1"}}]}}, "resources: only requests without bounds"),
        ({"resources": {"limits": []}}, "resources: no requests are configured"),
        ({"automountServiceAccountToken": {"serviceAccounts": "unbound"}}, "automountServiceAccountToken: serviceAcc"),
        ({"automountServiceAccountToken": {"injectors": "keep"}}, "automountServiceAccountToken: injectors: keep"),
    ],
)
def test_what_no_policy_can_carry_is_named(
    settings: Any, left_out: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And left out, whole."""
    (policy, _), warnings = _export(capsys, _MUTATING, "--config", _configured(tmp_path, settings=settings))
    assert f"warning: left out {left_out}" in warnings
    assert f"// {left_out.partition(':')[0]}\n" not in policy["spec"]["mutations"][0]["jsonPatch"]["expression"]


def test_what_cannot_be_exported_at_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An exception that a policy would not heed, and a policy that would add nothing."""
    exceptions = [{"defaults": ["capabilities"], "containers": ["a"]}]
    assert main(["export", _MUTATING, "--config", _configured(tmp_path, exceptions=exceptions)]) == 2
    assert "policies cannot leave single containers alone" in capsys.readouterr().err
    assert main(["export", _MUTATING, "--defaults", "runtimeClassName"]) == 2
    assert "no default is left to export" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["export", _MUTATING, "--defaults", "capability"])
    assert "no default is called capability" in capsys.readouterr().err


def test_exemptions_are_carried(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Users and RuntimeClasses as conditions, namespaces by the selector, the pod's own skip in the variable."""
    exemptions = {"usernames": ["it's"], "runtimeClasses": ["kata"], "namespaces": ["mine"]}
    path = _configured(tmp_path, exemptions=exemptions, allowPodSkip=True, placeholders=[])
    (policy, binding), _ = _export(capsys, _MUTATING, "--config", path)
    conditions = " ".join(row["expression"] for row in policy["spec"]["matchConditions"])
    assert r"['it\'s']" in conditions
    assert "['kata']" in conditions
    assert "mine" in binding["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"][1]["values"]
    (active,) = (row["expression"] for row in policy["spec"]["variables"] if row["name"] == "active")
    assert "object.?metadata" in active


def test_values_as_cel() -> None:
    """Quotes and backslashes survive; parts of maps and lists are dyn."""
    assert text("a'b\"\\c") == r"'a\'b" + '"' + r"\\c'"
    assert literal({"a": [True, 1]}) == "{'a': dyn([dyn(true), dyn(1)])}"


def test_each_default_is_carried_or_says_why_not() -> None:
    """By the id of its module, each once."""
    assert sorted([*(row.id for row in CARRIED), *NOT_CARRIED]) == sorted(row.id for row in DEFAULTS)
