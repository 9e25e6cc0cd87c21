"""The pipeline: what is patched at all, in which order, what is noted on the pod, and what is judged."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import jsonpatch
import pytest

from patches.compiler import active_defaults, compile_namespace
from patches.defaults import DEFAULTS
from patches.evaluation import Evaluation, Stage, applied_list, evaluate
from patches.model.decisions import Decision, Reason, State, Withheld
from patches.model.notices import Notice, NoticeCode
from patches.model.pod import Origin
from patches.policy.policy import IDS
from patches.policy.snapshot import empty_snapshot
from patches.standards.levels import Level
from tests.patches.build import OURS, PSA, configuration, document, namespace, policy, run, template
from tests.pods import view
from webhook.errors import InvalidObject

APPLIED = OURS + "applied"
APPLIED_PATH = "/metadata/annotations/pod-security-defaulter.io~1applied"
EVERYTHING = (
    "runAsNonRoot:pod,seccompProfile:pod,allowPrivilegeEscalation:containers/c0,capabilities:containers/c0,"
    "automountServiceAccountToken:pod,resources:containers/c0"
)


def ids(outcome: Evaluation) -> list[str]:
    """The defaults that said something, in order, each once."""
    return list(dict.fromkeys(decision.id for decision in outcome.decisions))


def verdicts(outcome: Evaluation) -> dict[str, list[str]]:
    """The ids of what is violated, by level."""
    return {str(level): [violation.id for violation in found] for level, found in outcome.verdicts.items()}


def untouched(outcome: Evaluation, value: Any) -> bool:
    """Whether nothing was done and nothing decided."""
    return (outcome.operations, outcome.decisions, outcome.applied) == ((), (), "") and outcome.patched is value


def test_a_bare_pod_passes_afterwards() -> None:
    """The main job, with what leads there."""
    value = document()
    before = copy.deepcopy(value)
    outcome = run(value)
    assert value == before
    assert outcome.withheld is None
    assert verdicts(outcome) == {"restricted:latest": []}
    assert jsonpatch.apply_patch(value, json.loads(json.dumps(outcome.operations))) == outcome.patched
    assert outcome.applied == EVERYTHING
    assert outcome.patched["metadata"]["annotations"] == {APPLIED: EVERYTHING}
    assert outcome.patched["spec"]["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert run(outcome.patched).operations == ()


def test_what_still_violates_is_judged_after_patching() -> None:
    """At the target and at each level of the namespace."""
    labels = {PSA + "enforce": "baseline", PSA + "warn": "restricted", PSA + "warn-version": "v1.20"}
    outcome = run(
        document({"securityContext": {"privileged": True}}), policy({**labels, OURS + "profile": "restricted"})
    )
    assert verdicts(outcome) == {
        "restricted:latest": ["privileged", "allowPrivilegeEscalation", "capabilities_restricted", "runAsNonRoot"],
        "baseline:latest": ["privileged"],
        "restricted:v1.20": ["privileged", "allowPrivilegeEscalation", "runAsNonRoot"],
    }


def test_the_api_server_s_version_is_what_latest_means() -> None:
    """A 1.34 server does not know the exemptions of 1.35."""
    value = document(hostUsers=False, securityContext={"runAsUser": 0})
    assert "runAsUser" in verdicts(run(value, policy(server_minor=34)))["restricted:latest"]
    assert verdicts(run(value, policy(server_minor=35))) == {"restricted:latest": []}


@pytest.mark.parametrize(
    ("labels", "acting"),
    [
        ({PSA + "enforce": "privileged"}, set()),
        ({PSA + "enforce": "baseline"}, {"automountServiceAccountToken", "resources"}),
    ],
)
def test_the_target_decides_what_acts(labels: dict[str, str | None], acting: set[str]) -> None:
    """Nothing at privileged: the namespace opted out on purpose."""
    outcome = run(document(), policy(labels))
    assert set(ids(outcome)) == acting
    assert (outcome.operations == ()) is (not acting)
    assert outcome.withheld is None


def test_every_default_acts_in_the_order_of_the_list() -> None:
    """With every setting on, at restricted all of them, at baseline those that no profile asks for."""
    everything = frozenset(IDS)
    assert [default.id for default in active_defaults(Level.RESTRICTED, everything)] == [
        default.id for default in DEFAULTS
    ]
    assert {default.id for default in active_defaults(Level.BASELINE, everything)} == everything - {
        "runAsNonRoot",
        "os",
        "seccompProfile",
        "allowPrivilegeEscalation",
        "capabilities",
    }
    assert active_defaults(Level.PRIVILEGED, everything) == ()
    assert active_defaults(Level.RESTRICTED, frozenset()) == ()
    assert {default.id for default in DEFAULTS} == everything


def test_a_namespace_may_skip_defaults() -> None:
    """They are noted as skipped, at the pod spec; a default that is off is not mentioned."""
    outcome = run(document(), policy(annotations={OURS + "skip": "seccompProfile,hostUsers"}))
    skipped = [decision for decision in outcome.decisions if decision.state is State.SKIPPED]
    assert skipped == [Decision("seccompProfile", "/spec", State.SKIPPED, Reason.SKIP_ANNOTATION)]
    assert ids(outcome)[:2] == ["runAsNonRoot", "seccompProfile"]
    assert verdicts(outcome) == {"restricted:latest": ["seccompProfile_restricted"]}


@pytest.mark.parametrize("allowed", [True, False])
def test_a_pod_may_skip_defaults_where_that_is_allowed(allowed: bool) -> None:  # noqa: FBT001
    """The annotation on pods counts only if the configuration says so, and beside the namespace's."""
    value = document(metadata={"annotations": {OURS + "skip": "resources, typo"}})
    outcome = run(value, policy(annotations={OURS + "skip": "runAsNonRoot"}, allowPodSkip=allowed))
    skipped = {decision.id for decision in outcome.decisions if decision.reason is Reason.SKIP_ANNOTATION}
    assert skipped == ({"runAsNonRoot", "resources"} if allowed else {"runAsNonRoot"})


