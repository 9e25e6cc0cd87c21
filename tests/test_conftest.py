"""REQUIRE_ALL=1 turns a skip into a failure, and nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shared_data import ROOT

SKIPS = """
import pytest

def test_skips():
    pytest.skip("no data")

@pytest.mark.skip(reason="by mark")
def test_marked():
    pass

@pytest.mark.xfail(strict=True)
def test_expected_to_fail():
    assert False

def test_passes():
    pass
"""
SKIPPED_MODULE = 'import pytest\n\npytest.skip("no cluster", allow_module_level=True)\n'


def run(folder: Path, *, require_all: str, workers: int = 0) -> tuple[int, str, dict[str, int]]:
    """Run pytest in `folder` with our conftest. Return its exit status, its output, and the counts it closes with."""
    shutil.copy(Path(__file__).with_name("conftest.py"), folder)
    plugins = ("-p", "no:cacheprovider", "-p", "no:asyncio", *(("-n", str(workers)) if workers else ()))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, str(folder)],
        cwd=folder,
        env={**os.environ, "REQUIRE_ALL": require_all, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    closing = done.stdout.splitlines()[-1]
    counts = {name.rstrip("s"): int(count) for count, name in re.findall(r"(\d+) ([a-z]+)", closing)}
    return done.returncode, done.stdout, counts


@pytest.mark.parametrize("workers", [0, 1])
def test_a_skipped_test_fails(tmp_path: Path, workers: int) -> None:
    """It fails with its reason (in its setup, where a mark skips it), here and in a worker; an xfail stays one."""
    (tmp_path / "test_sample.py").write_text(SKIPS)
    status, output, counts = run(tmp_path, require_all="1", workers=workers)
    assert status == 1
    assert counts.items() >= {"failed": 1, "error": 1, "passed": 1, "xfailed": 1}.items()
    assert "no data" in output
    assert "by mark" in output


@pytest.mark.parametrize("workers", [0, 1])
def test_a_skipped_module_fails(tmp_path: Path, workers: int) -> None:
    """A module that skips itself while it is collected is an error with its reason."""
    (tmp_path / "test_module.py").write_text(SKIPPED_MODULE)
    (tmp_path / "test_sample.py").write_text("def test_passes(): pass\n")
    status, output, counts = run(tmp_path, require_all="1", workers=workers)
    assert status != 0
    assert counts["error"] == 1
    assert "no cluster" in output


def test_without_it_a_skip_is_a_skip(tmp_path: Path) -> None:
    """On a machine that lacks something, the rest runs and passes."""
    (tmp_path / "test_module.py").write_text(SKIPPED_MODULE)
    (tmp_path / "test_sample.py").write_text(SKIPS)
    status, _, counts = run(tmp_path, require_all="")
    assert status == 0
    assert counts.items() >= {"skipped": 3, "passed": 1, "xfailed": 1}.items()
