"""Verdicts: for 10,000 generated pods the built-in PodSecurity plugin says what we say, to the letter."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from typing import Any, Final, NamedTuple

import pytest

from patches.arrival import arrive
from patches.compiler import compile_namespace
from patches.evaluation import Evaluation
from patches.model.pod import Origin, Pod, locate
from patches.policy.configuration import DefaulterConfiguration
from patches.policy.namespace import CompiledNamespace
from patches.policy.policy import PSA_PREFIX, Policy
from patches.policy.snapshot import empty_snapshot
from patches.standards.checks import CHECKS
from patches.standards.judge import judge
from patches.standards.levels import LevelVersion
from tests.cluster import random_pods
from tests.cluster.client import Answer, pods, spread
from tests.cluster.control_plane import ControlPlane
from tests.cluster.telling import FIXED, fresh, tell
from webhook.review.messages import verdict_audit, violates, would_violate

pytestmark = pytest.mark.cluster

_PODS: Final = 5000  # for each of two seeds
_NAMESPACES: Final = 300  # so many that none of the three decisions gets rare by chance
_VERSIONS: Final = ("latest", "latest", *(f"v1.{minor}" for minor in (*range(38), 99)))
_LEVELS: Final = {
    "enforce": (*("privileged",) * 3, *("baseline",) * 3, *("restricted",) * 2),
    "audit": ("privileged", "baseline", "restricted"),
    "warn": ("baseline", "restricted", "restricted", "restricted"),
}


class Sent(NamedTuple):
    """One pod, its namespace, and what the API server answered."""

    value: Any
    namespace: CompiledNamespace
    answer: Answer
    audit: dict[str, str]

    @property
    def policy(self) -> Policy:
        """The policy of its namespace."""
        return self.namespace.policy

    @property
    def reached(self) -> bool:
        """Whether it got as far as the plugin: it was created, or refused by that plugin."""
        return self.answer.ok or "violates PodSecurity" in self.answer.message


def _labels(chance: random.Random) -> dict[str, str]:
    labels = {}
    for mode in _LEVELS:
        if chance.random() < 0.85:
            labels[PSA_PREFIX + mode] = chance.choice(_LEVELS[mode])
        if chance.random() < 0.7:
            labels[f"{PSA_PREFIX}{mode}-version"] = chance.choice(_VERSIONS)
    return labels


@pytest.fixture(scope="module", params=[FIXED, None], ids=["fixed", "fresh"])
def sent(request: pytest.FixtureRequest, plane: ControlPlane) -> list[Sent]:
    """The pods of one seed, created with server-side dry run."""
    seed = fresh() if request.param is None else request.param
    chance = random.Random(seed)  # noqa: S311 (test data)
    prefix = "verdicts-fixed" if request.param else "verdicts-fresh"
    namespaces: dict[str, CompiledNamespace] = {}
    for index in range(_NAMESPACES):
        labels = _labels(chance)
        name = plane.namespace(f"{prefix}-{index}", labels)
        snapshot = replace(empty_snapshot(name), labels=labels)
        namespaces[name] = compile_namespace(snapshot, DefaulterConfiguration(), plane.minor)
    rows = [(random_pods.pod(chance), chance.choice(list(namespaces))) for _ in range(_PODS)]

    def create(row: tuple[Any, str]) -> tuple[Answer, str]:
        return plane.bypassing.create(pods(row[1]), row[0], dry_run=True), row[1]

    answers = spread(create, rows)
    return [
        Sent(value, namespaces[name], answer, plane.audit.annotations(answer.audit_id))
        for (value, _), (answer, name) in zip(rows, answers, strict=True)
    ]


def _arrived(value: Any) -> Pod:
    pod = locate({"apiVersion": "v1", "kind": "Pod", **value}, Origin.MANIFEST)
    assert pod is not None
    return arrive(pod)


def test_most_pods_reach_the_plugin(sent: list[Sent], plane: ControlPlane) -> None:
    """At least four in five are valid, both decisions are frequent, and every check fails often enough."""
    reached = [row for row in sent if row.reached]
    others = Counter(row.answer.message.partition(": ")[2][:110] for row in sent if not row.reached)
    allowed = sum(row.answer.ok for row in reached)
    warned = sum(_warning(row) is not None for row in reached)
    counts: Counter[str] = Counter()
    for row in reached:
        pod = _arrived(row.value)
        levels: tuple[LevelVersion, ...] = (row.policy.enforce, row.policy.audit, row.policy.warn)
        counts.update({found.id for level in levels for found in judge(pod, level, row.policy.server_minor)})
    tell(f"{len(reached)} of {len(sent)} reached: {allowed} allowed ({warned} with a warning)")
    tell(dict(counts.most_common()))
    tell(dict(others.most_common(8)))
    assert len(reached) >= len(sent) * 0.8
    assert min(warned, allowed - warned, len(reached) - allowed) >= len(reached) / 5
    known = [check.id for check in CHECKS if plane.minor >= 35 or check.id != "procMount_restricted"]
    assert {name: counts[name] for name in known if counts[name] < 25} == {}


def _warning(row: Sent) -> str | None:
    """The plugin's warning; other parts of the API server warn too."""
    found = [text for text in row.answer.warnings if text.startswith("would violate PodSecurity")]
    assert len(found) < 2
    return found[0] if found else None


def test_decisions_texts_and_warnings_are_the_same(sent: list[Sent]) -> None:
    """Refusals, warnings and audit annotations, letter by letter."""
    for row in sent:
        if not row.reached:
            continue
        pod, policy = _arrived(row.value), row.policy
        enforced, warned, audited = (
            judge(pod, level, policy.server_minor) for level in (policy.enforce, policy.warn, policy.audit)
        )
        expected = violates(policy.enforce, enforced) if enforced else ""
        assert row.answer.message.partition(" is forbidden: ")[2] == expected, row.value
        assert _warning(row) == (would_violate(policy.warn, warned) if warned and not enforced else None), row.value
        evaluation = Evaluation(pod, row.namespace, verdicts={policy.audit: audited})
        audit = {key.removeprefix(PSA_PREFIX): text for key, text in row.audit.items() if key.startswith(PSA_PREFIX)}
        assert audit == verdict_audit(evaluation), row.value
