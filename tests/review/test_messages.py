"""The words of answers: upstream's to the letter, hints that name the field, nothing that an API server drops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from patches.compiler import compile_namespace
from patches.evaluation import Evaluation, evaluate
from patches.model.decisions import Decision, Reason, State
from patches.model.images import ImageFacts, Images
from patches.policy.configuration import Mode
from patches.policy.namespace import CompiledNamespace
from patches.policy.policy import PREFIX, PSA_PREFIX
from patches.standards.checks import CHECK_FIELDS, CHECKS
from patches.standards.levels import parse_level_version
from patches.standards.violations import Violation
from tests.pods import view
from tests.review.builders import (
    BARE,
    NAMESPACE,
    PRIVILEGED_TEXT,
    configured,
    container,
    deployment,
    gatherer_of,
    namespace_object,
    pod,
    privileged_pod,
)
from webhook.review import messages

RESTRICTED = parse_level_version("restricted")
BASELINE = parse_level_version("baseline")
REMOVE = "remove spec.containers[0].securityContext.privileged"
PRIVILEGED = Violation("privileged", "privileged", 'container "app" must not set securityContext.privileged=true')


def compiled(labels: Mapping[str, str], **parts: Any) -> CompiledNamespace:
    """The namespace `shop` with these labels, and nothing in it. `parts`: of the configuration."""
    return compile_namespace(gatherer_of([namespace_object(labels)]).snapshot(NAMESPACE), configured(**parts))


def evaluated(document: dict[str, Any], labels: Mapping[str, str], **parts: Any) -> Evaluation:
    """What becomes of a pod in a namespace with these labels."""
    return evaluate(view(document), compiled(labels, **parts))


def test_every_check_has_a_field() -> None:
    """A hint can be given for each check, and for nothing else."""
    assert sorted(CHECK_FIELDS) == sorted(check.id for check in CHECKS)


def test_upstream_texts() -> None:
    """The texts are those of Pod Security Admission, checks joined by a comma."""
    both = (PRIVILEGED, Violation("hostPorts", "hostPort", "detail"))
    assert messages.violates(RESTRICTED, both) == (
        f'violates PodSecurity "restricted:latest": {PRIVILEGED_TEXT}, hostPort (detail)'
    )
    assert messages.would_violate(parse_level_version("baseline:v1.30"), both[:1]) == (
        f'would violate PodSecurity "baseline:v1.30": {PRIVILEGED_TEXT}'
    )


def test_hint_removes_what_stands_against_the_level() -> None:
    """One edit, although four checks are violated: the defaults do the rest. Positions say which item it is."""
    evaluation = evaluated(privileged_pod(), {})
    assert len(evaluation.verdicts[RESTRICTED]) == 4
    assert messages.hint(evaluation, RESTRICTED) == f"to pass, {REMOVE}"
    security = {"capabilities": {"add": ["SYS_ADMIN"]}, "procMount": "Unmasked"}
    sysctls = {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}
    metadata = {"annotations": {"container.apparmor.security.beta.kubernetes.io/app": "unconfined"}}
    several = pod(metadata=metadata, securityContext=sysctls, containers=[container(securityContext=security)])
    assert messages.hint(evaluated(several, {}), RESTRICTED) == (
        "to pass, remove spec.securityContext.sysctls[0] (kernel.msgmax), "
        "spec.containers[0].securityContext.capabilities.add[0] (SYS_ADMIN), "
        "spec.containers[0].securityContext.procMount, "
        "metadata.annotations[container.apparmor.security.beta.kubernetes.io/app]"
    )


def test_hint_sets_what_nobody_fills_in() -> None:
    """A default that is off leaves the field to the author; what is missing is set, what forbids it goes."""
    evaluation = evaluated(privileged_pod(), {}, settings={"seccompProfile": {"enabled": False}})
    assert messages.hint(evaluation, RESTRICTED) == (
        f'to pass, {REMOVE}; set spec.securityContext.seccompProfile to {{"type":"RuntimeDefault"}}'
    )


def test_hint_of_what_no_edit_mends() -> None:
    """A debug session changes nothing else of its pod; a pod of a hundred containers is not searched: fields it is."""
    many = pod(containers=[container(f"c{index}", securityContext={"privileged": True}) for index in range(100)])
    assert messages.hint(evaluated(many, {PSA_PREFIX + "enforce": "baseline"}), BASELINE) == (
        "to pass, change securityContext.privileged"
    )
    old = privileged_pod()
    debugged = {**old, "spec": {**old["spec"], "ephemeralContainers": [container("debugger")]}}
    evaluation = evaluate(view(debugged), compiled({PSA_PREFIX + "enforce": "baseline"}), old=view(old))
    assert messages.hint(evaluation, BASELINE) == "to pass, change securityContext.privileged"


def test_hint_in_mode_warn() -> None:
    """Kubernetes refuses the pod as it was sent, so that all has to be written; for the target the defaults count."""
    labels = {PREFIX + "mode": "warn", PREFIX + "profile": "restricted", PSA_PREFIX + "enforce": "baseline"}
    evaluation = evaluated(privileged_pod(), labels)
    assert messages.hint(evaluation, BASELINE) == f"to pass, {REMOVE}"
    assert messages.hint(evaluation, RESTRICTED) == f"to pass once the defaults are added, {REMOVE}"
    assert messages.hint(evaluated(pod(), labels), RESTRICTED) == "passes once the defaults are added"
    enforced = evaluated(privileged_pod(), labels | {PSA_PREFIX + "enforce": "restricted"})
    assert messages.hint(enforced, RESTRICTED) == (
        f"to pass, {REMOVE}; set spec.containers[0].securityContext.allowPrivilegeEscalation to false; "
        'set spec.containers[0].securityContext.capabilities.drop to ["ALL"]; '
        "set spec.securityContext.runAsNonRoot to true; "
        'set spec.securityContext.seccompProfile to {"type":"RuntimeDefault"}'
    )


@pytest.mark.interpreted
def test_a_pod_that_is_allowed_costs_no_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """Edits are looked for only where a pod violates a level."""
    monkeypatch.setattr(messages, "shortest_edits", None)
    evaluation = evaluated(pod(), {PSA_PREFIX + "enforce": "restricted"})
    assert messages.mutation_warnings(evaluation) == []
    assert messages.preview_warnings(evaluation, Mode.ENFORCE) == []


def test_refusal_is_upstreams_text_then_the_hint() -> None:
    """A search for upstream's words finds ours, and what follows says what to do."""
    assert messages.refusal(evaluated(privileged_pod(), {PSA_PREFIX + "enforce": "baseline"})) == (
        f'violates PodSecurity "baseline:latest": {PRIVILEGED_TEXT}; to pass, {REMOVE}'
    )


