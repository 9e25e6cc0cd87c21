"""A pod that the API server accepts in a namespace with LimitRanges, it still accepts once defaulted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec
from hypothesis import assume, event, given, note, settings
from hypothesis import strategies as st

from patches.arrival import arrive
from patches.evaluation import evaluate
from patches.model.pod import Origin, locate
from patches.model.shapes import Json
from patches.policy.configuration import DefaulterConfiguration
from patches.policy.limits import LimitItem, compile_limits
from patches.policy.policy import Policy, resolve
from tests.patches.build import namespace
from tests.properties.choices import Choices, choosing
from tests.properties.limit_ranger import admit, amounts, each_container, refusals
from tests.properties.policies import item, limit_ranges

_STEPS: Final = (0, 1, 2, 3, 4, 5, 8, 10, 12, 16, 20, 24)


def resources(choose: Choices) -> dict[str, Any]:
    """Requests and limits in steps, a request mostly not above its limit; some in odd spellings."""
    found: dict[str, Any] = {"requests": {}, "limits": {}}
    for name, scale, unit in (("cpu", 100, "m"), ("memory", 64, "Mi")):
        low, high = sorted((choose.one(_STEPS), choose.one(_STEPS)))
        if choose.flag(20):
            low, high = high, low
        for side, step in (("requests", low), ("limits", high)):
            if choose.flag(100):
                plain = step * scale / 1000 if name == "cpu" else step * scale * 2**20
                found[side][name] = choose.one((f"{step * scale}{unit}", plain))
    return found


def pod(choose: Choices) -> Json:
    """A pod with up to three init containers and three others, with resources and nothing else."""
    spec: dict[str, Any] = {}
    for field, least in (("containers", 1), ("initContainers", 0)):
        rows = choose.some(lambda choose: {"resources": resources(choose)} if choose.flag(200) else {}, 3, least)
        spec[field] = [{"name": f"{field[0]}{index}", **row} for index, row in enumerate(rows)]
    for row in spec["initContainers"]:
        if choose.flag():
            row["restartPolicy"] = "Always"
    if choose.flag(20):
        spec["resources"] = {"limits": {"cpu": "3"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec}


def rules(choose: Choices) -> Policy:
    """Our own items, one or two."""
    parts = {"settings": {"resources": {"limits": choose.some(item, 2, 1)}}}
    return resolve(msgspec.convert(parts, DefaulterConfiguration), {}, {})


PODS: Final = choosing(pod, 120)
LIMIT_RANGES: Final = choosing(limit_ranges, 60)
RULES: Final = choosing(rules, 60)


@settings(max_examples=1000)
@given(PODS, LIMIT_RANGES, RULES, st.sampled_from(Origin))
def test_what_was_accepted_is_accepted(
    document: Json, ranges: Mapping[str, Sequence[LimitItem]], policy: Policy, origin: Origin
) -> None:
    """From a file, or under admission where the defaults are in already: and a second pass still finds nothing."""
    if origin is Origin.ADMISSION:
        document = admit(document, ranges)
    assume(not refusals(admit(document, ranges), ranges))
    facts = namespace(limits=compile_limits(ranges))
    before = locate(document, origin)
    assert before is not None
    outcome = evaluate(before, replace(facts, policy=policy))
    note(f"operations: {outcome.operations}")
    event("added" if any("/resources" in row["path"] for row in outcome.operations) else "nothing added")
    assert refusals(admit(outcome.patched, ranges), ranges) == []
    assert evaluate(before.view(outcome.patched), replace(facts, policy=policy)).operations == ()
    arrived = evaluate(before.view(admit(outcome.patched, ranges)), replace(facts, policy=policy))
    assert [row for row in arrived.operations if "/resources" in row["path"]] == []


@settings(max_examples=500)
@given(PODS, LIMIT_RANGES)
def test_the_engine_expects_what_the_limit_ranger_does(
    document: Json, ranges: Mapping[str, Sequence[LimitItem]]
) -> None:
    """The defaults that a file will be given, by value."""
    pod = locate(document, Origin.MANIFEST)
    assert pod is not None
    arrived = arrive(pod, compile_limits(ranges)).document
    for ours, theirs in zip(each_container(arrived), each_container(admit(document, ranges)), strict=True):
        for side in ("requests", "limits"):
            assert amounts(ours, side) == amounts(theirs, side)
