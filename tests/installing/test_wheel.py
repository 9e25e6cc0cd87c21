"""The wheel holds all that runs."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib.resources import files
from pathlib import Path

import pytest

from tests.installing.sources import copy_sources

PACKAGES = ("patches", "webhook")


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_says_that_it_is_typed(package: str) -> None:
    """As installed here it has the file by which type checkers read its annotations."""
    assert files(package).joinpath("py.typed").is_file()


@pytest.mark.slow
def test_the_wheel_holds_every_file(tmp_path: Path) -> None:
    """Every file of both packages is in it, with the page and `py.typed`, and setuptools has nothing to warn of."""
    source = copy_sources(tmp_path / "source")
    expected = {
        path.relative_to(source).as_posix(): path.read_bytes()
        for package in PACKAGES
        for path in (source / package).rglob("*")
        if path.is_file()
    }
    flags = ["--verbose", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(tmp_path)]
    command = [sys.executable, "-m", "pip", "wheel", *flags, str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "*" * 20 not in done.stdout + done.stderr  # the frame of its warnings
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name: archive.read(name) for name in archive.namelist() if name.split("/")[0] in PACKAGES}
    assert packed == expected
    data = ("page/static/index.html", "preview/pod_fields.json", "reports/static/scan.css")
    assert {"patches/py.typed", "webhook/py.typed", *(f"webhook/{name}" for name in data)} <= packed.keys()