def test_refusal_of_an_image_that_runs_as_root() -> None:
    """A controller sees this message only: it names the container and the image, and every way out."""
    images = Images({"nginx:1.27": ImageFacts(user="")})
    labels = {PSA_PREFIX + "enforce": "restricted"}
    web = pod(containers=[container("web", image="nginx:1.27")])
    evaluation = evaluate(view(web), replace(compiled(labels), images=images))
    sentence = (
        'container "web" (image nginx:1.27) runs as root: runAsNonRoot was not added. To comply: set runAsUser to a '
        "user that the image supports, use an image with a numeric USER, or set hostUsers: false if nodes offer user "
        "namespaces"
    )
    verdict = messages.violates(RESTRICTED, evaluation.verdicts[RESTRICTED])
    assert messages.refusal(evaluation) == f"{verdict}; {sentence}"
    set_user = (
        "set spec.containers[0].securityContext.runAsUser to a user that the image supports, or use an image with a "
        "numeric USER"
    )
    assert messages.hint(evaluation, RESTRICTED) == f"to pass, {set_user}"
    assert f"pod-security-defaulter: {sentence}" in messages.mutation_warnings(evaluation)
    labels[PSA_PREFIX + "enforce"] = "baseline"
    labels[PREFIX + "profile"] = "restricted"
    host = pod(hostIPC=True, containers=web["spec"]["containers"])
    evaluation = evaluate(view(host), replace(compiled(labels), images=images))
    assert messages.refusal(evaluation).endswith("host namespaces (hostIPC=true); to pass, remove spec.hostIPC")
    labels[PSA_PREFIX + "enforce"] = "restricted"
    web["spec"]["containers"].append(container("host", securityContext={"privileged": True}))
    evaluation = evaluate(view(web), replace(compiled(labels), images=images))
    remove = REMOVE.replace("[0]", "[1]")
    without = sentence.replace(", use an image", ", or use an image").partition(", or set hostUsers")[0]
    assert messages.refusal(evaluation).endswith(f"; to pass, {remove}; {without}")


