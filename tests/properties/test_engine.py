"""What holds for every pod under every policy, whatever the cluster around it (habit: secure without breaking)."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any, Final

import jsonpatch
from hypothesis import event, given, note, settings
from hypothesis import strategies as st

from patches.arrival import arrive, read_spec, with_app_armor_fields
from patches.defaults import DEFAULTS
from patches.evaluation import Evaluation, evaluate
from patches.model.decisions import Reason, State
from patches.model.pod import Origin
from patches.model.shapes import Json
from patches.placeholders import as_if_filled_in
from patches.policy.namespace import CompiledNamespace
from patches.policy.policy import Policy
from patches.policy.snapshot import UNKNOWN
from patches.standards.judge import judge
from patches.standards.levels import LATEST, Level, LevelVersion, Version
from tests.patches.written import written
from tests.pods import view
from tests.properties.api_server import complaints
from tests.properties.choices import choosing
from tests.properties.pods import APPLIED, TOKEN, TOKEN_MOUNT, document, pod
from tests.properties.policies import policy, surroundings

LEVELS: Final = [
    LevelVersion(level, version)
    for level in (Level.BASELINE, Level.RESTRICTED)
    for version in (*(Version(minor) for minor in (0, 8, 19, 22, 23, 24, 25, 34, 35)), LATEST)
]
DOCUMENTS: Final = choosing(document)
PODS: Final = choosing(pod)
ORIGINS: Final = st.sampled_from(Origin)
POLICIES: Final = choosing(policy, 150)
FACTS: Final = choosing(surroundings, 90)


def lost(before: Json, after: Json, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The paths of all that is in `before` and not, at the same place with the same value, in `after`.

    A null may be filled; a list keeps its elements in order and may go on.
    """
    if before is None:
        return []
    if isinstance(before, dict) and isinstance(after, dict):
        return [
            row
            for key, value in before.items()
            for row in ([(*path, key)] if key not in after else lost(value, after[key], (*path, key)))
        ]
    if isinstance(before, list) and isinstance(after, list):
        rows = [
            row for index, pair in enumerate(zip(before, after, strict=False)) for row in lost(*pair, (*path, index))
        ]
        return [*rows, *((*path, index) for index in range(len(after), len(before)))]
    return [] if type(before) is type(after) and before == after else [path]


def without_token(spec: Any, name: str = TOKEN) -> None:
    """Take the injected volume and its mounts out of a spec."""
    if spec.get("volumes"):
        spec["volumes"] = [volume for volume in spec["volumes"] if volume["name"] != name]
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        for container in spec.get(kind) or ():
            if container.get("volumeMounts"):
                container["volumeMounts"] = [row for row in container["volumeMounts"] if row.get("name") != name]


def may_be_overwritten(path: tuple[str | int, ...]) -> bool:
    """The two values that the engine may overwrite in a pod under admission."""
    return path[-1] in ("imagePullPolicy", "pullPolicy") or path == ("metadata", "annotations", APPLIED)


def operation_is_allowed(operation: Any, origin: Origin, outcome: Evaluation) -> bool:
    """Only additions; removals of the token; the two replacements, under admission only."""
    path = operation["path"]
    match operation["op"]:
        case "add":
            return True
        case "remove":
            place = path.rpartition("/")[0]
            return place.endswith(("/volumeMounts", "/volumes")) and any(
                decision.path == path and decision.reason is Reason.INJECTED_TOKEN for decision in outcome.decisions
            )
    return bool(origin is Origin.ADMISSION and path.endswith(("/imagePullPolicy", "/pullPolicy", "~1applied")))


