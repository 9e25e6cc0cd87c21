"""Cases of the preview as data: `tests/cases/preview/KIND/CASE.yaml`, for every door, and for a real API server.

The keys of a case:

`from`: where the expectation comes from. `labels`: of the namespace. `in`: the document.
`before`, `after`: the violations, in upstream's words. `allowed`: whether its pods would be admitted with the defaults.
`warns`, `checks`: warnings that `preview` and `check` give, beside others; that of the API server is among them.
`never`: words that no warning contains.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import yaml

from tests.shared_data import ROOT

FOLDER: Final = ROOT / "tests" / "cases" / "preview"


@dataclass(frozen=True, slots=True)
class Case:
    """One case."""

    name: str
    labels: dict[str, str]
    document: Any
    before: list[str]
    after: list[str]
    allowed: bool
    warns: list[str]
    checks: list[str]
    never: list[str]

    def namespace(self, name: str = "shop") -> dict[str, Any]:
        """The namespace of the document."""
        return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": self.labels}}


@cache
def load_cases() -> tuple[Case, ...]:
    """Every case, by name."""
    return tuple(
        _read(f"{path.parent.name}/{path.stem}", yaml.safe_load(path.read_text(encoding="utf-8")))
        for path in sorted(FOLDER.glob("*/*.yaml"))
    )


def _read(name: str, keys: dict[str, Any]) -> Case:
    assert keys.pop("from"), name
    keys.setdefault("never", [])
    return Case(name=name, document=keys.pop("in"), **keys)


def texts(rows: list[dict[str, str]]) -> list[str]:
    """Violations of a report in upstream's words."""
    return [f"{row['reason']} ({row['detail']})" for row in rows]