@pytest.mark.parametrize("metadata", [{"name": "p"}, {"annotations": {OURS + "skip": None}}])
def test_a_pod_that_skips_nothing(metadata: Any) -> None:
    """No annotation, or null."""
    assert len(run(document(metadata=metadata), policy(allowPodSkip=True)).operations) > 0


@pytest.mark.parametrize("mode", ["warn", "audit"])
def test_staged_modes_only_say_what_would_be_done(mode: str) -> None:
    """The pod is judged as sent, since it will run as sent; the annotation is not among the operations."""
    outcome = run(document(), policy({OURS + "mode": mode}))
    assert outcome.withheld is Withheld.MODE
    assert outcome.applied == EVERYTHING
    assert outcome.patched["spec"]["automountServiceAccountToken"] is False
    assert "annotations" not in outcome.patched["metadata"]
    assert len(verdicts(outcome)["restricted:latest"]) == 4


def test_mode_off_does_and_says_nothing() -> None:
    """Neither patch nor verdict."""
    value = document()
    outcome = run(value, policy({OURS + "mode": "off"}))
    assert outcome.withheld is Withheld.OFF
    assert untouched(outcome, value)
    assert outcome.verdicts == {}


def test_mirror_pods_are_judged_and_left_alone() -> None:
    """Anyone can write that annotation, also with null."""
    value = document(metadata={"annotations": {"kubernetes.io/config.mirror": None}})
    outcome = run(value)
    assert outcome.withheld is Withheld.MIRROR_POD
    assert untouched(outcome, value)
    assert len(verdicts(outcome)["restricted:latest"]) == 4
    assert run(value, policy({OURS + "mode": "off"})).withheld is Withheld.OFF
    assert run(value, policy({OURS + "mode": "warn"})).withheld is Withheld.MIRROR_POD


def test_what_is_being_deleted_is_left_alone() -> None:
    """A patch would hinder the removal of a finalizer; null and nothing mean that it is not being deleted."""
    metadata = {"name": "p", "deletionTimestamp": "2024-01-01T00:00:00Z"}
    value = document(metadata=metadata)
    outcome = run(value)
    assert outcome.withheld is Withheld.DELETING
    assert untouched(outcome, value)
    assert outcome.verdicts == {}
    owner = template(metadata=metadata)
    assert run(owner, policy(patchTemplates=True)).withheld is Withheld.DELETING
    assert run(document(metadata={"deletionTimestamp": None})).withheld is None