@settings(max_examples=400)
@given(DOCUMENTS, ORIGINS, POLICIES, FACTS)
def test_patching(value: Json, origin: Origin, rules: Policy, known: CompiledNamespace) -> None:
    """The patch only adds, applies, leaves the input and every explicit value alone, and is the same every time."""
    before = copy.deepcopy(value)
    outcome = evaluate(view(value, origin), replace(known, policy=rules))
    note(f"operations: {outcome.operations}")
    event("patched" if outcome.operations else "left alone")
    assert value == before, "the input was modified"
    assert all(operation_is_allowed(operation, origin, outcome) for operation in outcome.operations)

    operations = json.loads(json.dumps(outcome.operations))
    assert jsonpatch.apply_patch(copy.deepcopy(value), operations) == outcome.patched

    kept, patched = copy.deepcopy(before), copy.deepcopy(outcome.patched)
    if any(operation["op"] == "remove" for operation in operations):
        event("token removed")
        assert view(patched, origin).spec.get("automountServiceAccountToken") is False
        for side in (kept, patched):
            without_token(view(side, origin).spec)
    changed = lost(kept, patched)
    if origin is Origin.ADMISSION and before["kind"] == "Pod":
        changed = [path for path in changed if not may_be_overwritten(path)]
    assert changed == []

    again = evaluate(view(copy.deepcopy(value), origin), replace(known, policy=rules))
    assert (again.operations, again.decisions, again.applied) == (
        outcome.operations,
        outcome.decisions,
        outcome.applied,
    )


@settings(max_examples=400)
@given(DOCUMENTS, ORIGINS, POLICIES, FACTS)
def test_twice_changes_nothing(value: Json, origin: Origin, rules: Policy, known: CompiledNamespace) -> None:
    """A second pass over the engine's own output finds nothing to do."""
    first = evaluate(view(value, origin), replace(known, policy=rules))
    note(f"first: {first.operations}")
    second = evaluate(view(first.patched, origin), replace(known, policy=rules))
    assert second.operations == ()
    assert second.applied == ""
    assert second.verdicts == first.verdicts


@settings(max_examples=400)
@given(DOCUMENTS, ORIGINS, POLICIES, FACTS)
def test_no_violation_is_gained(value: Json, origin: Origin, rules: Policy, known: CompiledNamespace) -> None:
    """At no level and version does the patched pod violate what it did not before, as sent and as it arrives."""
    pod = view(value, origin)
    outcome = evaluate(pod, replace(known, policy=rules))
    note(f"operations: {outcome.operations}")
    patched = pod.view(outcome.patched)
    if origin is Origin.ADMISSION:
        seen = patched if pod.is_template else with_app_armor_fields(patched)
    else:
        seen = read_spec(patched) if pod.is_template else arrive(patched)
    relevant = [level for level in LEVELS if level in rules.judged] or []
    for before, after in ((pod, patched), (arrive(pod), arrive(patched))):
        for level in dict.fromkeys([*rules.judged, *relevant]):
            server_minor = rules.server_minor
            was = {violation.id for violation in judge(before, level, server_minor)}
            now = {violation.id for violation in judge(after, level, server_minor)}
            assert now <= was, level
            assert outcome.verdicts[level] == judge(as_if_filled_in(seen, {"auto"}), level, server_minor)


@settings(max_examples=200)
@given(PODS, ORIGINS, POLICIES, FACTS)
def test_no_violation_is_gained_at_levels_that_nobody_asked_about(
    value: Json, origin: Origin, rules: Policy, known: CompiledNamespace
) -> None:
    """Also not at other versions, but for `spec.os`, which is added where every level in question knows it."""
    pod = view(value, origin)
    outcome = evaluate(pod, replace(known, policy=rules))
    patched = pod.view(outcome.patched)
    for level in LEVELS:
        was = {violation.id for violation in judge(pod, level)}
        now = {violation.id for violation in judge(patched, level)}
        assert now <= was, level


@settings(max_examples=400)
@given(PODS, ORIGINS, POLICIES, FACTS)
def test_what_was_accepted_is_accepted(value: Json, origin: Origin, rules: Policy, known: CompiledNamespace) -> None:
    """The patched pod gives the API server and the kubelet no reason to refuse it that it did not give before."""
    outcome = evaluate(view(value, origin), replace(known, policy=rules))
    note(f"operations: {outcome.operations}")
    classes = {name: found for name, found in known.runtime_classes.by_name.items() if found is not UNKNOWN}
    if not known.has_quota:  # an overhead can be paid for
        classes = {name: found._replace(has_overhead=False) for name, found in classes.items()}
    assert complaints(outcome.patched, classes) <= complaints(value, classes)


