"""docs/migration.md: what becomes of the pod of each row is what the column *here* says."""

from __future__ import annotations

import re

import pytest

from tests.docs.migration import LINES, TEXT, Row, find, rows


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.name)
def test_a_pod_becomes_what_its_row_says(row: Row) -> None:
    """By the engine, with the settings of the row."""
    written = row.written_here()
    assert [(path, find(written, path)) for path, _ in row.here] == row.here


def test_every_table_has_rows() -> None:
    """So that none is passed over because it cannot be read."""
    tables = [line for line in LINES if line.startswith("|---")]
    assert len(tables) == 3
    assert len(rows()) == len(LINES) - 2 * len(tables)


def test_every_rule_has_a_source() -> None:
    """Each names a link that the page defines; each row without a rule follows one with it."""
    links = dict(re.findall(r"^\[([^\]]+)\]: (https://\S+)$", TEXT, re.MULTILINE))
    rules = [re.sub(r"`[^`]+`", "", row.rule) for row in rows() if row.rule]
    assert [rule for rule in rules if not set(re.findall(r"\[([^\]]+)\](?!\[)", rule)) & links.keys()] == []
    assert rows()[0].rule
