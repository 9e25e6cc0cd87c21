"""What the page says is what the engine and the documentation say."""

from __future__ import annotations

import json
import re
from typing import Any

from patches.model.decisions import Reason, State, Withheld
from patches.model.notices import NoticeCode
from patches.model.starting import Cause
from patches.policy.policy import IDS
from patches.standards.checks import CHECK_FIELDS
from patches.standards.levels import NEWEST_MINOR, Level
from tests.shared_data import ROOT
from webhook.page.assets import load_assets

_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")


def _table(module: str, name: str) -> dict[str, Any]:
    """The JSON behind `export const NAME =` in a module."""
    text = load_assets()[module].body.decode()
    _, _, rest = text.partition(f"export const {name} = ")
    value, _ = json.JSONDecoder().raw_decode(rest)
    assert isinstance(value, dict)
    return value


def _rows(page: str) -> dict[str, list[str]]:
    """The rows of the tables in docs/ by their id, links as their text."""
    text = _LINK.sub(r"\1", (ROOT / "docs" / page).read_text())
    rows = re.findall(r'^\| <a id="[^"]*"></a>`([^`]*)` \| (.*) \|$', text, re.MULTILINE)
    return {name: rest.split(" | ") for name, rest in rows}


def test_every_state_and_reason_is_explained() -> None:
    """None is missing, and none is explained that does not exist."""
    assert set(_table("reasons.js", "STATES")) == set(State)
    assert set(_table("reasons.js", "REASONS")) == {*Reason, *Withheld}


def test_reasons_are_told_in_the_words_of_the_documentation() -> None:
    """Means and advice are the columns of docs/reasons.md."""
    told = {name: [words["means"], words["advice"]] for name, words in _table("reasons.js", "REASONS").items()}
    rows = _rows("reasons.md")
    assert told == {name: row for name, row in rows.items() if name not in {*NoticeCode, *Cause}}


def test_every_cause_is_told_in_the_words_of_the_documentation() -> None:
    """None is missing, and none is explained that does not exist."""
    told = {name: [words["means"], words["advice"]] for name, words in _table("causes.js", "CAUSES").items()}
    assert told == {name: row for name, row in _rows("reasons.md").items() if name in set(Cause)}
    assert set(told) == set(Cause)


def test_checks_name_the_field_and_the_value() -> None:
    """The field is that of the warnings, what satisfies the check is the column of docs/checks.md."""
    checks = _table("checks.js", "CHECKS")
    assert {name: check["field"] for name, check in checks.items()} == CHECK_FIELDS
    assert {name: check["fix"] for name, check in checks.items()} == {
        name: row[-1] for name, row in _rows("checks.md").items()
    }


def test_every_default_has_a_title() -> None:
    """As the engine knows them, in its order."""
    assert tuple(_table("defaults.js", "DEFAULTS")) == IDS


def test_the_choices_are_all_there() -> None:
    """Every level, the strictest first, and the versions from the newest known back to 1.25."""
    levels = sorted(Level, key=lambda level: -level.strictness)
    assert _choices("profile") == [*levels, "as the namespace says"]
    assert _choices("version") == ["latest", *(f"v1.{minor}" for minor in range(NEWEST_MINOR, 24, -1))]


def _choices(field: str) -> list[str]:
    html = load_assets()["index.html"].body.decode()
    (select,) = re.findall(rf'<select id="{field}">(.*?)</select>', html, re.DOTALL)
    return re.findall(r"<option[^>]*>([^<]*)</option>", select)
