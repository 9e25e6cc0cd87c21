"""That docs/defaults.md says what each default breaks as tests/node/test_harm.py has seen it."""

from __future__ import annotations

from typing import Final

import pytest

from patches.policy.policy import IDS
from tests.node.harms import ELSEWHERE, HARMS
from tests.shared_data import ROOT

_PAGE: Final = ROOT / "docs" / "defaults.md"


def _told(default: str) -> set[str]:
    """What users read where this default does harm."""
    return {harm.told for harm in HARMS if harm.default == default} - {""} | ({ELSEWHERE.get(default, "")} - {""})


def _can_break(default: str) -> str:
    section = _PAGE.read_text(encoding="utf-8").partition(f'<a id="{default}">')[2].partition("\n## ")[0]
    return " ".join(section.partition("- **Can break**")[2].split())


@pytest.mark.parametrize("default", IDS)
def test_what_a_default_breaks_has_been_seen(default: str) -> None:
    """On a real node, by at least one server or program for each."""
    assert _told(default)


@pytest.mark.parametrize("default", IDS)
def test_docs_say_what_a_user_reads(default: str) -> None:
    """What was seen is in the section, word by word, so that it can be searched for."""
    page = _can_break(default)
    assert {text for text in _told(default) if f"`{text}`" not in page} == set()


def test_each_server_is_run_once() -> None:
    """Its name is that of its pod."""
    names = [harm.server.name for harm in HARMS]
    assert sorted(set(names)) == sorted(names)
