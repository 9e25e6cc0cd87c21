"""Which version of a check is in force."""

from __future__ import annotations

from patches.model.pod import Pod
from patches.standards.checks.check import Check
from patches.standards.levels import Level
from patches.standards.violations import Violation


def _old(_: Pod) -> Violation | None:
    return None


def _new(_: Pod) -> Violation | None:
    return None


CHECK = Check(
    id="example",
    level=Level.BASELINE,
    versions=((8, _old), (25, _new)),
    removable=(),
    title="An example",
    asks="Nothing.",
    fields="spec",
    fix="nothing",
)


def test_no_rule_before_the_first_version() -> None:
    """A check that is younger than the version asked for has no rule."""
    assert CHECK.at(7) is None


def test_rule_holds_until_the_next_one() -> None:
    """A rule is in force from its own version up to the one that replaces it."""
    assert CHECK.at(8) is _old
    assert CHECK.at(24) is _old
    assert CHECK.at(25) is _new
    assert CHECK.at(37) is _new
