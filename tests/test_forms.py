"""The form of the engine that is tested is the one that is meant, here and in what the tests start."""

from __future__ import annotations

import importlib
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

import patches
from tests.forms import FORM
from tests.installing import locks
from tests.shared_data import ROOT

_COMPILED = locks.declared()["tool"]["compiled"]
_WITHOUT = _COMPILED["without"]
_PATHS = sorted(path.relative_to(ROOT) for path in (ROOT / "patches").rglob("*.py"))
_WEBHOOK = [Path(path) for path in _COMPILED["webhook"]]


def test_the_form_is_the_one_that_is_meant() -> None:
    """Also in a program that a test starts."""
    assert patches.FORM == FORM
    program = "import patches; print(patches.FORM)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == [FORM]


@pytest.mark.parametrize("path", [*_PATHS, *_WEBHOOK], ids=str)
def test_a_module_runs_in_its_form(path: Path) -> None:
    """Compiled, where that is meant, unless pyproject.toml leaves it out."""
    module = importlib.import_module(".".join(path.with_suffix("").parts).removesuffix(".__init__"))
    compiled = FORM == "compiled" and path.as_posix() not in _WITHOUT
    assert module.__file__ is not None
    assert module.__file__.endswith(tuple(EXTENSION_SUFFIXES)) == compiled


def test_what_is_left_out_exists() -> None:
    """The list names modules."""
    assert {path.as_posix() for path in _PATHS} >= set(_WITHOUT)