def test_a_pod_update_is_left_alone() -> None:
    """The spec is immutable: a label change on an older pod is no business of ours."""
    value = document(metadata={"name": "p", "labels": {"a": "b"}})
    outcome = run(value, old=document())
    assert outcome.withheld is Withheld.UPDATE
    assert untouched(outcome, value)
    assert outcome.verdicts == {}


def test_new_ephemeral_containers_are_patched_and_nothing_else() -> None:
    """Whatever else a patch touches is dropped by the API server, the annotation too; resources may not be set."""
    old = document(ephemeralContainers=[{"name": "d1"}])
    value = document(ephemeralContainers=[{"name": "d2"}, {"name": "d1"}])
    outcome = run(value, old=old)
    assert outcome.withheld is None
    assert {row["path"].split("/securityContext")[0] for row in outcome.operations} == {"/spec/ephemeralContainers/0"}
    assert outcome.patched["spec"]["ephemeralContainers"] == [
        {
            "name": "d2",
            "securityContext": {
                "runAsNonRoot": True,
                "seccompProfile": {"type": "RuntimeDefault"},
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
            },
        },
        {"name": "d1"},
    ]
    assert outcome.applied == ",".join(
        f"{default}:ephemeralContainers/d2"
        for default in ("runAsNonRoot", "seccompProfile", "allowPrivilegeEscalation", "capabilities")
    )
    assert outcome.patched["metadata"] == value["metadata"]
    assert verdicts(outcome)["restricted:latest"] != []
    assert run(value, policy({OURS + "mode": "warn"}), old=old).withheld is Withheld.MODE


@pytest.mark.parametrize(
    ("metadata", "rules", "withheld"),
    [
        ({"name": "d"}, {}, Withheld.TEMPLATE),
        ({"ownerReferences": [{"controller": True}]}, {}, Withheld.TEMPLATE),
        ({"name": "d"}, {"patchTemplates": True}, None),
        ({"ownerReferences": None}, {"patchTemplates": True}, None),
        ({"ownerReferences": [{"controller": False}, {"kind": "X"}]}, {"patchTemplates": True}, None),
        ({"ownerReferences": [{"kind": "X"}, {"controller": True}]}, {"patchTemplates": True}, Withheld.OWNED_TEMPLATE),
    ],
)
def test_templates(metadata: Any, rules: Any, withheld: Withheld | None) -> None:
    """Patched on request only, and not where another controller owns them; judged as their pods will be."""
    outcome = run(template(metadata=metadata), policy(**rules))
    assert outcome.withheld is withheld
    assert outcome.applied == EVERYTHING
    assert verdicts(outcome) == {"restricted:latest": []}
    assert all(row["path"].startswith("/spec/template/spec/") for row in outcome.operations)


def test_a_template_without_metadata_of_its_controller() -> None:
    """The API server would refuse it later; nothing here breaks."""
    value = template()
    del value["metadata"]
    assert run(value, policy(patchTemplates=True)).withheld is None


def test_a_manifest_of_a_template_is_patched() -> None:
    """Preview shows what the file would have to say; no annotation goes into files."""
    outcome = run(template(), origin=Origin.MANIFEST)
    assert outcome.withheld is None
    assert outcome.patched["metadata"] == {"name": "d"}
    assert "metadata" not in outcome.patched["spec"]["template"]
    assert "annotations" not in run(document(), origin=Origin.MANIFEST).patched["metadata"]


