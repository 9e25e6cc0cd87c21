"""Resources against a real API server: generated LimitRanges, pods, and what became of each single addition."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from patches.arrival import arrive
from patches.evaluation import evaluate
from patches.model.pod import Origin
from patches.model.quantities import nanos
from patches.model.shapes import Json
from patches.policy.configuration import DefaulterConfiguration
from patches.policy.limits import Limits, compile_limits
from patches.policy.policy import resolve
from tests.patches.build import namespace
from tests.patches.written import written
from tests.pods import view
from tests.shared_data import read_jsonl_gz, shared
from webhook.gatherers.objects import limit_items

ITEM: Final = {
    "type": "Container",
    "defaultRequest": {"cpu": "100m", "memory": "128Mi"},
    "default": {"cpu": "1", "memory": "512Mi"},
}
CONTAINER_LISTS: Final = ("initContainers", "containers")


def accepted_pods() -> Iterator[tuple[Limits, Any]]:
    """Each pod that the API server accepted, with the LimitRanges of its namespace."""
    for row in read_jsonl_gz(shared("conformance/limits.jsonl.gz")):
        limits = compile_limits({value["metadata"]["name"]: limit_items(value) for value in row["limits"]})
        for entry in row["pods"]:
            if entry["accepted"]:
                yield limits, entry


def by_value(containers: list[Json]) -> list[dict[str, dict[str, int]]]:
    """The resources of containers, quantities as numbers, without empty maps."""
    return [
        {field: {name: nanos(text) for name, text in amounts.items()} for field, amounts in own.items() if amounts}
        for own in containers
    ]


def test_defaulting_is_that_of_the_limit_ranger() -> None:
    """Offline, a pod arrives with the resources that the API server gave it, by value."""
    count = 0
    for limits, entry in accepted_pods():
        spec = arrive(view(entry["pod"], Origin.MANIFEST), limits).document["spec"]
        for name in CONTAINER_LISTS:
            arrived = [container.get("resources") or {} for container in spec.get(name) or ()]
            assert by_value(arrived) == by_value(entry["resources"].get(name, [])), entry["pod"]
        count += 1
    sys.stdout.write(f"\n{count} pods have the same resources\n")
    assert count == 446


def test_what_fits_is_added_and_nothing_else() -> None:
    """No addition that was refused is made; those that were accepted are, but beside resources of the pod itself."""
    configuration = msgspec.convert({"settings": {"resources": {"limits": [ITEM]}}}, DefaulterConfiguration)
    policy = resolve(configuration, {"pod-security.kubernetes.io/enforce": "baseline"}, {})
    counts: Counter[tuple[bool, bool, bool]] = Counter()
    for limits, entry in accepted_pods():
        own = entry["pod"]["spec"].get("resources") or {}
        pod_level = bool(own.get("requests") or own.get("limits"))
        outcome = evaluate(view(entry["pod"], Origin.MANIFEST), namespace(policy, limits=limits))
        values = written(outcome.operations)
        for addition in entry["adds"]:
            made = values.get(addition["path"]) == addition["value"]
            assert made == (addition["accepted"] and not pod_level), (entry["pod"], addition)
            counts[pod_level, addition["accepted"], made] += 1
        patched = view(outcome.patched, Origin.MANIFEST)
        assert not evaluate(patched, namespace(policy, limits=limits)).operations
    sys.stdout.write(
        f"\nof {counts.total()} additions {counts[False, True, True]} were accepted and are made, "
        f"{counts[True, True, False]} were but stand beside resources of the pod, the rest was refused\n",
    )
    assert counts == {
        (False, True, True): 1783,
        (False, False, False): 10,
        (True, True, False): 74,
        (True, False, False): 27,
    }