def test_one_verdict_for_one_level() -> None:
    """Where warn, enforce and target are one level, its text comes once, bare, and the hint in a line of its own."""
    evaluation = evaluated(privileged_pod(), {PSA_PREFIX + "enforce": "baseline"})
    assert messages.mutation_warnings(evaluation) == [
        f'would violate PodSecurity "baseline:latest": {PRIVILEGED_TEXT}',
        f"pod-security-defaulter: to pass, {REMOVE}",
    ]


def test_levels_that_differ_are_told_apart() -> None:
    """Warn's text is upstream's to the letter, so that the built-in plugin adds no second line; others carry a hint."""
    labels = {PSA_PREFIX + "enforce": "privileged", PSA_PREFIX + "warn": "baseline", PREFIX + "profile": "restricted"}
    evaluation = evaluated(privileged_pod(), labels | {PREFIX + "profile-version": "v1.20"})
    warn, target = messages.mutation_warnings(evaluation)
    assert warn == f'would violate PodSecurity "baseline:latest": {PRIVILEGED_TEXT}'
    assert target.startswith(f'would violate PodSecurity "restricted:v1.20": {PRIVILEGED_TEXT}, ')
    assert target.endswith(f"; to pass, {REMOVE}")


def test_three_levels_in_order() -> None:
    """The warn level comes first, then what is enforced, then the target, each with its own version."""
    labels = {
        PSA_PREFIX + "warn": "baseline",
        PSA_PREFIX + "enforce": "restricted",
        PSA_PREFIX + "enforce-version": "v1.24",
        PREFIX + "profile": "restricted",
        PREFIX + "profile-version": "v1.20",
    }
    evaluation = evaluated(privileged_pod(), labels)
    levels = [text.split('"')[1] for text in messages.mutation_warnings(evaluation)]
    assert levels == ["baseline:latest", "restricted:v1.24", "restricted:v1.20"]


def test_the_hint_of_what_is_enforced() -> None:
    """Where warn follows enforce its text stays bare, and the field to change follows, whatever the target is."""
    labels = {PSA_PREFIX + "enforce": "baseline", PREFIX + "profile": "restricted"}
    evaluation = evaluated(privileged_pod(), labels)
    warn, target, hint = messages.mutation_warnings(evaluation)
    assert warn == f'would violate PodSecurity "baseline:latest": {PRIVILEGED_TEXT}'
    assert target.startswith('would violate PodSecurity "restricted:latest": ')
    assert hint == f"pod-security-defaulter: to pass, {REMOVE}"


def test_a_pod_that_complies_is_answered_in_silence() -> None:
    """What was applied on a pod that passes is told by its annotation, not by a warning."""
    evaluation = evaluated(pod(), {PSA_PREFIX + "enforce": "restricted"})
    assert evaluation.applied
    assert messages.mutation_warnings(evaluation) == []


def test_preview_says_that_the_namespace_adds_nothing() -> None:
    """A preview shows what would be added; where admission adds nothing it says so."""
    evaluation = evaluated(privileged_pod(), {})
    verdict, mode = messages.preview_warnings(evaluation, Mode.AUDIT)
    assert verdict.startswith('would violate PodSecurity "restricted:latest": ')
    assert mode == "the namespace's mode is audit: admission adds nothing"
    assert messages.preview_warnings(evaluation, Mode.ENFORCE) == [verdict]


