"""Updates: the template of each kind, and debug sessions that say more than the API server stores of them."""

from __future__ import annotations

import copy
from typing import Any, Final

import jsonpatch
import pytest

from patches.evaluation import evaluate, validate
from patches.model.decisions import Withheld
from patches.model.pod import IMMUTABLE_TEMPLATES, TEMPLATES
from patches.model.shapes import Json
from tests.patches.build import OURS, PSA, document, namespace, policy, run
from tests.pods import view

CONTROLLERS: Final = [(group, kind) for group, kind in TEMPLATES if kind != "Pod"]
PATCHING: Final = policy({PSA + "enforce": "restricted"}, patchTemplates=True)
DEBUG: Final = [{"name": "debug", "image": "i"}]
CLASS: Final = "unjudged"

each_controller = pytest.mark.parametrize(("group", "kind"), CONTROLLERS)


def controller(group: str, kind: str, image: str = "i:1", **metadata: Json) -> Json:
    """A controller of this kind whose template has one bare container."""
    node: Json = {"spec": {"containers": [{"name": "c0", "image": image}]}}
    for token in reversed(TEMPLATES[group, kind]):
        node = {token: node}
    return {"apiVersion": f"{group}/v1" if group else "v1", "kind": kind, "metadata": {"name": "d", **metadata}, **node}


@each_controller
def test_a_change_of_metadata_patches_no_template(group: str, kind: str) -> None:
    """The template is as its author left it: it is judged, and what its pods will get is said, as without patches."""
    outcome = run(controller(group, kind, labels={"a": "b"}), PATCHING, old=controller(group, kind))
    immutable = kind in IMMUTABLE_TEMPLATES
    assert outcome.withheld is (Withheld.IMMUTABLE_TEMPLATE if immutable else Withheld.UNCHANGED_TEMPLATE)
    assert "runAsNonRoot:pod" in outcome.applied
    assert list(outcome.verdicts.values()) == [()]


@each_controller
def test_a_template_that_its_author_changes_is_patched(group: str, kind: str) -> None:
    """As a new one is; that of a Job never."""
    new = controller(group, kind, "i:2")
    outcome = run(new, PATCHING, old=controller(group, kind))
    assert outcome.withheld is (Withheld.IMMUTABLE_TEMPLATE if kind in IMMUTABLE_TEMPLATES else None)
    assert outcome.operations == run(new, PATCHING).operations != ()


@each_controller
def test_a_controller_that_is_being_deleted_is_left_alone(group: str, kind: str) -> None:
    """Also where its template changes: the removal of a finalizer must get through."""
    leaving = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    old = controller(group, kind, finalizers=["foregroundDeletion"], **leaving)
    for image in ("i:1", "i:2"):
        outcome = run(controller(group, kind, image, **leaving), PATCHING, old=old)
        assert (outcome.withheld, outcome.operations) == (Withheld.DELETING, ())


@pytest.mark.parametrize(
    ("metadata", "rules", "withheld"),
    [
        ({}, policy(), Withheld.TEMPLATE),
        ({"ownerReferences": [{"controller": True}]}, PATCHING, Withheld.OWNED_TEMPLATE),
        ({}, policy({OURS + "mode": "warn"}, patchTemplates=True), Withheld.MODE),
        ({}, policy({OURS + "mode": "off"}, patchTemplates=True), Withheld.OFF),
    ],
)
@pytest.mark.parametrize("image", ["i:1", "i:2"])
def test_other_reasons_come_first(metadata: Json, rules: Any, withheld: Withheld, image: str) -> None:
    """What holds for the object at any time is said, whether the update changes the template or not."""
    for group, kind in CONTROLLERS:
        outcome = run(controller(group, kind, image, **metadata), rules, old=controller(group, kind))
        assert outcome.withheld is withheld


@each_controller
def test_validating_admission_judges_every_update_of_a_template(group: str, kind: str) -> None:
    """As Pod Security Admission does: only of pods does it matter what an update changes."""
    old = view(controller(group, kind))
    found = validate(view(controller(group, kind, labels={"a": "b"})), namespace(PATCHING), old=old)
    assert found.withheld is None
    assert [len(violations) for violations in found.verdicts.values()] == [4]


@pytest.mark.parametrize(
    "said",
    [
        {"metadata": {"annotations": {"kubernetes.io/config.mirror": "x"}}},
        {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}},
        {"metadata": {"annotations": {OURS + "skip": "runAsNonRoot,seccompProfile,capabilities"}}},
        {"metadata": {"annotations": {"container.seccomp.security.alpha.kubernetes.io/debug": "unconfined"}}},
        {"spec": {"runtimeClassName": CLASS}},
        {"spec": {"os": {"name": "windows"}}},
        {"spec": {"hostUsers": False}},
        {"spec": {"securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}}},
        {"spec": {"securityContext": {"runAsUser": 0}}},
    ],
)
def test_what_a_debug_session_says_of_its_pod_does_not_count(said: Json) -> None:
    """The API server drops it, but only after mutating admission: the container is hardened and judged without it."""
    rules = policy({PSA + "enforce": "restricted"}, allowPodSkip=True, exemptions={"runtimeClasses": [CLASS]})
    old = document()
    plain = document(ephemeralContainers=copy.deepcopy(DEBUG))
    forged = {**plain, **{field: plain[field] | value for field, value in said.items()}}
    expected, outcome = run(plain, rules, old=old), run(forged, rules, old=old)
    assert outcome.operations == expected.operations
    assert (outcome.withheld, outcome.exempt) == (None, None)
    assert outcome.verdicts == expected.verdicts
    (container,) = jsonpatch.apply_patch(forged, list(outcome.operations))["spec"]["ephemeralContainers"]
    assert container["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest.mark.parametrize(
    ("said", "withheld"),
    [
        ({"annotations": {"kubernetes.io/config.mirror": "x"}}, Withheld.MIRROR_POD),
        ({"deletionTimestamp": "2026-01-01T00:00:00Z"}, Withheld.DELETING),
    ],
)
def test_what_the_stored_pod_says_counts(said: Json, withheld: Withheld) -> None:
    """The API server lets nobody write these later."""
    outcome = run(document(ephemeralContainers=DEBUG), old=document(metadata=said))
    assert outcome.withheld is withheld


def test_a_runtime_class_exempts_the_debug_sessions_of_its_pods() -> None:
    """The class of a pod cannot change, and Pod Security Admission exempts them too."""
    rules = policy(exemptions={"runtimeClasses": [CLASS]})
    old = view(document(runtimeClassName=CLASS))
    assert evaluate(view(document(ephemeralContainers=DEBUG)), namespace(rules), old=old).exempt is not None
