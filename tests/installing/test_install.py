"""What the Makefile installs is what the locks say, whichever pip a Python brings along."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from packaging.utils import canonicalize_name

from tests.installing import locks
from tests.installing.sources import copy_sources

pytestmark = [pytest.mark.slow, pytest.mark.install]

_OLDEST: Final = "22.3" if sys.version_info < (3, 12) else "23.2.1"
"""That of Python 3.11.0. It does not start under 3.12, whose first release brought 23.2.1."""
_SECONDS: Final = 600
_INSTALLED: Final = """
import json
from importlib.metadata import distributions
print(json.dumps({found.name: found.version for found in distributions()}))
"""


@pytest.mark.parametrize("pip", [f"pip=={_OLDEST}", "pip"], ids=["oldest", "newest"])
def test_the_locks_install(pip: str, tmp_path: Path) -> None:
    """With the oldest pip and the newest: first what runs, and the command works; then the tools; and no warning."""
    checkout = copy_sources(tmp_path / "checkout")
    python = checkout / ".venv" / "bin" / "python"
    _run([sys.executable, "-m", "venv", ".venv"], checkout)
    reached = _run([str(python), "-m", "pip", "--version"], checkout).split()[1]
    try:
        _run([str(python), "-m", "pip", "install", "--quiet", "--upgrade", pip], checkout)
    except AssertionError as error:
        pytest.skip(f"no package registry can be reached: {error}")
    version = _run([str(python), "-m", "pip", "--version"], checkout).split()[1]
    assert version == _OLDEST if "==" in pip else version >= reached
    print(f"pip {version}")

    said = _run(["make", "--no-print-directory", ".venv/.runtime"], checkout)
    assert said.splitlines() == ["installing what runs into .venv, from requirements.lock"]
    assert _run([str(python.with_name("pod-security-defaulter")), "config", "-o", "schema"], checkout).startswith("{")
    _same(python, checkout, "requirements.lock", "requirements-build.lock")

    said = _run(["make", "--no-print-directory", ".venv/.tools"], checkout)
    assert said.splitlines() == [
        "installing the tools of development into .venv, from requirements-dev.lock",
    ]
    _same(python, checkout, "requirements-dev.lock")


def _same(python: Path, checkout: Path, *names: str) -> None:
    """The environment has what these locks pin, and beside that only pip and this project."""
    installed = json.loads(_run([str(python), "-c", _INSTALLED], checkout))
    pinned = {
        package: pin.version
        for name in names
        for package, pin in locks.parse(locks.read(name)).items()
        if pin.holds_in({})
    }
    assert {canonicalize_name(name): version for name, version in installed.items()} == pinned | {
        "pip": installed["pip"],
        "pod-security-defaulter": locks.declared()["project"]["version"],
    }


def _run(command: list[str], directory: Path) -> str:
    """What a command printed, errors included; it must succeed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        command,
        cwd=directory,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