@settings(max_examples=300)
@given(DOCUMENTS, ORIGINS, POLICIES, FACTS)
def test_every_decision_is_borne_out(value: Json, origin: Origin, rules: Policy, known: CompiledNamespace) -> None:
    """What is said to be applied is there, what is kept or in conflict is as the author wrote it."""
    outcome = evaluate(view(value, origin), replace(known, policy=rules))
    added = written(outcome.operations)
    for decision in outcome.decisions:
        assert decision.id in rules.enabled
        if decision.state is State.APPLIED and decision.reason is Reason.UNSET:
            parent = decision.path.rpartition("/")[0]
            assert decision.path in added or f"{parent}/-" in added
        if decision.state in (State.KEPT, State.SKIPPED, State.CONFLICT):
            assert decision.path not in added
    places = [entry for entry in outcome.applied.split(",") if entry]
    assert bool(places) is any(decision.state is State.APPLIED for decision in outcome.decisions)
    assert len(places) == len(set(places))


@settings(max_examples=300)
@given(DOCUMENTS, ORIGINS, POLICIES, FACTS)
def test_what_is_left_out_stays_as_it_is(value: Json, origin: Origin, rules: Policy, known: CompiledNamespace) -> None:
    """Nothing is written on a placeholder, nor by a default on a container, or its pod, that is excepted from it."""
    pod = view(value, origin)
    outcome = evaluate(pod, replace(known, policy=rules))
    filled_in = [row for row in pod.containers if row.list_name != "ephemeralContainers"]
    placeholders = {row.path for row in filled_in if row.value.get("image") == "auto"}
    excepted = known.exceptions.find(pod.containers, placeholders)
    event(f"placeholders: {bool(placeholders)}, exceptions: {bool(excepted)}")
    whole_pod = {default.id for default in DEFAULTS if not default.per_container}
    for decision in outcome.decisions:
        if decision.state is State.APPLIED and decision.reason is not Reason.INJECTED_TOKEN:
            assert decision.id not in known.exceptions.everywhere
            assert not decision.path.startswith(tuple(f"{path}/" for path in placeholders))
            assert not decision.path.startswith(tuple(f"{path}/" for path in excepted.get(decision.id, ())))
            if excepted.get(decision.id):
                assert decision.id not in whole_pod
                assert not decision.path.startswith(f"{pod.spec_path}/securityContext/")


@settings(max_examples=200)
@given(PODS, PODS, POLICIES, FACTS)
def test_an_update_touches_new_ephemeral_containers_only(
    value: Json, old: Json, rules: Policy, known: CompiledNamespace
) -> None:
    """A patch of the rest would be refused or dropped; what the request says of the rest decides nothing."""
    pod, earlier = view(value, Origin.ADMISSION), view(old, Origin.ADMISSION)
    outcome = evaluate(pod, replace(known, policy=rules), old=earlier)
    names = {row.name for row in earlier.containers if row.list_name == "ephemeralContainers"}
    fresh = [
        f"{row.path}/" for row in pod.containers if row.list_name == "ephemeralContainers" and row.name not in names
    ]
    event("new ephemeral containers" if fresh else "none new")
    for operation in outcome.operations:
        assert operation["path"].startswith(tuple(fresh))
        assert "/resources" not in operation["path"]
        assert TOKEN_MOUNT not in json.dumps(operation)
    second = evaluate(pod.view(outcome.patched), replace(known, policy=rules), old=earlier)
    assert second.operations == ()
    spec = {**earlier.spec, "ephemeralContainers": pod.spec.get("ephemeralContainers")}
    stored = view({**old, "spec": spec}, Origin.ADMISSION)
    assert evaluate(stored, replace(known, policy=rules), old=earlier).operations == outcome.operations