@pytest.mark.parametrize(
    ("metadata", "operations"),
    [
        (
            {"name": "p"},
            [
                {"op": "add", "path": "/metadata/annotations", "value": {APPLIED: EVERYTHING}},
            ],
        ),
        (
            {"annotations": {"a": "b"}},
            [{"op": "add", "path": APPLIED_PATH, "value": EVERYTHING}],
        ),
        (
            {"annotations": {APPLIED: None}},
            [
                {
                    "op": "replace",
                    "path": APPLIED_PATH,
                    "value": EVERYTHING,
                }
            ],
        ),
        (
            {"annotations": {APPLIED: ""}},
            [
                {
                    "op": "replace",
                    "path": APPLIED_PATH,
                    "value": EVERYTHING,
                }
            ],
        ),
        (
            {"annotations": {APPLIED: "os:pod,runAsNonRoot:pod"}},
            [
                {
                    "op": "replace",
                    "path": APPLIED_PATH,
                    "value": "os:pod," + EVERYTHING,
                }
            ],
        ),
    ],
)
def test_the_applied_annotation(metadata: Any, operations: Any) -> None:
    """Last in the patch; made where it is missing, filled where it is null, else extended."""
    outcome = run(document(metadata=metadata))
    assert list(outcome.operations[-len(operations) :]) == operations
    assert not outcome.operations[-len(operations) - 1]["path"].startswith("/metadata")


def test_an_earlier_round_s_annotation_in_another_order() -> None:
    """What it says comes first and stays; what is new follows, each once."""
    first = "capabilities:containers/old,runAsNonRoot:pod"
    outcome = run(document(metadata={"annotations": {APPLIED: first}}))
    rest = [entry for entry in EVERYTHING.split(",") if entry != "runAsNonRoot:pod"]
    assert outcome.patched["metadata"]["annotations"][APPLIED] == ",".join([first, *rest])
    assert outcome.applied == EVERYTHING


def test_nothing_added_leaves_the_annotation_alone() -> None:
    """A second round that adds nothing writes nothing."""
    rules = policy({PSA + "enforce": "privileged"})
    assert run(document(metadata={"annotations": {APPLIED: "os:pod"}}), rules).operations == ()


@pytest.mark.parametrize("earlier", [None, "", "os:pod", "\u00e4:pod"])
def test_annotations_keep_below_the_api_server_s_limit(earlier: str | None) -> None:
    """256 KiB of keys and values in bytes: where the note would exceed that, the pod goes without it."""
    note = f"{earlier},{EVERYTHING}" if earlier else EVERYTHING
    room = 256 * 1024 - len((APPLIED + note + "k\u00e9" + "null").encode())
    for size, expected in ((room, note), (room + 1, earlier)):
        annotations: dict[str, Any] = {"k\u00e9": "x" * size, "null": None}
        if earlier is not None:
            annotations[APPLIED] = earlier
        outcome = run(document(metadata={"annotations": annotations}))
        assert outcome.patched["metadata"]["annotations"].get(APPLIED) == expected
        assert outcome.applied == EVERYTHING


def test_the_applied_list_names_containers() -> None:
    """By name, since another webhook may move them; each default once for each place."""
    pod = view(
        document({"name": "a"}, {"name": "b"}, initContainers=[{"name": "a"}], ephemeralContainers=[{"name": "e"}])
    )
    paths = [
        ("/spec/automountServiceAccountToken", State.APPLIED),
        ("/spec/volumes/1", State.APPLIED),
        ("/spec/containers/1/resources/limits/cpu", State.APPLIED),
        ("/spec/containers/1/resources/limits/memory", State.APPLIED),
        ("/spec/containers/0/resources/limits/cpu", State.KEPT),
        ("/spec/containers/0/resources", State.SKIPPED),
        ("/spec/containers/0/resources", State.CONFLICT),
        ("/spec/initContainers/0/volumeMounts/-", State.APPLIED),
        ("/spec/ephemeralContainers/0/securityContext", State.APPLIED),
        ("/spec/securityContext/runAsUser", State.APPLIED),
    ]
    decisions = [Decision("x", path, state, Reason.UNSET) for path, state in paths]
    assert applied_list(pod, decisions) == "x:pod,x:containers/b,x:initContainers/a,x:ephemeralContainers/e"
    assert applied_list(pod, []) == ""
    inner = view(template())
    path = "/spec/template/spec/containers/0/securityContext"
    assert applied_list(inner, [Decision("y", path, State.APPLIED, Reason.UNSET)]) == "y:containers/c0"


def test_a_quantity_that_is_none_is_an_invalid_pod() -> None:
    """The caller answers with the name of the field."""
    with pytest.raises(InvalidObject, match=r"^spec\.containers\[0\]\.resources\.requests"):
        run(document({"resources": {"requests": {"cpu": "lots"}}}))


