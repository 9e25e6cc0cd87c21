"""Hints, as data: `tests/cases/edits/CASE.yaml`. Each is read in a refusal or warning, and what it says suffices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from patches import ImageFacts, Images, Origin, Stage, edit_document, evaluate, locate, shortest_edits
from patches.compiler import compile_namespace
from patches.evaluation import Evaluation
from patches.policy.policy import PREFIX, PSA_PREFIX
from tests.review.builders import NAMESPACE, configured, gatherer_of, namespace_object
from webhook.review import messages

_CASES = sorted((Path(__file__).parents[1] / "cases/edits").glob("*.yaml"))
_MODE = PREFIX + "mode"


def _evaluate(document: Any, case: dict[str, Any]) -> Evaluation:
    labels = {PSA_PREFIX + "enforce": "restricted"} | case.get("labels", {})
    snapshot = gatherer_of([namespace_object(labels)]).snapshot(NAMESPACE)
    namespace = compile_namespace(snapshot, configured(**case.get("configuration", {})))
    images = Images({reference: ImageFacts(**facts) for reference, facts in case.get("images", {}).items()})
    pod = locate(document, Origin.MANIFEST)
    assert pod is not None
    return evaluate(pod, replace(namespace, images=images))


@pytest.mark.parametrize("path", _CASES, ids=[path.stem for path in _CASES])
def test_the_hint_and_that_it_suffices(path: Path) -> None:
    """The text is that of the case; an edited object passes the level that refused it, evaluated once more."""
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    evaluation = _evaluate(case["in"], case)
    level = evaluation.policy.enforce
    assert evaluation.verdicts[level]
    assert messages.hint(evaluation, level) == case["hint"]
    stage = Stage.ARRIVING if case.get("labels", {}).get(_MODE) else Stage.ADMITTED
    edits = shortest_edits(evaluation, level, stage)
    assert edits
    assert _evaluate(edit_document(case["in"], edits), case).verdicts[level] == ()
    for edit in edits:
        others = [other for other in edits if other is not edit]
        assert _evaluate(edit_document(case["in"], others), case).verdicts[level], edit
