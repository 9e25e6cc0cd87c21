"""docs/migration.md: what becomes of the pod of each row is what the column *here* says."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

import msgspec
import pytest
import yaml

from patches import DefaulterConfiguration, Origin, compile_namespace, empty_snapshot, evaluate
from tests.defaults.cases import view
from tests.shared_data import ROOT

_COLUMNS: Final = 5
_CODE: Final = re.compile(r"`([^`]+)`")
_STEP: Final = re.compile(r"[^.\[\]]+")


class _Row(NamedTuple):
    pod: Any
    here: list[tuple[str, Any]]
    settings: Any


def _rows() -> list[_Row]:
    lines = (ROOT / "docs" / "migration.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    rows = []
    for row in cells:
        assert len(row) == _COLUMNS, row
        if row[1].startswith("`"):
            claims = [claim.partition(": ") for claim in _CODE.findall(row[3])]
            settings = {} if row[4] == "-" else yaml.safe_load(row[4].strip("`"))
            here = [(path, yaml.safe_load(value)) for path, _, value in claims]
            rows.append(_Row(yaml.safe_load(row[1].strip("`")), here, settings))
    return rows


def _find(value: Any, path: str) -> Any:
    """What stands at a path such as `containers[0].image`; `unset` if nothing does."""
    for step in _STEP.findall(path):
        if isinstance(value, list):
            value = value[int(step)]
        elif step in value:
            value = value[step]
        else:
            return "unset"
    return value


@pytest.mark.parametrize("row", _rows(), ids=lambda row: f"{row.pod} {row.here[0][0]}")
def test_a_pod_becomes_what_its_row_says(row: _Row) -> None:
    """By the engine, with the settings of the row."""
    for name in ("initContainers", "containers"):
        for index, container in enumerate(row.pod.get(name, ())):
            container |= {"name": f"{name.lower()}-{index}", "image": "registry.example/i:1"}
    configuration = msgspec.convert({"settings": row.settings}, DefaulterConfiguration)
    document = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": row.pod}
    outcome = evaluate(view(document, Origin.MANIFEST), compile_namespace(empty_snapshot("default"), configuration))
    assert [(path, _find(outcome.patched["spec"], path)) for path, _ in row.here] == row.here


def test_every_table_has_rows() -> None:
    """So that none is passed over because it cannot be read."""
    lines = (ROOT / "docs" / "migration.md").read_text(encoding="utf-8").splitlines()
    tables = [line for line in lines if line.startswith("|---")]
    assert len(tables) == 3
    assert len(_rows()) == len([line for line in lines if line.startswith("|")]) - 2 * len(tables)