def test_what_is_unknown_is_skipped_and_said() -> None:
    """Objects that could not be learnt cost the defaults that need them, and no others."""
    outcome = run(document(), around=namespace(limits=None, accounts_known=False))
    unknown = {decision.id for decision in outcome.decisions if decision.reason is Reason.UNKNOWN}
    assert unknown == {"automountServiceAccountToken", "resources"}
    assert verdicts(outcome) == {"restricted:latest": []}


def test_the_most_containers_that_are_supported() -> None:
    """Each of them gets what it lacks, a volume of its own included."""
    value = document(*({} for _ in range(1_000)))
    outcome = run(value, policy(settings={"readOnlyRootFilesystem": {"enabled": True, "writableTmp": True}}))
    assert len(outcome.patched["spec"]["volumes"]) == 1_000


def test_root_that_passes_is_told_what_it_loses() -> None:
    """Once for each container, where we drop its capabilities; not where its author did, or where it keeps them."""
    root = {"securityContext": {"runAsUser": 0}}
    own = {"securityContext": {"runAsUser": 0, "capabilities": {"drop": ["ALL"]}}}
    value = document(root, {}, own, initContainers=[{"name": "i", **root}], hostUsers=False)
    outcome = run(value)
    code = NoticeCode.ROOT_WITHOUT_CAPABILITIES
    assert outcome.notices == (
        Notice(code, "/spec/initContainers/0", ("i",)),
        Notice(code, "/spec/containers/0", ("c0",)),
    )
    assert verdicts(outcome) == {"restricted:latest": []}
    assert run(outcome.patched).notices == ()
    assert run(document(root)).notices == ()


@pytest.mark.parametrize("left_out", ["skip", "exception", "everywhere"])
def test_root_passes_only_where_host_users_will_act(left_out: str) -> None:
    """`capabilities` acts first and looks ahead: what keeps hostUsers from the pod keeps the container its powers."""
    rules: dict[str, Any] = {"containers": ["c1"]} if left_out == "exception" else {"namespaces": ["shop"]}
    exceptions = [] if left_out == "skip" else [{**rules, "defaults": ["hostUsers"]}]
    given = configuration(settings={"hostUsers": {"enabled": True}}, exceptions=exceptions)
    snapshot = replace(empty_snapshot("shop"), annotations={OURS + "skip": "hostUsers"} if left_out == "skip" else {})
    value = document({"securityContext": {"runAsUser": 0}}, {})
    outcome = run(value, around=compile_namespace(snapshot, given))
    drops = [
        (str(decision.state), decision.reason)
        for decision in outcome.decisions
        if decision.path == "/spec/containers/0/securityContext/capabilities/drop"
    ]
    assert drops == [("conflict", Reason.RUNS_AS_ROOT)]
    assert run(outcome.patched, around=compile_namespace(snapshot, given)).operations == ()


def test_exceptions_cost_what_they_name_and_no_more() -> None:
    """Decisions say where; what is skipped for the whole pod is said of its spec."""
    given = configuration(
        exceptions=[
            {"containers": ["c1"], "defaults": ["capabilities", "automountServiceAccountToken"]},
            {"namespaces": ["shop"], "defaults": ["resources", "hostUsers"]},
        ]
    )
    outcome = run(document({}, {}), around=compile_namespace(empty_snapshot("shop"), given))
    assert [(row.id, row.path) for row in outcome.decisions if row.reason is Reason.EXCEPTION] == [
        ("capabilities", "/spec/containers/1/securityContext/capabilities/drop"),
        ("automountServiceAccountToken", "/spec"),
        ("resources", "/spec"),
    ]
    assert outcome.applied == (
        "runAsNonRoot:pod,seccompProfile:pod,allowPrivilegeEscalation:containers/c0,"
        "allowPrivilegeEscalation:containers/c1,capabilities:containers/c0"
    )
    assert verdicts(outcome) == {"restricted:latest": ["capabilities_restricted"]}


