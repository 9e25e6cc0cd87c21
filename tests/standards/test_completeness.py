"""A check is one module, one line in the tuple, one case folder and one docs row: none is missing, none too many."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re

import pytest

import patches.standards.checks
from patches.standards.checks import CHECKS
from patches.standards.checks.check import Check
from patches.standards.levels import NEWEST_MINOR
from tests.shared_data import ROOT

SOURCE = "https://kubernetes.io/docs/concepts/security/pod-security-standards/"


def module_name(check_id: str) -> str:
    """The module of a check: its id in snake_case."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", check_id).lower()


def test_ids_are_unique() -> None:
    """No two checks share an id."""
    assert len({check.id for check in CHECKS}) == len(CHECKS)


def test_order_is_upstreams() -> None:
    """Baseline comes before restricted, and within a level the ids are in byte order, as upstream prints them."""
    assert list(CHECKS) == sorted(CHECKS, key=lambda check: (check.level.strictness, check.id))


def test_every_module_is_listed_once() -> None:
    """The tuple holds the check of every module of the package, and nothing else."""
    names = {info.name for info in pkgutil.iter_modules(patches.standards.checks.__path__)} - {
        "check",
        "phrases",
        "profiles",
    }
    assert sorted(map(module_name, (check.id for check in CHECKS))) == sorted(names)
    for check in CHECKS:
        assert importlib.import_module(f"patches.standards.checks.{module_name(check.id)}").CHECK is check


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_check_is_well_formed(check: Check) -> None:
    """Versions ascend up to the newest known, overrides name baseline checks, and the module cites its source."""
    since = [minor for minor, _ in check.versions]
    assert since == sorted(set(since))
    assert 0 <= since[0] <= since[-1] <= NEWEST_MINOR
    levels = {other.id: other.level for other in CHECKS}
    assert all(levels[other].strictness < check.level.strictness for other in check.overrides)
    text = (ROOT / "patches" / "standards" / "checks" / f"{module_name(check.id)}.py").read_text(encoding="utf-8")
    assert SOURCE in (ast.get_docstring(ast.parse(text)) or "")


def test_every_check_has_cases() -> None:
    """There is a case folder for each id and none beside them; each has a passing and a failing case."""
    folders = {folder.name: folder for folder in (ROOT / "tests" / "cases" / "checks").iterdir()}
    assert folders.keys() == {check.id for check in CHECKS}
    for folder in folders.values():
        passing = ["\nviolation: null" in case.read_text(encoding="utf-8") for case in folder.iterdir()]
        assert {True, False} == set(passing), folder.name


def test_every_check_has_one_docs_row() -> None:
    """The table of the documentation lists the checks in their order, each with its level."""
    docs = (ROOT / "docs" / "checks.md").read_text(encoding="utf-8")
    rows = re.findall(r'^\| <a id="(\w+)"></a>`(\w+)` \| (\w+) \|', docs, re.MULTILINE)
    assert rows == [(check.id, check.id, check.level.value) for check in CHECKS]
