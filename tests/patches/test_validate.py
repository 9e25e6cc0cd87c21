"""Validating admission, the stages that a pod is judged at, and what is exempt or denied."""

from __future__ import annotations

import pytest

from patches.evaluation import Stage, evaluate, validate
from patches.model.decisions import Withheld
from patches.policy.configuration import Exemption
from patches.standards.levels import parse_level_version
from tests.patches.build import PSA, document, namespace, policy, run, template
from tests.pods import view

RESTRICTED = parse_level_version("restricted:latest")
BASELINE = parse_level_version("baseline:latest")
ENFORCED = policy({f"{PSA}enforce": "baseline", f"{PSA}warn": "restricted"})
PRIVILEGED = {"securityContext": {"privileged": True}}


def test_it_judges_the_pod_as_it_is() -> None:
    """By the levels of Pod Security alone, not by the target; nothing is added, and enforce decides."""
    found = validate(view(document()), namespace(ENFORCED))
    assert found.verdicts.keys() == {RESTRICTED, BASELINE}
    assert found.verdicts[BASELINE] == ()
    assert found.verdicts[RESTRICTED] != ()
    assert (found.operations, found.decisions, found.denied) == ((), (), False)
    assert validate(view(document(PRIVILEGED)), namespace(ENFORCED)).denied
    assert validate(view(document(PRIVILEGED)), namespace()).verdicts == {}


def test_controllers_are_never_denied() -> None:
    """A template that violates the enforce level is judged, and let through."""
    value = template()
    value["spec"]["template"]["spec"]["containers"][0] |= PRIVILEGED
    found = validate(view(value), namespace(ENFORCED))
    assert [violation.id for violation in found.verdicts[BASELINE]] == ["privileged"]
    assert not found.denied
    assert not run(value, policy({f"{PSA}enforce": "baseline"}, denyIn="mutate")).denied


def test_an_update_is_judged_if_it_is_significant() -> None:
    """Another image is; a label is not, and then nothing is said."""
    old = view(document({"image": "a"}))
    relabelled = validate(view(document({"image": "a"}, metadata={"labels": {"x": "y"}})), namespace(ENFORCED), old=old)
    assert (relabelled.withheld, relabelled.verdicts) == (Withheld.UPDATE, {})
    assert validate(view(document({"image": "b"})), namespace(ENFORCED), old=old).verdicts


@pytest.mark.parametrize("call", [evaluate, validate])
def test_what_is_exempt_is_left_alone(call: object) -> None:
    """Neither patched nor judged, whatever it violates; the document stays."""
    exempting = policy({f"{PSA}enforce": "restricted"}, exemptions={"usernames": ["root"]}, denyIn="mutate")
    pod = view(document(PRIVILEGED))
    found = call(pod, namespace(exempting), user="root")  # type: ignore[operator]
    assert found.exempt is Exemption.USER
    assert (found.operations, found.verdicts, found.denied) == ((), {}, False)
    assert found.patched is pod.document


def test_mutating_admission_denies_where_it_is_told_to() -> None:
    """Under `denyIn: mutate` the enforce level decides after the patch; else nothing is denied here."""
    labels: dict[str, str | None] = {f"{PSA}enforce": "restricted"}
    assert run(document(PRIVILEGED), policy(labels, denyIn="mutate")).denied
    assert not run(document(), policy(labels, denyIn="mutate")).denied
    assert not run(document(PRIVILEGED), policy(labels)).denied


def test_stages() -> None:
    """A pod is judged as sent or with the patch, before or after the API server's own steps."""
    value = document({"ports": [{"containerPort": 80}]}, hostNetwork=True)
    found = run(value)
    ids = {stage: [row.id for row in found.violations(RESTRICTED, stage)] for stage in Stage}
    assert ids[Stage.PATCHED] == ["hostNamespaces"]
    assert ids[Stage.ADMITTED] == ["hostNamespaces", "hostPorts"]
    assert ids[Stage.SENT][:2] == ["hostNamespaces", "allowPrivilegeEscalation"]
    assert ids[Stage.ARRIVING][:3] == ["hostNamespaces", "hostPorts", "allowPrivilegeEscalation"]
