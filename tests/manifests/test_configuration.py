"""The ConfigMap: files that the server joins, so that components and operators never overwrite each other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import msgspec
import yaml

from patches.policy.configuration import (
    DefaulterConfiguration,
    DenyIn,
    Mode,
    RunAsNonRootSettings,
    Settings,
    enabled_ids,
)
from patches.policy.policy import IDS
from tests.manifests.building import BASE, MANIFESTS, NAME, build, find, write_overlay
from webhook.configuration.reader import load_configuration, read_configuration

_OPERATORS: Final = "mode: audit\nsettings: {hostUsers: {enabled: false}}\n"


def _effective(overlay: Path, directory: Path) -> DefaulterConfiguration:
    """What the server makes of the ConfigMap's volume."""
    directory.mkdir()
    for name, text in find(build(overlay), "ConfigMap")["data"].items():
        (directory / name).write_text(text, encoding="utf-8")
    return load_configuration(directory)


def test_base_changes_nothing(tmp_path: Path) -> None:
    """Its file says nothing yet."""
    assert _effective(BASE, tmp_path / "volume") == DefaulterConfiguration()


def test_the_examples_in_base_can_be_used() -> None:
    """Each setting that is shown in a comment is good when the comment sign is taken away."""
    text = (BASE / "configuration.yaml").read_text(encoding="utf-8")
    shown = re.sub(r"(?m)^# (?= *(?:[a-z][A-Za-z]*:|- ))", "", text)
    found = read_configuration(shown.encode(), "configuration.yaml")
    assert found.settings.automount_service_account_token.service_accounts == "all"
    assert found.settings.resources.limits[0].default == {"cpu": "1", "memory": "512Mi"}
    assert found.settings.read_only_root_filesystem.writable_tmp
    default = DefaulterConfiguration()
    assert (found.target, found.defaults, found.exemptions) == (default.target, default.defaults, default.exemptions)


def test_cluster_wide_begins_with_warnings(tmp_path: Path) -> None:
    """Where a namespace has no label. Otherwise every pod of the cluster would be patched at once."""
    assert _effective(write_overlay(tmp_path / "o", "cluster-wide"), tmp_path / "volume").mode is Mode.WARN


def test_workload_templates_turns_one_setting_on(tmp_path: Path) -> None:
    """And no other."""
    found = _effective(write_overlay(tmp_path / "o", "workload-templates"), tmp_path / "volume")
    assert found == DefaulterConfiguration(patch_templates=True)


def test_user_namespaces_turns_one_setting_on(tmp_path: Path) -> None:
    """And no other; the nodes are asked, for which it has the right."""
    found = _effective(write_overlay(tmp_path / "o", "user-namespaces"), tmp_path / "volume")
    wanted = RunAsNonRootSettings(root_images="userNamespace")
    assert found == DefaulterConfiguration(settings=Settings(run_as_non_root=wanted))
    assert found.settings.run_as_non_root.asks_nodes


def test_fortress_has_every_setting_on(tmp_path: Path) -> None:
    """Also beside cluster-wide, whichever comes first."""
    for order in (("fortress", "cluster-wide"), ("cluster-wide", "fortress")):
        found = _effective(write_overlay(tmp_path / order[0], *order), tmp_path / f"volume-{order[0]}")
        assert enabled_ids(found.settings) == set(IDS)
        assert (found.mode, found.deny_in, found.patch_templates) == (Mode.ENFORCE, DenyIn.MUTATE, True)
        assert found.settings.automount_service_account_token.service_accounts == "all"
        assert found.settings.read_only_root_filesystem.writable_tmp
        assert found.settings.resources.limits[0].default.keys() == {"cpu", "memory", "ephemeral-storage"}


def test_fortress_names_every_setting() -> None:
    """Each default has its line, so that a reader sees all of it in one place."""
    text = (MANIFESTS / "components" / "fortress" / "30-fortress.yaml").read_text(encoding="utf-8")
    fields = {info.encode_name for info in msgspec.structs.fields(type(DefaulterConfiguration().settings))}
    assert set(yaml.safe_load(text)["settings"]) == fields


def test_what_the_operator_says_counts_most(tmp_path: Path) -> None:
    """An overlay replaces configuration.yaml; what components set stays, but where it says otherwise."""
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / "configuration.yaml").write_text(_OPERATORS, encoding="utf-8")
    generator = [{"name": NAME, "behavior": "merge", "files": ["configuration.yaml"]}]
    for namespace in ("", "x"):
        overlay = write_overlay(
            tmp_path / "o", "fortress", "cluster-wide", configMapGenerator=generator, namespace=namespace
        )
        found = _effective(overlay, tmp_path / f"volume-{namespace}")
        assert found.mode is Mode.AUDIT
        assert enabled_ids(found.settings) == set(IDS) - {"hostUsers"}