def test_preview_says_why_a_patch_is_not_sent() -> None:
    """Of a mirror pod in a file, and of a template that arrived; what its pods will receive is said instead."""
    mirror = evaluated(pod(metadata={"annotations": {"kubernetes.io/config.mirror": "x"}}), {})
    said = messages.preview_warnings(mirror, Mode.ENFORCE)
    assert said[-1].startswith("admission adds nothing (mirror-pod): It is the mirror of a static pod")
    (added,) = messages.preview_warnings(evaluated(deployment(pod()), {}), Mode.ENFORCE)
    assert added.startswith("pod-security-defaulter will add to the pods runAsNonRoot:pod")
    silent = evaluated(deployment(pod()), {PREFIX + "profile": "privileged"})
    assert messages.preview_warnings(silent, Mode.ENFORCE) == []


def test_preview_says_what_kubernetes_warns_of_a_template() -> None:
    """The built-in plugin judges it as it is stored, which its pods will not be; where templates are patched it is."""
    labels = {PSA_PREFIX + "warn": "restricted"}
    template = deployment(pod())
    first, added, passes = messages.preview_warnings(evaluated(template, labels), Mode.ENFORCE)
    assert "are filled in and pass" in passes
    assert first == f'would violate PodSecurity "restricted:latest": {BARE}'
    assert "will add to the pods" in added
    assert messages.check_warnings(evaluated(template, labels)) == []
    assert messages.check_warnings(evaluated(template, {})) == []


def test_preview_passes_on_problems() -> None:
    """A label that means nothing is said in the preview too."""
    evaluation = evaluated(pod(), {PREFIX + "profile": "strict"})
    (problem,) = messages.preview_warnings(evaluation, Mode.ENFORCE)
    assert problem.startswith(f'pod-security-defaulter: metadata.labels[{PREFIX}profile]: Invalid value: "strict"')


def test_what_would_be_added_is_brief() -> None:
    """Among many containers only the ids are warned of, each once; the audit annotation has all of it."""
    many = pod(containers=[container(f"c{number}") for number in range(50)])
    evaluation = evaluated(many, {PREFIX + "mode": "warn"})
    added = next(text for text in messages.mutation_warnings(evaluation) if "would add" in text)
    assert len(added) < 256
    assert added.count("capabilities") == 1
    audit = messages.mutation_audit(evaluation)
    assert audit["would-apply"].count("capabilities:containers/c") == 50


def test_the_kubelets_side_of_run_as_non_root_is_said() -> None:
    """An image's user is seen by nobody here: whoever reads what is added reads what that may mean."""
    evaluation = evaluated(pod(), {PREFIX + "mode": "warn"})
    *_, added = messages.mutation_warnings(evaluation)
    assert "runAsNonRoot" in added
    assert added.endswith(" (an image that runs as root will not start)")
    evaluation = evaluated(pod(securityContext={"runAsNonRoot": True}), {PREFIX + "mode": "warn"})
    *_, added = messages.mutation_warnings(evaluation)
    assert "would add" in added
    assert "image" not in added


def test_audit_of_a_judgement() -> None:
    """Enforced policy for pods only, violations of the audit level, and labels that could not be read."""
    labels = {PSA_PREFIX + "enforce": "strict", PSA_PREFIX + "audit": "restricted", PSA_PREFIX + "audit-version": "v1"}
    namespace = compiled(labels)
    verdicts = {namespace.policy.audit: (PRIVILEGED,)}
    audit = messages.verdict_audit(Evaluation(view(pod()), namespace, verdicts=verdicts))
    assert audit == {
        "enforce-policy": "restricted:latest",
        "audit-violations": f'would violate PodSecurity "restricted:latest": {PRIVILEGED_TEXT}',
        "error": "Failed to parse policy: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "
        '"strict": must be one of privileged, baseline, restricted, '
        "metadata.labels[pod-security.kubernetes.io/audit-version]: Invalid value: "
        '"v1": must be "latest" or "v1.x"',
    }
    template = Evaluation(view(deployment(pod())), namespace, verdicts=verdicts)
    assert "enforce-policy" not in messages.verdict_audit(template)


