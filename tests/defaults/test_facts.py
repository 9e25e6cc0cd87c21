"""What manifests cannot say: facts that are unknown, classes known to be absent, pods too large to write down."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import msgspec
import pytest

from patches.evaluation import evaluate
from patches.model.decisions import Decision, Reason, State
from patches.model.pod import Origin
from patches.model.shapes import Json
from patches.policy.configuration import DefaulterConfiguration
from patches.policy.limits import LimitItem, compile_limits
from patches.policy.namespace import CompiledNamespace
from patches.policy.policy import IDS, resolve
from patches.policy.snapshot import RuntimeClass
from tests.patches.build import namespace
from tests.pods import view

POD_LIMITS: Final = compile_limits({"limits": [LimitItem("Pod", max={"cpu": "1000"})]})

REACHED: Final = frozenset({Reason.RUNTIME_CLASS_ABSENT, Reason.TOO_MANY_CONTAINERS})
"""The reasons that are reached here and by no case."""


def decide(default: str, around: CompiledNamespace, document: Json, **settings: Any) -> tuple[list[Decision], int]:
    """What one default decides in this namespace, and how many operations it makes of it."""
    entries = {name: {"enabled": name == default} for name in IDS}
    entries[default] |= settings
    configuration = msgspec.convert({"settings": entries}, DefaulterConfiguration)
    outcome = evaluate(view(document, Origin.MANIFEST), replace(around, policy=resolve(configuration, {}, {})))
    return list(outcome.decisions), len(outcome.operations)


def pod(containers: int = 1) -> Json:
    """A pod with so many containers."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web"},
        "spec": {"containers": [{"name": f"c{number}"} for number in range(containers)]},
    }


@pytest.mark.parametrize("around", [namespace(limits=None), namespace(quota_scopes=None)], ids=["limits", "quotas"])
def test_resources_need_limit_ranges_and_quotas(around: CompiledNamespace) -> None:
    """Where the LimitRanges or the ResourceQuotas are unknown, no resources are added."""
    assert decide("resources", around, pod()) == (
        [Decision("resources", "/spec/containers", State.SKIPPED, Reason.UNKNOWN)],
        0,
    )


def test_token_needs_the_accounts() -> None:
    """Where the ServiceAccounts are unknown, one may have opted in: the token stays (fact 1)."""
    path = "/spec/automountServiceAccountToken"
    assert decide("automountServiceAccountToken", namespace(accounts_known=False), pod()) == (
        [Decision("automountServiceAccountToken", path, State.SKIPPED, Reason.UNKNOWN)],
        0,
    )


@pytest.mark.parametrize(
    ("complete", "reason"),
    [(True, Reason.RUNTIME_CLASS_ABSENT), (False, Reason.UNKNOWN)],
    ids=["absent", "unknown"],
)
def test_runtime_class_must_exist(complete: bool, reason: Reason) -> None:  # noqa: FBT001 (a parameter of the test)
    """A class is absent only where all classes are known; both ways it is not added (fact 11)."""
    around = namespace(
        runtime_classes={"kata": RuntimeClass({}, has_overhead=False)}, runtime_classes_complete=complete
    )
    assert decide("runtimeClassName", around, pod(), name="gvisor") == (
        [Decision("runtimeClassName", "/spec/runtimeClassName", State.SKIPPED, reason)],
        0,
    )


def test_sums_of_a_huge_pod_are_not_weighed() -> None:
    """Bounds of type Pod are weighed for up to 256 containers, which a request has time for."""
    request = {"limits": [{"type": "Container", "defaultRequest": {"cpu": "1m"}}]}
    decisions, _ = decide("resources", namespace(limits=POD_LIMITS), pod(256), **request)
    assert {decision.state for decision in decisions} == {State.APPLIED}
    assert len(decisions) == 256
    assert decide("resources", namespace(limits=POD_LIMITS), pod(257), **request) == (
        [Decision("resources", "/spec/containers", State.SKIPPED, Reason.TOO_MANY_CONTAINERS)],
        0,
    )
    decisions, _ = decide("resources", namespace(), pod(257), **request)
    assert len(decisions) == 257