def test_an_exception_of_the_whole_pod_says_nothing_of_an_update() -> None:
    """A debug container can be excepted; what holds for the pod is decided already."""
    given = configuration(exceptions=[{"containers": ["debug"], "defaults": ["os", "capabilities"]}])
    value = document(ephemeralContainers=[{"name": "debug"}])
    outcome = run(value, around=compile_namespace(empty_snapshot("shop"), given), old=document())
    assert [row.id for row in outcome.decisions if row.reason is Reason.EXCEPTION] == ["capabilities"]


def test_an_app_armor_annotation_is_judged_as_the_field_that_becomes_of_it() -> None:
    """Between mutating and validating admission the API server copies the annotation: PodSecurity names both."""
    annotations = {"container.apparmor.security.beta.kubernetes.io/c0": "unconfined"}
    value = document(metadata={"name": "p", "annotations": annotations})
    outcome = run(value, policy({PSA + "enforce": "baseline"}))
    ((violation,),) = outcome.verdicts.values()
    assert violation.reason == "forbidden AppArmor profiles"
    assert violation.detail.startswith('container "c0" and annotation must not set AppArmor profile type to')


HOSTED: Any = {"hostNetwork": True}
PORTS: Any = [{"name": "c0", "ports": [{"containerPort": 9100}]}]


@pytest.mark.parametrize("value", [document(*PORTS, **HOSTED), document(metadata={"annotations": {"a": "b"}})])
def test_a_manifest_of_a_pod_is_judged_as_it_arrives(value: Any) -> None:
    """As the same pod once an API server has defaulted it."""
    found = run(value, origin=Origin.MANIFEST)
    level = found.policy.target
    assert found.verdicts == {level: found.violations(level, Stage.ADMITTED)}
    assert found.notices == ()


def test_a_manifest_of_a_template_is_judged_without_the_steps_for_pods() -> None:
    """What an API server warns about; the steps that its pods will have are said."""
    value = template(containers=PORTS, volumes=[{"name": "v"}], **HOSTED)
    found = run(value, origin=Origin.MANIFEST)
    assert verdicts(found) == {"restricted:latest": ["hostNamespaces"]}
    assert [notice.code for notice in found.worsened(Stage.ADMITTED)] == [NoticeCode.HOST_PORTS_COPIED]
    assert [notice.code for notice in found.worsened(Stage.ARRIVING)] == [NoticeCode.HOST_PORTS_COPIED]
    assert [row.id for row in found.violations(found.policy.target, Stage.ADMITTED)] == ["hostNamespaces", "hostPorts"]


def test_an_admitted_template_says_what_its_pods_will_violate() -> None:
    """At the levels that people are warned of, and only where it is judged. The verdict is that of the template."""
    value = template(containers=PORTS, **HOSTED)
    found = run(value)
    assert found.withheld is Withheld.TEMPLATE
    assert verdicts(found) == {"restricted:latest": ["hostNamespaces"]}
    (notice,) = found.notices
    assert notice == Notice(
        NoticeCode.HOST_PORTS_COPIED, "/spec/template/spec", ("hostPort", 'container "c0" uses hostPort 9100')
    )
    assert run(document(*PORTS, **HOSTED)).notices == ()
    audited: dict[str, str | None] = {PSA + "audit": "baseline", OURS + "profile": "privileged"}
    assert run(value, policy(audited)).notices == ()
    assert run(value, policy({OURS + "mode": "off"})).notices == ()


@pytest.mark.parametrize(
    ("rules", "metadata", "count"),
    [
        ({}, {"name": "d"}, 4),
        ({"patchTemplates": True}, {"name": "d"}, 0),
        ({"patchTemplates": True}, {"ownerReferences": [{"controller": True}]}, 4),
    ],
)
@pytest.mark.parametrize("origin", Origin)
def test_the_stage_stored(rules: Any, metadata: Any, count: int, origin: Origin) -> None:
    """A template is stored with the patch only where templates are patched."""
    found = run(template(metadata=metadata), policy(**rules), origin=origin)
    assert len(found.violations(found.policy.target, Stage.STORED)) == count
    assert found.violations(found.policy.target, Stage.ADMITTED) == ()


def test_the_annotation_is_for_admission_only() -> None:
    """A preview of what arrived goes without it."""
    found = evaluate(view(document()), namespace(), annotate=False)
    assert found.applied == EVERYTHING
    assert "annotations" not in found.patched["metadata"]
