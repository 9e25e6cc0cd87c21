"""Placeholders: judged by what they set, not by what another webhook will fill in."""

from __future__ import annotations

import copy
from typing import Any, Final

import pytest

from patches.compiler import compile_namespace
from patches.evaluation import Evaluation, Stage, evaluate, validate
from patches.model.decisions import Reason
from patches.model.pod import Origin
from patches.placeholders import as_if_filled_in
from patches.policy.snapshot import empty_snapshot
from patches.standards.levels import parse_level_version
from tests.patches.build import PSA, configuration, document, namespace, policy, run, template
from tests.pods import view

RESTRICTED: Final = parse_level_version("restricted")
DENYING: Final = policy({PSA + "enforce": "restricted"}, denyIn="mutate")
AUTO: Final = {"name": "istio-proxy", "image": "auto"}


def violated(outcome: Evaluation) -> list[str]:
    """The ids of what is violated of restricted."""
    return [violation.id for violation in outcome.verdicts[RESTRICTED]]


def test_a_pod_without_placeholders_is_itself() -> None:
    """Nothing is copied where there is nothing to do."""
    pod = view(document({"image": "app:1"}, {}))
    assert as_if_filled_in(pod, {"auto"}) is pod
    assert as_if_filled_in(view(document(AUTO)), ()).document == document(AUTO)


def test_the_pod_stays_as_it_is() -> None:
    """The view that is judged is a copy."""
    value = document(AUTO, {"image": "auto", "securityContext": {"capabilities": {"drop": ["NET_RAW"]}}})
    before = copy.deepcopy(value)
    as_if_filled_in(view(value), {"auto"})
    assert value == before


def test_what_it_sets_is_not_changed() -> None:
    """A placeholder that sets all of it is judged as it is."""
    security = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"], "add": ["CHOWN"]},
        "runAsNonRoot": False,
        "seccompProfile": {"type": "Localhost", "localhostProfile": "p.json"},
    }
    value = document({**AUTO, "securityContext": security})
    assert as_if_filled_in(view(value), {"auto"}).document == value


def test_it_is_not_refused_for_what_it_lacks() -> None:
    """Not even by `denyIn: mutate`; nothing is written on it, and no warning's verdict names it."""
    outcome = run(document(AUTO), DENYING)
    assert not outcome.denied
    assert violated(outcome) == []
    assert outcome.patched["spec"]["containers"] == [AUTO]


def test_nor_as_sent() -> None:
    """In mode warn the pod is judged as sent: what its other container lacks counts."""
    outcome = run(document(AUTO, {"name": "app"}), policy({PSA + "enforce": "restricted"}, mode="warn"))
    details = " ".join(violation.detail for violation in outcome.verdicts[RESTRICTED])
    assert 'container "app" must set' in details
    assert "istio-proxy" not in details


@pytest.mark.parametrize(
    ("security", "check"),
    [
        ({"privileged": True}, "privileged"),
        ({"runAsUser": 0}, "runAsUser"),
        ({"runAsNonRoot": False}, "runAsNonRoot"),
        ({"allowPrivilegeEscalation": True}, "allowPrivilegeEscalation"),
        ({"capabilities": {"add": ["NET_ADMIN"]}}, "capabilities_restricted"),
        ({"seccompProfile": {"type": "Unconfined"}}, "seccompProfile_restricted"),
    ],
)
def test_what_it_sets_is_judged_at_once(security: dict[str, Any], check: str) -> None:
    """It will stay. Else an image that nobody fills in would be a way around `denyIn: mutate`."""
    outcome = run(document({**AUTO, "securityContext": security}), DENYING)
    assert violated(outcome) == [check]
    assert outcome.denied


def test_other_containers_are_refused_as_ever() -> None:
    """The pod is refused for what is not the placeholder's."""
    outcome = run(document(AUTO, {"securityContext": {"runAsUser": 0}}), DENYING)
    assert outcome.denied
    assert violated(outcome) == ["capabilities_restricted", "runAsNonRoot", "runAsUser"]


def test_a_debug_container_is_none() -> None:
    """No injector fills it in, whatever its image: it is judged by what it lacks too."""
    value = document(AUTO, ephemeralContainers=[{"name": "debugger", "image": "auto"}])
    outcome = run(value, policy({PSA + "enforce": "restricted"}, mode="warn"))
    details = {violation.id: violation.detail for violation in outcome.verdicts[RESTRICTED]}
    assert details["allowPrivilegeEscalation"].startswith('container "debugger" must set')
    assert "istio-proxy" not in "".join(details.values())


def test_validating_admission_judges_it_as_it_is() -> None:
    """By then the injector has run: who is still called auto is judged like any container."""
    outcome = validate(view(document(AUTO)), namespace(DENYING))
    assert outcome.denied
    assert "allowPrivilegeEscalation" in violated(outcome)


def test_the_second_round_hardens_what_arrives() -> None:
    """Once filled in it is a container like any other."""
    first = run(document(AUTO, {"name": "app", "image": "app:1"}), DENYING)
    filled = copy.deepcopy(first.patched)
    filled["spec"]["containers"][0]["image"] = "registry.example/proxyv2:1"
    second = run(filled, DENYING)
    assert second.applied.split(",") == [
        "allowPrivilegeEscalation:containers/istio-proxy",
        "capabilities:containers/istio-proxy",
        "resources:containers/istio-proxy",
    ]
    assert violated(second) == []
    assert run(second.patched, DENYING).operations == ()


def test_previews_judge_it_alike() -> None:
    """At every stage, for a template too."""
    value = template(containers=[AUTO])
    pod = view(value, Origin.MANIFEST)
    outcome = evaluate(pod, compile_namespace(empty_snapshot("shop"), configuration()))
    assert [outcome.violations(RESTRICTED, stage) for stage in Stage] == [()] * len(Stage)
    reasons = {decision.reason for decision in outcome.decisions if "/containers/" in decision.path}
    assert reasons == {Reason.PLACEHOLDER}
