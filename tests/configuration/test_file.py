"""The configuration file of a running server: swapped, broken, gone and back."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from webhook.configuration.file import ConfigurationFile, LoadedConfiguration
from webhook.errors import ConfigurationError

_WARN = "mode: warn\n"
_AUDIT = "mode: audit\n"


def _watched(path: Path, text: str = _WARN) -> tuple[ConfigurationFile, list[LoadedConfiguration], Callable[[], None]]:
    """A watched file, what was applied so far, and a look at the file."""
    path.write_text(text, encoding="utf-8")
    watched = ConfigurationFile(path)
    applied: list[LoadedConfiguration] = []
    return watched, applied, lambda: watched.check(applied.append)


def test_the_generation_is_the_hash_of_the_file(tmp_path: Path) -> None:
    """So that an operator can compare it with `sha256sum`."""
    watched, _, _ = _watched(tmp_path / "c.yaml")
    assert watched.loaded.generation == hashlib.sha256(_WARN.encode()).hexdigest()[:12]
    assert watched.loaded.configuration.mode == "warn"


def test_without_a_file(tmp_path: Path) -> None:
    """The defaults hold, and nothing is ever looked at."""
    watched = ConfigurationFile(None)
    assert watched.loaded.generation == "default"
    watched.check(lambda _: pytest.fail(f"applied, in {tmp_path}"))


def test_a_change_is_applied_once(tmp_path: Path) -> None:
    """Looking again changes nothing; touching the file without changing it neither."""
    watched, applied, look = _watched(tmp_path / "c.yaml")
    look()
    assert applied == []
    (tmp_path / "c.yaml").write_text(_AUDIT, encoding="utf-8")
    look()
    look()
    assert [loaded.configuration.mode for loaded in applied] == ["audit"]
    os.utime(tmp_path / "c.yaml")
    look()
    assert len(applied) == 1
    assert watched.loaded is applied[0]


def test_a_config_map_swaps_a_link(tmp_path: Path) -> None:
    """The kubelet writes a new directory and moves the link `..data` to it: file → ..data/file → ..date/file."""
    for name, text in (("one", _WARN), ("two", _AUDIT)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "configuration.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "..data").symlink_to("one")
    (tmp_path / "configuration.yaml").symlink_to("..data/configuration.yaml")
    watched = ConfigurationFile(tmp_path / "configuration.yaml")
    assert watched.loaded.configuration.mode == "warn"
    (tmp_path / "..tmp").symlink_to("two")
    (tmp_path / "..tmp").replace(tmp_path / "..data")
    applied: list[LoadedConfiguration] = []
    watched.check(applied.append)
    assert [loaded.configuration.mode for loaded in applied] == ["audit"]


def test_a_directory_is_joined_in_the_order_of_names(tmp_path: Path) -> None:
    """Mappings are joined, of any other value the last file's counts; hidden files are not read."""
    files = {
        "10-first.yaml": "mode: warn\nsettings: {identity: {enabled: true, runAsUser: 5}, resources: {limits: []}}\n",
        "configuration.yaml": "mode: audit\nsettings: {identity: {runAsUser: 6}}\n",
        ".hidden.yaml": "mode: no such thing\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    watched = ConfigurationFile(tmp_path)
    configuration = watched.loaded.configuration
    assert configuration.mode == "audit"
    assert (configuration.settings.identity.enabled, configuration.settings.identity.run_as_user) == (True, 6)
    assert configuration.settings.resources.limits == ()
    both = (files["10-first.yaml"] + files["configuration.yaml"]).encode()
    assert watched.loaded.generation == hashlib.sha256(both).hexdigest()[:12]
    applied: list[LoadedConfiguration] = []
    watched.check(applied.append)
    (tmp_path / "20-second.yaml").write_text("mode: maybe\n", encoding="utf-8")
    watched.check(applied.append)
    assert watched.problem.startswith(str(tmp_path / "20-second.yaml"))
    (tmp_path / "20-second.yaml").write_text("allowPodSkip: true\n", encoding="utf-8")
    watched.check(applied.append)
    assert [(loaded.configuration.mode, loaded.configuration.allow_pod_skip) for loaded in applied] == [("audit", True)]


@pytest.mark.parametrize("names", [[], ["configuration"], ["1.yaml", "2.yaml.bak"]], ids=["none", "key", "backup"])
def test_a_directory_that_would_mean_the_defaults_by_mistake(tmp_path: Path, names: list[str]) -> None:
    """Nothing in it, or a file that would not be read for its name: an error, not the defaults."""
    for name in names:
        (tmp_path / name).write_text(_WARN, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=str(tmp_path)):
        ConfigurationFile(tmp_path)


def test_files_that_do_not_fit_together(tmp_path: Path) -> None:
    """Each is good, both are not: the error names them."""
    (tmp_path / "1.yaml").write_text("settings: {runtimeClassName: {enabled: true, name: kata}}\n", encoding="utf-8")
    (tmp_path / "2.yaml").write_text('settings: {runtimeClassName: {name: ""}}\n', encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"1\.yaml.*2\.yaml.*name must be set"):
        ConfigurationFile(tmp_path)


@pytest.mark.parametrize("bad", ["mode: maybe\n", "mode: [\n", None], ids=["value", "syntax", "gone"])
def test_a_bad_file_keeps_the_old_one(tmp_path: Path, bad: str | None, caplog: pytest.LogCaptureFixture) -> None:
    """It is said once, with file and reason, and forgotten when the file is good again, also as it was."""
    path = tmp_path / "c.yaml"
    watched, applied, look = _watched(path)
    if bad is None:
        path.unlink()
    else:
        path.write_text(bad, encoding="utf-8")
    look()
    look()
    assert applied == []
    assert str(path) in watched.problem
    assert watched.loaded.configuration.mode == "warn"
    assert len(caplog.records) == 1
    path.write_text(_WARN, encoding="utf-8")
    look()
    assert watched.problem == ""
    assert applied == []


def test_a_bad_file_at_the_start_is_an_error(tmp_path: Path) -> None:
    """There is no old one to keep."""
    (tmp_path / "c.yaml").write_text("mode: maybe\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="mode"):
        ConfigurationFile(tmp_path / "c.yaml")


def test_a_configuration_is_warned_about_once_per_load(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """At the start and when a change is taken over, by generation; not each time that the file is looked at."""
    far = "settings: {resources: {limits: [{default: {cpu: 1}, defaultRequest: {cpu: 10m}}]}}\n"
    watched, _, look = _watched(tmp_path / "c.yaml", far)
    look()
    told = f"configuration {watched.loaded.generation}: settings.resources.limits[0]: limit cpu 1 is 100 times"
    assert [record.getMessage()[: len(told)] for record in caplog.records] == [told]
    (tmp_path / "c.yaml").write_text(far.replace("10m", "20m"), encoding="utf-8")
    look()
    look()
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warned) == 2
    assert "limit cpu 1 is 50 times its request 20m" in warned[1]


async def test_run_looks_by_itself(tmp_path: Path) -> None:
    """A change arrives without being asked for."""
    path = tmp_path / "c.yaml"
    watched, _, _ = _watched(path)
    arrived = asyncio.Event()
    task = asyncio.create_task(watched.run(lambda _: arrived.set()))
    try:
        path.write_text(_AUDIT, encoding="utf-8")
        async with asyncio.timeout(10):
            await arrived.wait()
    finally:
        task.cancel()
    assert watched.loaded.configuration.mode == "audit"
