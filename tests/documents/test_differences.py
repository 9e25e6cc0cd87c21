"""Unified diffs: patch(1) itself applies them, small ones are difflib's, and hostile ones take seconds."""

from __future__ import annotations

import difflib
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.commands import need
from webhook.documents.differences import diff_lines

_LINES = st.lists(st.sampled_from(["a", "b", "c", "- name: x", "  image: i"]), max_size=60)


@given(_LINES, _LINES)
def test_small_ones_are_difflibs(before: list[str], after: list[str]) -> None:
    """To the letter, with three lines of context."""
    ours = list(diff_lines(before, after, "n", 3))
    assert ours == list(difflib.unified_diff(before, after, "a/n", "b/n", lineterm=""))


@given(_LINES, _LINES)
def test_a_full_diff_holds_both_texts(before: list[str], after: list[str]) -> None:
    """One hunk, also where nothing changes."""
    first, second, hunk, *lines = diff_lines(before, after, "n", None)
    assert (first, second, hunk[:2]) == ("--- a/n", "+++ b/n", "@@")
    assert [line[1:] for line in lines if line[0] in " -"] == before
    assert [line[1:] for line in lines if line[0] in " +"] == after


@pytest.mark.parametrize("modulus", [3000, 1], ids=["anchors", "no-anchors"])
def test_a_long_one_applies(tmp_path: Path, modulus: int) -> None:
    """patch(1) makes the second text of the first."""
    before = [f"- name: c{number % modulus}" for number in range(3000)]
    after = [line for name in before for line in (name, "  added: true")]
    del after[100]
    (tmp_path / "before").write_text("".join(f"{line}\n" for line in before))
    diff = "".join(f"{line}\n" for line in diff_lines(before, after, "n", 3))
    need("patch")
    done = subprocess.run(["patch", str(tmp_path / "before")], input=diff, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "before").read_text().splitlines() == after


def test_only_what_changes_is_in_a_long_one() -> None:
    """Between anchors it is as exact as for small texts."""
    before = [f"- name: c{number}" for number in range(5000)]
    after = [*before[:2500], "  added: true", *before[2500:]]
    assert [line for line in diff_lines(before, after, "n", 3) if line.startswith(("+", "-"))] == [
        "--- a/n",
        "+++ b/n",
        "+  added: true",
    ]


def test_like_lines_without_anchors_that_do_not_change() -> None:
    """A long text of like lines is equal to itself, and where two lines are added just these are."""
    before = ["- name: c", "  image: i"] * 700
    assert list(diff_lines(before, before, "n", 3)) == []
    assert not [line for line in list(diff_lines(before, before, "n", None))[3:] if line[0] != " "]
    after = [*before[:600], "  added: true", "  also: true", *before[600:]]
    changed = [line for line in diff_lines(before, after, "n", 3) if line[0] in "+-"]
    assert changed[2:] == ["+  added: true", "+  also: true"]


def test_many_like_lines_take_seconds() -> None:
    """A hundred thousand lines that are the same two again and again: difflib alone would take hours."""
    before = ["- name: c", "  image: i"] * 50_000
    after = [line for _ in range(50_000) for line in ("- name: c", "  image: i", "  added: true")]
    start = time.monotonic()
    assert sum(line.startswith("+") for line in diff_lines(before, after, "n", 3)) > 50_000
    assert time.monotonic() - start < 60