def test_audit_of_a_mutation() -> None:
    """What was applied and what was skipped, as lists that a program can read."""
    evaluation = evaluated(pod(containers=[container("a"), privileged_pod()["spec"]["containers"][0]]), {})
    audit = messages.mutation_audit(evaluation)
    assert set(audit) == {"enforce-policy", "applied", "skipped"}
    assert audit["enforce-policy"] == "privileged:latest"
    assert "allowPrivilegeEscalation:containers/a" in audit["applied"].split(",")
    assert "allowPrivilegeEscalation:privileged" in audit["skipped"].split(",")


def test_skipped_list() -> None:
    """Skips and conflicts with their reasons, each pair once, in order; what was applied or kept is not in it."""
    decisions = [
        Decision("os", "/a", State.APPLIED, Reason.UNSET),
        Decision("os", "/b", State.KEPT, Reason.AUTHOR),
        Decision("resources", "/c", State.SKIPPED, Reason.QUOTA_SCOPE),
        Decision("resources", "/d", State.SKIPPED, Reason.QUOTA_SCOPE),
        Decision("capabilities", "/e", State.CONFLICT, Reason.ADDED_CAPABILITIES),
    ]
    assert messages.skipped_list(decisions) == "resources:quota-scope,capabilities:added-capabilities"
    assert messages.skipped_list(()) == ""


@pytest.mark.parametrize("character", ["\n", "\r", "\t", "\0", "\x1b", "\x7f", "\x85", "\u2028", "\u202e"])
def test_printable(character: str) -> None:
    """A character that ends a line, moves the cursor or turns the text around becomes a space; others stay."""
    assert messages.printable(f"a{character}b") == "a b"
    assert messages.printable("ünïcode „quoted“ ~1") == "ünïcode „quoted“ ~1"


def test_names_with_control_characters_reach_no_text() -> None:
    """The API server checks names after us: whatever a name holds, every warning and annotation is one line."""
    evil = container("a\r\nWarning: 299 - \x1b[31m", securityContext={"privileged": True})
    for mode in Mode:
        labels = {PREFIX + "mode": mode.value, PSA_PREFIX + "enforce": "baseline", PSA_PREFIX + "audit": "restricted"}
        evaluation = evaluated(pod(containers=[evil, container("b\n")]), labels)
        texts = messages.mutation_warnings(evaluation)
        texts += messages.mutation_audit(evaluation).values()
        texts += [messages.refusal(evaluation)] if evaluation.verdicts else []
        assert all(text.isprintable() for text in texts), texts


def test_bare_pod_in_upstreams_words() -> None:
    """The whole text for a bare pod that nothing is added to."""
    labels = {PREFIX + "mode": "audit", PSA_PREFIX + "warn": "restricted", PSA_PREFIX + "enforce": "privileged"}
    evaluation = evaluated(pod(), labels)
    assert messages.mutation_warnings(evaluation) == [f'would violate PodSecurity "restricted:latest": {BARE}']


def test_sane_texts_stay_as_they_are() -> None:
    """Up to the limit nothing is cut, whatever the characters."""
    for text in ("a" * messages.TEXT_LIMIT, "ü" * (messages.TEXT_LIMIT // 2), "😀" * (messages.TEXT_LIMIT // 4), ""):
        assert messages.printable(text) == text


@pytest.mark.parametrize("character", ["a", "ü", "😀"])
def test_a_huge_text_is_cut(character: str) -> None:
    """It says how much is missing, and no character is cut in two."""
    text = "b" + character * messages.TEXT_LIMIT
    kept, _, more = messages.printable(text).partition("... (")
    assert text.startswith(kept)
    assert messages.TEXT_LIMIT - 4 < len(kept.encode()) <= messages.TEXT_LIMIT
    assert more == f"{len(text.encode()) - messages.TEXT_LIMIT} bytes more)"


def test_warnings_are_bounded_together() -> None:
    """The first ones stay, and a last one counts the others."""
    warnings = [f"{number}".ljust(1_000) for number in range(300)]
    assert messages.shortened(warnings[:262]) == warnings[:262]
    assert messages.shortened(warnings) == [*warnings[:262], "pod-security-defaulter: 38 more warnings"]
    assert messages.shortened([]) == []
