"""Reads the rows of docs/migration.md."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any, Final, NamedTuple

import msgspec
import yaml

from patches import DefaulterConfiguration, Origin, compile_namespace, empty_snapshot, evaluate
from tests.pods import view
from tests.shared_data import ROOT

TEXT: Final = (ROOT / "docs" / "migration.md").read_text(encoding="utf-8")
LINES: Final = [line for line in TEXT.splitlines() if line.startswith("|")]
"""Those of the tables."""

UNSET: Final = "unset"

_COLUMNS: Final = 5
_CODE: Final = re.compile(r"`([^`]+)`")
_STEP: Final = re.compile(r"[^.\[\]]+")

Claims = list[tuple[str, Any]]
"""Paths below `spec`, and what stands there."""


class Row(NamedTuple):
    """A row of a table.

    Attributes:
        rule: the first cell; "" where it is that of the row above.
        spec: the pod's, with the names and images that the table leaves out.
        there: what the rule writes.
        refused: whether the API server refuses that.
        here: what we write.
        settings: with which configuration.
    """

    rule: str
    spec: Any
    there: Claims
    refused: bool
    here: Claims
    settings: Any

    @property
    def name(self) -> str:
        """For the test of this row."""
        return f"{self.rule} {self.here[0][0]}"

    def written_there(self) -> Any:
        """The spec as the rule leaves it."""
        spec = deepcopy(self.spec)
        for path, value in self.there:
            *steps, last = _steps(path)
            parent = spec
            for step in steps:
                parent = parent.setdefault(step, {}) if isinstance(parent, dict) else parent[step]
            parent[last] = value
        return spec

    def written_here(self) -> Any:
        """The spec as the engine leaves it."""
        configuration = msgspec.convert({"settings": self.settings}, DefaulterConfiguration)
        document = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": self.spec}
        namespace = compile_namespace(empty_snapshot("default"), configuration)
        return evaluate(view(document, Origin.MANIFEST), namespace).patched["spec"]


def rows() -> list[Row]:
    """The rows of all tables, in their order."""
    found: list[Row] = []
    for line in LINES:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert len(cells) == _COLUMNS, line
        if cells[1].startswith("`"):
            there = found[-1].there if cells[2].startswith("the same") else _claims(cells[2])
            settings = {} if cells[4] == "-" else yaml.safe_load(cells[4].strip("`"))
            row = Row(cells[0], _spec(cells[1]), there, "refused" in cells[2], _claims(cells[3]), settings)
            found.append(row)
    return found


def find(value: Any, path: str) -> Any:
    """What stands at a path such as `containers[0].image`; `UNSET` if nothing does."""
    for step in _steps(path):
        if isinstance(step, str) and step not in value:
            return UNSET
        value = value[step]
    return value


def _spec(cell: str) -> Any:
    spec = yaml.safe_load(cell.strip("`"))
    for name in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(name, ())):
            container |= {"name": f"{name.lower()}-{index}", "image": "registry.example/i:1"}
    return spec


def _claims(cell: str) -> Claims:
    found = [claim.partition(": ") for claim in _CODE.findall(cell)]
    assert all(value for _, _, value in found), cell
    return [(path, yaml.safe_load(value)) for path, _, value in found]


def _steps(path: str) -> list[str | int]:
    return [int(step) if step.isdigit() else step for step in _STEP.findall(path)]
