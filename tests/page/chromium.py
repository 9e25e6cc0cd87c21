"""Finds the browser, which the machine has or has not, and axe-core, which npm brings into the cache.

Nothing is installed outside that: what is missing is told, with the command that brings it. `.ci/run` runs it.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

ARGUMENTS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
_AXE: Final = "axe-core-4.14.1"
_AXE_INTEGRITY: Final = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
"""The registry's sha512 of that version."""
_SECONDS: Final = 600


def executable() -> Path:
    """The browser. Where it is missing the test is skipped."""
    found = _found()
    if found is None:
        pytest.skip("no Chromium: `apt-get install chromium`, or name a browser in PSD_CHROMIUM")
    return found


def axe() -> str:
    """axe-core's script, from the cache or the npm registry; checked against its hash. Skips where it cannot be had."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pod-security-defaulter"
    archive = cache / f"{_AXE}.tgz"
    with _alone("axe-core"):
        if not archive.exists():
            cache.mkdir(parents=True, exist_ok=True)
            package = _AXE.replace("core-", "core@")
            flags = ["--silent", "--cache", str(cache / "npm"), "--pack-destination", str(cache)]
            command = ["npm", "pack", *flags, package]
            try:
                subprocess.run(command, capture_output=True, timeout=_SECONDS, check=True, cwd=cache)
            except (OSError, subprocess.SubprocessError) as error:
                pytest.skip(f"axe-core cannot be had from the npm registry (`apt-get install npm` brings npm): {error}")
    data = archive.read_bytes()
    assert base64.b64encode(hashlib.sha512(data).digest()).decode() == _AXE_INTEGRITY, (
        f"{archive} is not what is pinned"
    )
    with tarfile.open(archive) as files:
        script = files.extractfile("package/axe.min.js")
        assert script is not None
        return script.read().decode()


def _found() -> Path | None:
    named = os.environ.get("PSD_CHROMIUM")
    for name in (named,) if named else _NAMES:
        path = shutil.which(name)
        if path:
            return Path(path)
    return None


@contextmanager
def _alone(what: str) -> Iterator[None]:
    """No other process of these tests installs the same meanwhile."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pod-security-defaulter"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{what}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
