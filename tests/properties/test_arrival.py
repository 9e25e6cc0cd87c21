"""What holds for the API server's own steps with every pod: what makes violations, what removes them, what is said."""

from __future__ import annotations

from hypothesis import event, given, settings
from hypothesis import strategies as st

from patches.arrival import arrive, read_spec, with_resources, worsened
from patches.model.pod import Origin
from patches.model.shapes import Json
from patches.policy.namespace import CompiledNamespace
from patches.standards.judge import judge
from patches.standards.levels import NEWEST_MINOR, LevelVersion
from tests.pods import view
from tests.properties.test_engine import DOCUMENTS, FACTS, LEVELS, ORIGINS

_LEVELS = st.sampled_from(LEVELS)


@settings(max_examples=300)
@given(DOCUMENTS, ORIGINS, _LEVELS, FACTS)
def test_what_a_step_makes_is_said(value: Json, origin: Origin, level: LevelVersion, known: CompiledNamespace) -> None:
    """Exactly the violations that a pod has on arrival, and its spec as an API server reads it has not."""
    pod = view(value, origin)
    read = read_spec(pod)
    before, after = judge(read, level), judge(arrive(pod, known.known_limits), level)
    made = {(row.reason, row.detail) for row in after if row not in before}
    event(f"made: {len(made)}")
    assert {notice.values for notice in worsened(read, [level], NEWEST_MINOR)} == made
    assert {row.id for row in before} <= {row.id for row in after}


@settings(max_examples=300)
@given(DOCUMENTS, ORIGINS, _LEVELS, FACTS)
def test_the_other_steps_make_no_violation(
    value: Json, origin: Origin, level: LevelVersion, known: CompiledNamespace
) -> None:
    """To read the spec can only take violations away, and resources concern no check: neither needs a notice."""
    pod = view(value, origin)
    read = read_spec(pod)
    sent, found = judge(pod, level), judge(read, level)
    event("taken away" if len(found) < len(sent) else "the same")
    assert {row.id for row in found} <= {row.id for row in sent}
    assert judge(with_resources(read, known.known_limits), level) == found


@settings(max_examples=300)
@given(DOCUMENTS, ORIGINS, FACTS)
def test_a_pod_arrives_once(value: Json, origin: Origin, known: CompiledNamespace) -> None:
    """What has arrived stays as it is, also as an object: no step copies for nothing."""
    arrived = arrive(view(value, origin), known.known_limits)
    assert arrive(arrived, known.known_limits) is arrived
