"""Whether containers start, over the cases: as they are sent, and with the patch."""

from __future__ import annotations

import copy
from typing import Final

import pytest

from patches.evaluation import Stage
from patches.model.starting import Cause, Forecast
from tests.patches.start_cases import StartCase, load_start_cases, rows
from webhook.review.starts import start_warnings

CASES: Final = load_start_cases()
each_case = pytest.mark.parametrize("case", CASES, ids=str)


@each_case
def test_the_forecasts_of_a_case(case: StartCase) -> None:
    """Each container that the request creates has one, in order; the document is left as it is."""
    assert case.source
    before = copy.deepcopy(case.document)
    evaluation = case.run()
    assert rows(evaluation, Stage.SENT) == case.before
    assert rows(evaluation, Stage.PATCHED) == case.after
    assert case.document == before


@each_case
def test_the_warnings_of_a_case(case: StartCase) -> None:
    """One line for each container that will not start once patched, whole after the API server's cut."""
    warnings = start_warnings(case.run())
    assert warnings == [f"pod-security-defaulter: {text}" for text in case.warnings]
    assert all(warning.isprintable() and len(warning) <= 256 for warning in warnings)


def test_every_cause_is_shown_and_refrained_from() -> None:
    """Each cause stands beside the forecasts that it can explain; without one the container runs."""
    shown: dict[str | None, set[str]] = {}
    for case in CASES:
        for _, forecast, cause, message in (*case.before, *case.after):
            shown.setdefault(cause, set()).add(forecast)
            assert bool(message) is (cause not in (None, Cause.IMAGE_NOT_KNOWN))
    assert shown == {
        None: {Forecast.RUNS},
        Cause.USER_BREAKS_NON_ROOT: {Forecast.WILL_NOT_START},
        Cause.IMAGE_BREAKS_NON_ROOT: {Forecast.WILL_NOT_START},
        Cause.IMAGE_USER_NOT_NUMERIC: {Forecast.WILL_NOT_START},
        Cause.FILE_CAPABILITIES: {Forecast.WILL_NOT_START, Forecast.UNKNOWN},
        Cause.IMAGE_NOT_KNOWN: {Forecast.UNKNOWN},
    }


@each_case
def test_the_texts_are_those_of_the_documentation(case: StartCase) -> None:
    """What the kubelet says stands in the row of the cause, but for the names in it."""
    for _, _, cause, message in (*case.before, *case.after):
        if message and cause is not None:
            head, _, tail = message.partition("(")
            (said,) = (known.means for known in Cause if known == cause)
            assert head.strip() in said
            assert tail.partition(")")[2] in said


@pytest.mark.parametrize("case", [case for case in CASES if not case.configuration], ids=str)
def test_what_is_added_stops_no_container_that_is_known_to_run(case: StartCase) -> None:
    """With the defaults as they come, none stops because of us, but for file capabilities, which a warning says."""
    stopped = [
        cause
        for (_, before, _, _), (_, after, cause, _) in zip(case.before, case.after, strict=True)
        if (before, after) == (Forecast.RUNS, Forecast.WILL_NOT_START)
    ]
    assert set(stopped) <= {Cause.FILE_CAPABILITIES}
