"""What the codes of the engine know of themselves."""

from __future__ import annotations

import pytest

from patches.model.decisions import Reason, State, Withheld


def test_a_reason_is_its_code() -> None:
    """It prints as the code."""
    assert f"{Reason.OPTED_IN}" == Reason.OPTED_IN.value == "opted-in"


def test_a_reason_knows_its_states() -> None:
    """At least one each; two each where a value may stand already, or be what a default adds."""
    assert Reason.UNSET.states == (State.APPLIED,)
    assert [reason for reason in Reason if len(set(reason.states)) != 1] == [Reason.OPTED_IN, Reason.USER_NAMESPACE]
    assert Reason.OPTED_IN.states == (State.SKIPPED, State.KEPT)


@pytest.mark.parametrize(
    ("withheld", "judged", "evaluated", "deferred"),
    [
        (Withheld.DELETING, False, False, False),
        (Withheld.IMMUTABLE_TEMPLATE, True, True, True),
        (Withheld.MIRROR_POD, True, False, False),
        (Withheld.MODE, True, True, False),
        (Withheld.OFF, False, False, False),
        (Withheld.OWNED_TEMPLATE, True, True, True),
        (Withheld.TEMPLATE, True, True, True),
        (Withheld.UNCHANGED_TEMPLATE, True, True, True),
        (Withheld.UPDATE, False, False, False),
    ],
)
def test_what_is_done_without_a_patch(
    withheld: Withheld,
    judged: bool,  # noqa: FBT001 (a column of the table above)
    evaluated: bool,  # noqa: FBT001 (a column of the table above)
    deferred: bool,  # noqa: FBT001 (a column of the table above)
) -> None:
    """Each row of the table is one member, and says what becomes of the object all the same."""
    assert (withheld.judged, withheld.evaluated, withheld.deferred) == (judged, evaluated, deferred)
