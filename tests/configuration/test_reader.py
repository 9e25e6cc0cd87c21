"""Reading the configuration file: every error names file, line and field."""

from __future__ import annotations

from pathlib import Path

import pytest

from patches.policy.configuration import DefaulterConfiguration, Mode
from patches.standards.levels import Level
from webhook.configuration.reader import load_configuration, read_configuration
from webhook.errors import ConfigurationError


def test_no_file_is_the_default() -> None:
    """Without a path, and from an empty file, everything is as documented."""
    assert load_configuration(None) == DefaulterConfiguration()
    assert read_configuration(b"", "c.yaml") == DefaulterConfiguration()
    assert read_configuration(b"# nothing\n", "c.yaml") == DefaulterConfiguration()


def test_values_are_read(tmp_path: Path) -> None:
    """YAML as kubectl reads it: kebab-case keys of Pod Security's own file, camelCase of ours."""
    path = tmp_path / "c.yaml"
    path.write_text(
        "apiVersion: pod-security-defaulter.io/v1alpha1\nkind: DefaulterConfiguration\n"
        "mode: warn\nallowPodSkip: yes\n"
        "defaults: {enforce: baseline, enforce-version: v1.30}\n"
        "settings:\n  resources:\n    limits:\n    - default: {cpu: 1, memory: 512Mi}\n",
    )
    configuration = load_configuration(path)
    assert configuration.mode is Mode.WARN
    assert configuration.allow_pod_skip is True
    assert configuration.defaults.enforce is Level.BASELINE
    assert configuration.defaults.enforce_version == "v1.30"
    assert configuration.settings.resources.limits[0].default == {"cpu": 1, "memory": "512Mi"}


@pytest.mark.parametrize(
    ("text", "line", "field", "problem"),
    [
        ("mode: loud\n", 1, "mode", "Invalid enum value"),
        ("x: 1\n", 1, "x", "unknown field"),
        ("mode: warn\nsettings:\n  hostUsers:\n    on: true\n", 4, "settings.hostUsers.true", "unknown field"),
        ("target:\n  profile-version: 1.30\n", 2, "target.profile-version", "Expected `str`"),
        ("target:\n  profile-version: v2.0\n", 2, "target.profile-version", "matching regex"),
        ("\nsettings:\n  seccompProfile: {type: Localhost}\n", 3, "settings.seccompProfile", "localhostProfile must"),
        ("settings:\n  runtimeClassName: {enabled: true}\n", 2, "settings.runtimeClassName", "name must be set"),
        ("settings:\n  resources:\n    limits:\n    - min: {cpu: fast}\n", 4, "settings.resources.limits[0]", "fast"),
        ("settings:\n  resources:\n    limits:\n    - min: {cpu: -1}\n", 4, "settings.resources.limits[0]", "negative"),
        (
            "settings:\n  resources:\n    limits:\n    - min: {gpu: 1}\n",
            4,
            "settings.resources.limits[0].min",
            "cpu|memory",
        ),
        ("kind: Pod\n", 1, "kind", "Invalid enum value"),
        ("- 1\n", 1, "", "Expected `object`"),
        ("mode: warn\nmode: off\n", 2, "", "set twice"),
        ("mode: [\n", 2, "", ""),
        ("mode: warn\n---\nmode: audit\n", 3, "", "expected one document"),
    ],
)
def test_errors_name_the_place(text: str, line: int, field: str, problem: str) -> None:
    """What is wrong is named by file, line and field, and is refused rather than guessed."""
    with pytest.raises(ConfigurationError) as caught:
        read_configuration(text.encode(), "c.yaml")
    assert caught.value.file == "c.yaml"
    assert caught.value.line == line
    assert caught.value.field == field
    assert problem in caught.value.problem
    assert str(caught.value).startswith(f"c.yaml:{line}: ")


def test_off_is_a_word(tmp_path: Path) -> None:
    """YAML 1.1 makes false of it, where nobody quotes it; any other place keeps its boolean."""
    path = tmp_path / "c.yaml"
    text = "mode: off\nobserver: {heal: off}\nallowPodSkip: off\n"
    header = "apiVersion: pod-security-defaulter.io/v1alpha1\nkind: DefaulterConfiguration\n"
    path.write_text(header + text, encoding="utf-8")
    for found in (load_configuration(path), read_configuration(path.read_bytes(), "c.yaml")):
        assert (found.mode, found.observer.heal, found.allow_pod_skip) == ("off", "off", False)
    assert read_configuration((header + "observer: {}\n").encode(), "c.yaml").observer.heal == "off"


def test_a_missing_file_is_named() -> None:
    """A file that is not there is an error that names it."""
    with pytest.raises(ConfigurationError, match=r"nowhere\.yaml: No such file"):
        load_configuration(Path("nowhere.yaml"))
