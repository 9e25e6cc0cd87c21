"""The tables of docs/ and of the page are made from the engine, not kept in step by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import tables


@pytest.mark.parametrize("path", tables.tables(), ids=lambda path: path.name)
def test_a_table_is_what_make_tables_makes(path: Path) -> None:
    """If this fails, run `make tables` and commit what it changes."""
    assert path.read_text(encoding="utf-8") == tables.tables()[path], f"{path.name} is stale: run `make tables`"


def test_a_page_with_other_tables_is_refused(tmp_path: Path) -> None:
    """A marker that was removed or misspelt is an error, and not a table that is never made again."""
    page = tmp_path / "page.md"
    page.write_text("<!-- make tables: checks -->\n<!-- end -->\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"page\.md has the tables \['checks'\], not \['defaults'\]"):
        tables.replace_tables(page, {"defaults": []})


def test_only_what_is_stale_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command writes the stale file, names it, and leaves the other alone."""
    stale, fresh = tmp_path / "stale", tmp_path / "fresh"
    stale.write_text("old", encoding="utf-8")
    fresh.write_text("new", encoding="utf-8")
    before = fresh.stat().st_mtime_ns
    monkeypatch.setattr(tables, "ROOT", tmp_path)
    monkeypatch.setattr(tables, "tables", lambda: dict.fromkeys((stale, fresh), "new"))
    tables.main()
    assert stale.read_text(encoding="utf-8") == "new"
    assert capsys.readouterr().out == "made stale\n"
    assert fresh.stat().st_mtime_ns == before
