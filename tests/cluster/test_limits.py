"""LimitRanges and quotas: what is accepted without us is accepted with us, and nothing is left out without need."""

from __future__ import annotations

import copy
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec
import pytest

from patches.arrival import arrive
from patches.compiler import compile_namespace
from patches.evaluation import Evaluation, evaluate
from patches.model.decisions import Decision, Reason, State
from patches.model.pod import Origin, locate
from patches.model.quantities import nanos
from patches.policy.configuration import DefaulterConfiguration
from patches.policy.namespace import CompiledNamespace
from tests.cluster import random_limits
from tests.cluster.client import Answer, pods, spread
from tests.cluster.control_plane import ControlPlane
from tests.cluster.telling import FIXED, fresh, tell
from tests.cluster.webhooks import defaulter, namespace
from webhook.gatherers.manifests import ManifestGatherer

pytestmark = pytest.mark.cluster

_NAMESPACES: Final = {"default": 77, "limits": 143}  # each eleventh has a scoped quota
_PODS: Final = 20  # in each namespace
_SKIPS: Final = 300
_TRIES: Final = 40
_WANTED: Final = {
    "requests": {"cpu": "100m", "memory": "128Mi"},
    "limits": {"cpu": "300m", "memory": "384Mi", "ephemeral-storage": "1Gi"},
}
_ITEM: Final = {"type": "Container", "defaultRequest": _WANTED["requests"], "default": _WANTED["limits"]}
_CONFIGURATIONS: Final[dict[str, Any]] = {"default": {}, "limits": {"settings": {"resources": {"limits": [_ITEM]}}}}


class Tried(NamedTuple):
    """One pod in one namespace: as sent, what the API server said without us and with us, what is known around it."""

    namespace: str
    value: Any
    without: Answer
    patched: Answer
    compiled: CompiledNamespace

    @property
    def evaluation(self) -> Evaluation:
        """What the engine makes of the pod as it arrives in admission."""
        pod = locate(copy.deepcopy(self.without.body), Origin.ADMISSION)
        assert pod is not None
        return evaluate(pod, self.compiled)

    @property
    def ordered(self) -> bool:
        """Whether no two LimitRanges compete: then the server takes either, from request to request."""
        limits = self.compiled.known_limits
        rows = (*limits.default_requests.values(), *limits.default_limits.values())
        return all(row.reason is not Reason.LIMIT_RANGE_ORDER for row in rows)


@pytest.fixture(scope="module", params=list(_CONFIGURATIONS))
def tried(
    request: pytest.FixtureRequest, plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Tried]]:
    """All pairs under one configuration; the seed of one is fixed, that of the other fresh."""
    configuration = _CONFIGURATIONS[request.param]
    seed = FIXED if request.param == "default" else fresh()
    chance = random.Random(seed)  # noqa: S311 (test data)
    name = f"limits-{request.param}"
    objects: list[Any] = []
    names = [f"{name}-{index}" for index in range(_NAMESPACES[request.param])]
    for index, one in enumerate(names):
        objects += [namespace(one), *random_limits.limit_ranges(chance, one)]
        if index % 11 == 10:
            objects.append(random_limits.quota(chance, one))
    gatherer = ManifestGatherer(server_minor=plane.minor)
    for value in objects:
        gatherer.add(value)
    typed = msgspec.convert(configuration, DefaulterConfiguration)
    compiled = {one: compile_namespace(gatherer.snapshot(one), typed, plane.minor) for one in names}
    rows = [(one, random_limits.pod(chance)) for one in names for _ in range(_PODS)]

    def attempt(row: tuple[str, Any]) -> Tried:
        one, value = row
        without = plane.bypassing.create(pods(one), value, dry_run=True)
        return Tried(one, value, without, plane.admin.create(pods(one), value, dry_run=True), compiled[one])

    directory = tmp_path_factory.mktemp(name) / "served"
    with defaulter(plane, directory, name, objects=objects, config=_file(configuration)):
        yield spread(attempt, rows)


def _file(configuration: Any) -> Any:
    return {"apiVersion": "pod-security-defaulter.io/v1alpha1", "kind": "DefaulterConfiguration", **configuration}


def _resources(pod: Any) -> dict[str, dict[str, dict[str, int]]]:
    """Requests and limits of each container, in nanos."""
    spec = pod["spec"]
    return {
        row["name"]: {
            side: {name: nanos(text) for name, text in amounts.items()}
            for side, amounts in (row.get("resources") or {}).items()
        }
        for row in (*spec["containers"], *spec.get("initContainers", ()))
    }


