"""The locks are complete: they are installed without a resolver, whatever a registry has newest."""

from __future__ import annotations

import re
import subprocess
from typing import Any, Final

import pytest

from tests.installing import locks
from tests.shared_data import ROOT

_RUNTIME, _DEVELOPMENT, _BUILD = "requirements.lock", "requirements-dev.lock", "requirements-build.lock"
_COMPILE: Final = "requirements-compile.lock"
_PROJECT: Final[dict[str, Any]] = locks.declared()
_WANTED: Final[dict[str, list[str]]] = {
    _RUNTIME: _PROJECT["project"]["dependencies"],
    _DEVELOPMENT: _PROJECT["project"]["dependencies"] + _PROJECT["project"]["optional-dependencies"]["dev"],
    _BUILD: _PROJECT["build-system"]["requires"],
    _COMPILE: _PROJECT["project"]["dependencies"] + _PROJECT["project"]["optional-dependencies"]["compile"],
}
_VERSIONS: Final = ("3.11", "3.12", "3.13", "3.14")
_PLATFORMS: Final = {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}
_ENVIRONMENTS: Final = [
    {
        "python_version": version,
        "python_full_version": f"{version}.0",
        "sys_platform": platform,
        "platform_system": system,
        "os_name": "nt" if platform == "win32" else "posix",
    }
    for version in _VERSIONS
    for platform, system in _PLATFORMS.items()
]


@pytest.mark.parametrize("name", _WANTED)
def test_a_lock_is_complete(name: str) -> None:
    """All that the project and each pinned package require is pinned in it, in a version that they allow, here."""
    lock = locks.parse(locks.read(name))
    assert locks.not_installed(lock) == [], f"{name} is not what is installed: `make venv`"
    assert locks.gaps(lock, _WANTED[name]) == []


@pytest.mark.parametrize("name", _WANTED)
@pytest.mark.parametrize("environment", _ENVIRONMENTS, ids=lambda one: f"{one['sys_platform']}-{one['python_version']}")
def test_a_lock_is_complete_elsewhere(name: str, environment: dict[str, str]) -> None:
    """It is so for other Pythons and platforms, as far as the packages of this one say what they require there."""
    assert locks.gaps(locks.parse(locks.read(name)), _WANTED[name], environment) == []


def _without(text: str, package: str) -> str:
    return re.sub(rf"^{package}==(?:.*\\\n)+.*\n", "", text, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("name", "package", "by"),
    [
        (_RUNTIME, "yarl", "aiohttp"),
        (_RUNTIME, "aiohttp", "the project"),
        (_DEVELOPMENT, "coverage", "pytest-cov"),
        (_BUILD, "packaging", "wheel"),
    ],
)
def test_a_lock_that_lacks_a_package_is_told(name: str, package: str, by: str) -> None:
    """The check fails for a lock with one entry less, and says who requires it."""
    doctored = locks.parse(_without(locks.read(name), package))
    assert package not in doctored
    found = locks.gaps(doctored, _WANTED[name])
    assert any(re.fullmatch(rf"{by}.* requires {package}\b.*, which is not pinned", gap) for gap in found), found


def test_a_lock_that_lacks_what_an_extra_requires_is_told() -> None:
    """The requirements of `package[extra]` count where somebody asks for the extra, and only there."""
    lock = {name: pin for name, pin in locks.parse(locks.read(_DEVELOPMENT)).items() if name != "linkify-it-py"}
    assert locks.gaps(lock, ["markdown-it-py[linkify]"]) == locks.gaps(lock, [])  # textual asks for it already
    alone = {name: lock[name] for name in ("markdown-it-py", "mdurl")}
    assert locks.gaps(alone, ["markdown-it-py"]) == []
    (gap,) = locks.gaps(alone, ["markdown-it-py[linkify]"])
    assert "linkify-it-py" in gap


def test_a_lock_with_a_version_that_is_not_allowed_is_told() -> None:
    """An older version than a requirement allows is as bad as none."""
    text = re.sub(r"^yarl==\S+", "yarl==0.1", locks.read(_RUNTIME), flags=re.MULTILINE)
    assert any("yarl" in gap and "0.1 is pinned" in gap for gap in locks.gaps(locks.parse(text), _WANTED[_RUNTIME]))


def test_a_pin_for_another_platform_only_is_told() -> None:
    """A marker that leaves this environment out leaves a gap here."""
    text = re.sub(r"^(yarl==\S+)", r"\1 ; sys_platform == 'elsewhere'", locks.read(_RUNTIME), flags=re.MULTILINE)
    assert any("requires yarl" in gap for gap in locks.gaps(locks.parse(text), _WANTED[_RUNTIME]))


def test_a_pin_without_a_hash_is_told() -> None:
    """It is no entry of a lock."""
    with pytest.raises(ValueError, match=r"six==1\.0"):
        locks.parse(locks.read(_RUNTIME) + "six==1.0\n")


@pytest.mark.parametrize("name", [_RUNTIME, _BUILD])
def test_one_version_everywhere(name: str) -> None:
    """What runs and what builds has the same versions and hashes as in development."""
    development = locks.parse(locks.read(_DEVELOPMENT))
    lock = locks.parse(locks.read(name))
    assert lock
    assert {package for package, pin in lock.items() if development[package][::2] != pin[::2]} == set()


@pytest.mark.parametrize("name", _WANTED)
def test_a_lock_names_no_registry(name: str) -> None:
    """No address of the registry that was asked when it was made."""
    assert "://" not in locks.read(name)
    assert "index-url" not in locks.read(name)


def test_no_installation_resolves() -> None:
    """Whoever installs from a lock, the Makefile or the Dockerfile, takes wheels of it and nothing else."""
    command = ["make", "--dry-run", "--always-make", "--no-print-directory", ".venv/.tools"]
    makefile = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = (makefile + "\n" + dockerfile).replace("\\\n", " ").replace("&&", "\n").splitlines()
    installing = [line for line in lines if re.search(r"pip\b.* install .*-r ", line)]
    assert len(installing) == 4
    needed = ("--no-deps", "--require-hashes", "--only-binary :all:")
    assert [line for line in installing if not all(flag in line for flag in needed)] == []
