"""Every check against its cases: `tests/cases/checks/ID/CASE.yaml`, one rule per folder.

A case says where its expectation comes from (`from`), the level and version to judge at (`level`), the metadata and
spec of a pod (`pod`), and what the check ID finds there: `violation: reason (detail)`, or null.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
import yaml

from patches.model.pod import Origin, locate
from patches.standards.judge import judge
from patches.standards.levels import parse_level_version
from tests.shared_data import ROOT

CASES: Final = sorted((ROOT / "tests" / "cases" / "checks").glob("*/*.yaml"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_check_finds_what_its_case_says(path: Path) -> None:
    """A check finds exactly what the case says, in upstream's words, and says why it is expected."""
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert list(case) == ["from", "level", "pod", "violation"]
    assert case["from"]
    pod = locate({"apiVersion": "v1", "kind": "Pod", **case["pod"]}, Origin.ADMISSION)
    assert pod is not None
    found = [str(v) for v in judge(pod, parse_level_version(case["level"])) if v.id == path.parent.name]
    assert found == ([] if case["violation"] is None else [case["violation"]])
