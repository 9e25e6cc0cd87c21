"""The lock of the tools that build the image's wheel."""

from __future__ import annotations

import re
import tomllib
from typing import Final

from packaging.requirements import Requirement

from tests.shared_data import ROOT

_ENTRY: Final = re.compile(r"^(\S+)==(\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE)


def _entries(name: str) -> dict[str, tuple[str, set[str]]]:
    found = _ENTRY.findall((ROOT / name).read_text(encoding="utf-8"))
    return {package: (version, set(re.findall(r"sha256:\w+", hashes))) for package, version, hashes in found}


def test_the_image_is_built_with_the_tools_of_development() -> None:
    """The same versions and hashes as in requirements-dev.lock."""
    tools, development = _entries("requirements-build.lock"), _entries("requirements-dev.lock")
    assert tools
    assert {name: entry for name, entry in tools.items() if development.get(name) != entry} == {}


def test_all_that_the_build_asks_for_is_locked() -> None:
    """Every requirement of [build-system] is pinned, in a version that it allows."""
    required = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    tools = _entries("requirements-build.lock")
    wanted = [Requirement(text) for text in required]
    assert [str(one) for one in wanted if not one.specifier.contains(tools.get(one.name, ("0", set()))[0])] == []
    assert {one.name for one in wanted} <= set(tools)
