"""Builds the compiled form of the engine, where PSD_COMPILE=1 asks for it; all else is in pyproject.toml.

mypyc makes extension modules of the same source. That takes a C compiler, Python's headers and what is in
requirements-compile.lock. Without it, modules run as they are written: nothing but speed differs.
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
    interpreted = project["tool"]["compiled"]["without"]
    paths = sorted(path.as_posix() for path in Path("patches").rglob("*.py"))
    return mypycify([path for path in paths if path not in interpreted], debug_level="0")


setup(ext_modules=_extensions())