def _is_refused_now_and_then(plane: ControlPlane, row: Tried) -> bool:
    """Whether the same refusal comes without us too, in another order of the LimitRanges."""
    if row.ordered:
        return False
    reason = row.patched.message.partition(": ")[2]
    tries = (plane.bypassing.create(pods(row.namespace), row.value, dry_run=True) for _ in range(_TRIES))
    return any(answer.message.partition(": ")[2] == reason for answer in tries)


def test_none_accepted_without_us_is_refused_with_us(tried: list[Tried], plane: ControlPlane) -> None:
    """Neither for a bound of a LimitRange nor for a quota; and what we add is what the engine says."""
    accepted = [row for row in tried if row.without.ok]
    refused = Counter(row.without.message.partition(": ")[2][:60] for row in tried if not row.without.ok)
    rescued = sum(row.patched.ok for row in tried if not row.without.ok)
    added = sum(_resources(row.without.body) != _resources(row.patched.body) for row in accepted if row.patched.ok)
    tell(f"{len(accepted)} of {len(tried)} accepted without us, {added} of them changed; {rescued} others accepted")
    tell(dict(refused.most_common(5)))
    worse = [row for row in accepted if not row.patched.ok and not _is_refused_now_and_then(plane, row)]
    assert [(row.namespace, row.value, row.patched.message) for row in worse] == []
    assert len(accepted) > len(tried) / 3  # a little more than half, as a rule
    for row in accepted:
        if row.ordered:
            assert _resources(row.evaluation.patched) == _resources(row.patched.body), (row.namespace, row.value)


def test_offline_defaulting_is_the_server_s(tried: list[Tried]) -> None:
    """What a preview says of the file, before and after patching, is what comes back without us and with us."""
    count = 0
    for row in tried:
        if not row.without.ok or not row.ordered:
            continue
        pod = locate({"apiVersion": "v1", "kind": "Pod", **copy.deepcopy(row.value)}, Origin.MANIFEST)
        assert pod is not None
        limits = row.compiled.known_limits
        assert _resources(arrive(pod, limits).document) == _resources(row.without.body), row.value
        patched = pod.view(evaluate(pod, row.compiled).patched)
        assert _resources(arrive(patched, limits).document) == _resources(row.patched.body), row.value
        count += 1
    tell(f"{count} pods compared")
    assert count > len(tried) / 4


def _skips(tried: list[Tried]) -> list[tuple[Tried, Decision]]:
    """What was left out for the sake of validation, a LimitRange or a quota, of pods that were created with us."""
    necessary = (Reason.REQUEST_ABOVE_LIMIT, Reason.LIMIT_RANGE_BOUNDS)
    return [
        (row, decision)
        for row in tried
        if row.without.ok and row.patched.ok and row.ordered
        for decision in row.evaluation.decisions
        if decision.id == "resources" and decision.state is State.SKIPPED and decision.reason in necessary
    ]


def test_each_skip_was_necessary(tried: list[Tried], plane: ControlPlane, request: pytest.FixtureRequest) -> None:
    """Of the values that were left out, the server refuses each when it is added nevertheless."""
    chance = random.Random(FIXED)  # noqa: S311 (test data)
    skips = _skips(tried)
    sample = chance.sample(skips, min(len(skips), _SKIPS))

    def add(skip: tuple[Tried, Decision]) -> tuple[str, Answer]:
        row, decision = skip
        value = {"metadata": {"generateName": "p-"}, "spec": copy.deepcopy(row.patched.body["spec"])}
        _, kind, index, _, side, name = decision.path[1:].split("/")
        container = value["spec"][kind][int(index)]
        container.setdefault("resources", {}).setdefault(side, {})[name] = _WANTED[side][name]
        return f"{decision.path} {row.namespace} {row.value}", plane.bypassing.create(
            pods(row.namespace), value, dry_run=True
        )

    answers = spread(add, sample)
    tell(f"{len(sample)} of {len(skips)} skips tried: {dict(Counter(d.reason.value for _, d in sample))}")
    assert [what for what, answer in answers if answer.ok] == []
    assert len(sample) >= (_SKIPS if request.node.callspec.params["tried"] == "limits" else 0)
