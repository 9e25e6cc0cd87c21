"""Every default against its cases, through the library."""

from __future__ import annotations

import copy
from typing import Any, Final

import jsonpatch
import pytest
from jsonpointer import resolve_pointer

from patches.model.decisions import Reason, State
from patches.model.pod import Origin
from patches.model.shapes import Json
from tests.defaults.cases import Case, load_cases

CASES: Final = load_cases()
TOKEN: Final = "kube-api-access-"  # noqa: S105 (a volume's name)
PULL_POLICIES: Final = ("imagePullPolicy", "pullPolicy")
APPLIED: Final = "pod-security-defaulter.io/applied"

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.id}/{case.name}")


@each_case
def test_default_does_what_its_case_says(case: Case) -> None:
    """A default takes the decisions of its case, in order, and the document becomes what the case says."""
    assert case.source
    before = copy.deepcopy(case.document)
    outcome = case.run()
    decisions = [(row.path, str(row.state), str(row.reason)) for row in outcome.decisions if row.id == case.id]
    assert decisions == list(case.decisions)
    assert outcome.patched == case.expected
    assert outcome.withheld == case.withheld
    assert case.document == before, "the input was modified"


@each_case
def test_patch_leads_to_the_expected_document(case: Case) -> None:
    """The operations, applied by a library of others, give what the case says."""
    assert jsonpatch.apply_patch(case.document, list(case.run().operations)) == case.expected


@each_case
def test_second_pass_is_empty(case: Case) -> None:
    """What has been patched needs no patch."""
    assert case.run(case.expected).operations == ()


@each_case
def test_nothing_that_was_set_changes(case: Case) -> None:
    """Whatever `in` sets stands in `out`, but for the injected token and an enforced pull policy."""
    outcome = case.run()
    removed = any(row.reason is Reason.INJECTED_TOKEN for row in outcome.decisions)
    overwritten: tuple[str, ...] = (APPLIED,)
    if case.id == "imagePullPolicy" and case.origin is Origin.ADMISSION:
        overwritten += PULL_POLICIES
    changed = lost(case.document, case.expected, "", removed=removed, overwritten=overwritten)
    assert not changed


@each_case
def test_decisions_carry_their_values(case: Case) -> None:
    """A value that was added is found where its decision says, and so is the author's where it was kept."""
    outcome = case.run()
    for row in outcome.decisions:
        if row.state is State.APPLIED and row.reason is not Reason.INJECTED_TOKEN:
            assert resolve_pointer(outcome.patched, row.path) == row.value
        elif row.state is State.KEPT and row.reason in (Reason.AUTHOR, Reason.OPTED_IN):
            assert resolve_pointer(case.document, row.path) == row.value


def lost(before: Json, after: Json, path: str, *, removed: bool, overwritten: tuple[str, ...]) -> list[str]:
    """The paths of `before` whose values `after` has not. Lists may grow at their end."""
    if isinstance(before, dict) and isinstance(after, dict):
        found = []
        for key, value in before.items():
            if value is not None and key not in overwritten:
                found += lost(value, after.get(key), f"{path}/{key}", removed=removed, overwritten=overwritten)
        return found
    if isinstance(before, list) and isinstance(after, list):
        kept = [value for value in before if not (removed and _is_token(value))]
        after = after + [None] * (len(kept) - len(after))
        found = []
        for index, value in enumerate(kept):
            found += lost(value, after[index], f"{path}/{index}", removed=removed, overwritten=overwritten)
        return found
    return [] if before == after else [path]


def _is_token(value: Any) -> bool:
    return isinstance(value, dict) and str(value.get("name")).startswith(TOKEN)
