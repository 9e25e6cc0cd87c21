"""Builds the compiled form where PSD_COMPILE=1 asks for it: of the engine, and of what a review passes beside it.

mypyc makes extension modules of the same source; pyproject.toml says of which. That takes a C compiler, Python's
headers and what is in requirements-compile.lock. Without it, modules run as they are written, and only speed differs.
"""

import os
import tomllib
from pathlib import Path

from setuptools import Extension, setup


def _extensions() -> list[Extension]:
    if os.environ.get("PSD_COMPILE") != "1":
        return []
    from mypyc.build import mypycify  # noqa: PLC0415 (only the compiled form takes it)

    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    compiled = project["tool"]["compiled"]
    engine = sorted(path.as_posix() for path in Path("patches").rglob("*.py"))
    paths = [path for path in engine if path not in compiled["without"]]
    return mypycify([*paths, *compiled["webhook"]], debug_level="0")


setup(ext_modules=_extensions())
