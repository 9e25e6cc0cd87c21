"""/mutate: the patch, where it is withheld, and what is said about it."""

from __future__ import annotations

from typing import Any

import pytest

from patches.policy.policy import PREFIX, PSA_PREFIX
from tests.review.builders import (
    BARE,
    PRIVILEGED_TEXT,
    RESTRICTED,
    applied,
    container,
    debug_session,
    deployment,
    operations,
    pod,
    privileged_pod,
    request,
    reviewer,
    sent,
    update,
)

MODE = PREFIX + "mode"
APPLIED = PREFIX + "applied"
REMOVE = "remove spec.containers[0].securityContext.privileged"
REFUSAL = f'violates PodSecurity "baseline:latest": {PRIVILEGED_TEXT}; to pass, {REMOVE}'
WOULD = f'would violate PodSecurity "restricted:latest": {BARE}'
HINT = (
    "to pass, set spec.containers[0].securityContext.allowPrivilegeEscalation to false; "
    'set spec.containers[0].securityContext.capabilities.drop to ["ALL"]; '
    "set spec.securityContext.runAsNonRoot to true; "
    'set spec.securityContext.seccompProfile to {"type":"RuntimeDefault"}'
)
BASELINE = {PSA_PREFIX + "enforce": "baseline"}


async def test_a_bare_pod_becomes_compliant() -> None:
    """The patch makes it pass, notes what it added on the pod, and a second round finds nothing to do."""
    chosen, document = reviewer(RESTRICTED), pod()
    response = await chosen.mutate(request(document))
    answer, patched = sent(response), applied(response, document)
    assert "warnings" not in answer
    assert answer["auditAnnotations"]["enforce-policy"] == "restricted:latest"
    assert answer["auditAnnotations"]["applied"] == patched["metadata"]["annotations"][APPLIED]
    assert patched["spec"]["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert sent(await chosen.validate(request(patched)))["allowed"]
    assert "patch" not in sent(await chosen.mutate(request(patched)))


async def test_an_annotation_of_the_pod_is_not_the_audits() -> None:
    """Skips go to the audit log only, as `id:reason`; a label that nobody can read is not on the pod either."""
    response = await reviewer().mutate(request(privileged_pod()))
    skipped = sent(response)["auditAnnotations"]["skipped"].split(",")
    assert "capabilities:privileged" in skipped
    assert set(applied(response, privileged_pod())["metadata"]["annotations"]) == {APPLIED}


async def test_what_the_patched_pod_still_violates() -> None:
    """Unlabelled, the target is warned of in upstream's words with what to change, and nothing is refused."""
    answer = sent(await reviewer().mutate(request(privileged_pod())))
    assert answer["allowed"]
    (warning,) = answer["warnings"]
    assert warning.startswith(f'would violate PodSecurity "restricted:latest": {PRIVILEGED_TEXT}, ')
    assert warning.endswith(f"; to pass, {REMOVE}")
    assert "audit-violations" not in answer["auditAnnotations"]


async def test_each_action_has_its_own_level_and_version() -> None:
    """Enforce, audit and warn are judged apart, each at its version; a level that is met is not mentioned."""
    labels = {
        PSA_PREFIX + "enforce": "baseline",
        PSA_PREFIX + "audit": "restricted",
        PSA_PREFIX + "audit-version": "v1.20",
        PSA_PREFIX + "warn": "restricted",
        PSA_PREFIX + "warn-version": "v1.24",
    }
    document = pod(containers=[container(securityContext={"runAsNonRoot": False})])
    text = 'runAsNonRoot != true (container "app" must not set securityContext.runAsNonRoot=false)'
    answer = sent(await reviewer(labels).mutate(request(document)))
    (warning,) = answer["warnings"]
    assert warning.startswith('would violate PodSecurity "restricted:v1.24": ')
    assert text in warning
    assert "to pass" not in warning
    audit = answer["auditAnnotations"]
    assert audit["enforce-policy"] == "baseline:latest"
    assert audit["audit-violations"].startswith('would violate PodSecurity "restricted:v1.20": ')


async def test_mode_warn() -> None:
    """No patch: the pod is judged as sent, and the warnings say what would be added."""
    labels = {MODE: "warn", PSA_PREFIX + "warn": "restricted", PSA_PREFIX + "enforce": "privileged"}
    answer = sent(await reviewer(labels | {PREFIX + "profile": "restricted"}).mutate(request(pod())))
    assert "patch" not in answer
    verdict, hint, added = answer["warnings"]
    assert verdict == WOULD
    assert hint == "pod-security-defaulter: passes once the defaults are added"
    assert added.startswith("pod-security-defaulter (mode warn) would add runAsNonRoot")
    assert "applied" not in answer["auditAnnotations"]
    assert "capabilities:containers/app" in answer["auditAnnotations"]["would-apply"].split(",")


async def test_mode_audit_warns_of_the_warn_level_alone() -> None:
    """What the target asks for is for the audit log; the namespace's own warn level is warned of as Kubernetes does."""
    labels = {MODE: "audit", PSA_PREFIX + "warn": "baseline"}
    host = pod(hostPID=True)
    assert sent(await reviewer({MODE: "audit"}).mutate(request(host))).get("warnings", []) == []
    assert sent(await reviewer(labels).mutate(request(host)))["warnings"] == [
        'would violate PodSecurity "baseline:latest": host namespaces (hostPID=true)',
    ]


@pytest.mark.parametrize("kind", ["Deployment", "DaemonSet", "StatefulSet"])
async def test_a_template_on_the_network_of_its_host(kind: str) -> None:
    """The verdict is that of the API server on the template; what its pods will violate too is a line of its own."""
    template = deployment(pod(containers=[container(ports=[{"containerPort": 9100}])], hostNetwork=True))
    template["kind"] = kind
    labels = {PSA_PREFIX + "enforce": "baseline", PSA_PREFIX + "warn": "baseline"}
    answer = sent(await reviewer(labels).mutate(request(template)))
    verdict, *_, notice = answer["warnings"]
    assert verdict == 'would violate PodSecurity "baseline:latest": host namespaces (hostNetwork=true)'
    assert notice == (
        "pod-security-defaulter: in its pods only: hostNetwork copies containerPort to hostPort: "
        'hostPort (container "app" uses hostPort 9100)'
    )
    assert "warnings" not in sent(await reviewer({MODE: "audit"}).mutate(request(template)))


async def test_mode_audit() -> None:
    """No patch and no word of what would be added but in the audit annotation."""
    answer = sent(await reviewer({MODE: "audit"}).mutate(request(pod())))
    assert "patch" not in answer
    assert "warnings" not in answer
    assert "capabilities:containers/app" in answer["auditAnnotations"]["would-apply"].split(",")


async def test_mode_off() -> None:
    """Nothing is decided, said or patched."""
    answer = sent(await reviewer({MODE: "off"}).mutate(request(privileged_pod())))
    assert answer["allowed"]
    assert not {"patch", "warnings"} & set(answer)
    assert not {"applied", "would-apply", "skipped"} & set(answer["auditAnnotations"])


async def test_an_unknown_mode_counts_as_warn() -> None:
    """A typo patches nothing, and whoever sends a pod reads that the label means nothing."""
    answer = sent(await reviewer({MODE: "Enforce"}).mutate(request(pod())))
    assert "patch" not in answer
    assert any("(mode warn) would add" in text for text in answer["warnings"])
    assert answer["warnings"][-1] == (
        f'pod-security-defaulter: metadata.labels[{MODE}]: Invalid value: "Enforce": '
        "must be one of enforce, warn, audit, off; it counts as warn"
    )


async def test_the_configured_mode() -> None:
    """Where the namespace has no mode label the configuration's counts; a label outranks it."""
    assert not operations(await reviewer(mode="audit").mutate(request(pod())))
    assert operations(await reviewer({MODE: "enforce"}, mode="audit").mutate(request(pod())))


async def test_labels_that_cannot_be_read() -> None:
    """An enforce label that means nothing counts as restricted, as upstream has it, and the audit log says so."""
    answer = sent(await reviewer({PSA_PREFIX + "enforce": "strict"}).mutate(request(pod())))
    assert answer["auditAnnotations"]["enforce-policy"] == "restricted:latest"
    assert answer["auditAnnotations"]["error"].startswith("Failed to parse policy: metadata.labels[")


async def test_deny_in_validate() -> None:
    """Out of the box /mutate refuses nothing: a later mutator may repair the pod."""
    answer = sent(await reviewer(BASELINE).mutate(request(privileged_pod())))
    assert answer["allowed"]
    assert answer["warnings"] == [
        f'would violate PodSecurity "baseline:latest": {PRIVILEGED_TEXT}',
        f"pod-security-defaulter: to pass, {REMOVE}",
    ]


async def test_deny_in_mutate() -> None:
    """There a violation of the enforce level is 403 Forbidden: upstream's text, then the hint, and no patch."""
    answer = sent(await reviewer(BASELINE, denyIn="mutate").mutate(request(privileged_pod())))
    assert not answer["allowed"]
    assert "patch" not in answer
    assert answer["status"] == {"status": "Failure", "code": 403, "reason": "Forbidden", "message": REFUSAL}
    assert answer["warnings"]
    assert answer["auditAnnotations"]["enforce-policy"] == "baseline:latest"


async def test_deny_in_mutate_judges_what_was_repaired() -> None:
    """A pod that passes once it is patched is not refused; one that is judged as sent is."""
    assert sent(await reviewer(RESTRICTED, denyIn="mutate").mutate(request(pod())))["allowed"]
    as_sent = sent(await reviewer(RESTRICTED | {MODE: "audit"}, denyIn="mutate").mutate(request(pod())))
    assert as_sent["status"]["message"] == f'violates PodSecurity "restricted:latest": {BARE}; {HINT}'


async def test_deny_in_mutate_is_about_the_enforce_level() -> None:
    """A violation of the target, of warn or of audit refuses nobody."""
    labels = {PSA_PREFIX + "enforce": "privileged", PSA_PREFIX + "warn": "baseline", PSA_PREFIX + "audit": "baseline"}
    labels[PREFIX + "profile"] = "restricted"
    assert sent(await reviewer(labels, denyIn="mutate").mutate(request(privileged_pod())))["allowed"]


@pytest.mark.parametrize("patch_templates", [False, True])
async def test_controllers_are_never_denied(*, patch_templates: bool) -> None:
    """A template that violates the enforce level is warned about and audited, under either setting."""
    labels = BASELINE | {PSA_PREFIX + "audit": "baseline"}
    chosen = reviewer(labels, denyIn="mutate", patchTemplates=patch_templates)
    for response in (
        await chosen.mutate(request(deployment(privileged_pod()))),
        await chosen.validate(request(deployment(privileged_pod()))),
    ):
        answer = sent(response)
        text = f'would violate PodSecurity "baseline:latest": {PRIVILEGED_TEXT}'
        assert answer["allowed"]
        assert answer["warnings"][0] == text
        assert answer["auditAnnotations"]["audit-violations"] == text
        assert "enforce-policy" not in answer["auditAnnotations"]


async def test_templates_are_not_patched() -> None:
    """A controller's template stays as it is; warnings say what its pods will receive, and that they pass."""
    answer = sent(await reviewer(RESTRICTED).mutate(request(deployment(pod()))))
    assert "patch" not in answer
    added, passes = answer["warnings"]
    assert added.startswith("pod-security-defaulter will add to the pods runAsNonRoot")
    assert passes.startswith("pod-security-defaulter: pods of this Deployment are filled in and pass restricted:latest")
    assert set(answer["auditAnnotations"]) >= {"would-apply"}
    assert not {"applied", "enforce-policy"} & set(answer["auditAnnotations"])


async def test_templates_are_patched_on_request() -> None:
    """Where the operator wants it the template gets the fields, without our annotation, again when it changes."""
    chosen, document = reviewer(RESTRICTED, patchTemplates=True), deployment(pod())
    older = deployment(pod(containers=[container(image="registry.example/app:0")]))
    for asked in (request(document), update(older, document)):
        response = await chosen.mutate(asked)
        patched = applied(response, document)
        assert patched["spec"]["template"]["spec"]["securityContext"]["runAsNonRoot"] is True
        assert patched["metadata"] == document["metadata"]
        assert "annotations" not in patched["spec"]["template"]["metadata"]
        assert "applied" in sent(response)["auditAnnotations"]
        assert "patch" not in sent(await chosen.mutate(request(patched)))


async def test_an_update_that_leaves_the_template_is_not_patched() -> None:
    """A patch would start a rollout. What the pods will receive is said all the same, as of every template."""
    chosen = reviewer(RESTRICTED, patchTemplates=True)
    new = deployment(pod(), metadata={"annotations": {"deployment.kubernetes.io/revision": "1"}})
    answer = sent(await chosen.mutate(update(deployment(pod()), new)))
    assert (answer["allowed"], "patch" in answer) == (True, False)
    added, pass_all_the_same = answer["warnings"]
    assert added.startswith("pod-security-defaulter will add to the pods runAsNonRoot")
    assert pass_all_the_same.startswith("pod-security-defaulter: pods of this Deployment are filled in and pass")
    assert set(answer["auditAnnotations"]) >= {"would-apply"}


@pytest.mark.parametrize(
    ("old", "patched"),
    [
        (None, False),  # no API server leaves it out; then nothing says that the template changes
        (deployment(pod()) | {"spec": {}}, True),
        (deployment(pod()) | {"spec": {"template": None}}, True),
    ],
)
async def test_an_update_without_a_template_before_it(old: Any, *, patched: bool) -> None:
    """A template that was unset before is a new one, and its controller has no pods yet."""
    response = await reviewer(RESTRICTED, patchTemplates=True).mutate(update(old, deployment(pod())))
    assert response.allowed
    assert bool(operations(response)) is patched


async def test_templates_of_another_controller_are_not_patched() -> None:
    """Its owner would undo it, for ever: only a plain owner does not count."""
    chosen = reviewer(RESTRICTED, patchTemplates=True)
    owned = deployment(pod(), metadata={"ownerReferences": [{"kind": "Rollout", "controller": True}]})
    answer = sent(await chosen.mutate(request(owned)))
    assert "patch" not in answer
    assert any("will add to the pods" in text for text in answer["warnings"])
    loose = deployment(pod(), metadata={"ownerReferences": [{"kind": "App"}, {"kind": "App", "controller": False}]})
    assert operations(await chosen.mutate(request(loose)))


async def test_ephemeral_containers() -> None:
    """Only the new one's fields are patched; what was added is told by warning and audit annotation alone."""
    chosen, old = reviewer(RESTRICTED), pod(ephemeralContainers=[container("first")])
    new = pod(ephemeralContainers=[container("second"), container("first")])
    response = await chosen.mutate(debug_session(old, new))
    answer = sent(response)
    assert {operation["path"].split("/")[3] for operation in operations(response)} == {"0"}
    patched = applied(response, new)
    security = patched["spec"]["ephemeralContainers"][0]["securityContext"]
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert "resources" not in patched["spec"]["ephemeralContainers"][0]
    assert patched["metadata"] == new["metadata"]
    added = next(text for text in answer["warnings"] if text.startswith("pod-security-defaulter added "))
    assert "capabilities:ephemeralContainers/second" in added
    assert "capabilities:ephemeralContainers/second" in answer["auditAnnotations"]["applied"].split(",")


async def test_a_pod_does_not_opt_its_debug_sessions_out() -> None:
    """Anyone who may annotate the pod may have written it after the pod was created; its namespace's counts."""
    opted_out = {"annotations": {PREFIX + "skip": "runAsNonRoot,seccompProfile,allowPrivilegeEscalation,capabilities"}}
    annotations = {PREFIX + "skip": "capabilities"}
    chosen = reviewer(RESTRICTED, annotations=annotations, allowPodSkip=True)
    assert not operations(await chosen.mutate(update(pod(), pod(metadata=opted_out))))
    new = pod(metadata=opted_out, ephemeralContainers=[container("debug")])
    patched = applied(await chosen.mutate(debug_session(pod(metadata=opted_out), new)), new)
    assert patched["spec"]["ephemeralContainers"][0]["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
        "allowPrivilegeEscalation": False,
    }
    created = applied(await chosen.mutate(request(pod(metadata=opted_out))), pod(metadata=opted_out))
    assert "securityContext" not in created["spec"]["containers"][0]


async def test_ephemeral_containers_can_be_denied() -> None:
    """A privileged debug session is refused where /mutate denies."""
    debugged = pod(ephemeralContainers=[privileged_pod()["spec"]["containers"][0]])
    answer = sent(await reviewer(BASELINE, denyIn="mutate").mutate(debug_session(pod(), debugged)))
    assert answer["status"]["message"] == REFUSAL.replace("containers[0]", "ephemeralContainers[0]")


@pytest.mark.parametrize(
    "new",
    [
        pod(metadata={"labels": {"a": "b"}}),
        pod(metadata={"annotations": {"a": "b"}}),
        pod(containers=[container(image="registry.example/app:2")]),
    ],
    ids=["label", "annotation", "image"],
)
async def test_a_pods_spec_is_immutable(new: dict[str, Any]) -> None:
    """An update of a pod is never patched nor refused here: older pods would be stuck."""
    for chosen in (reviewer(RESTRICTED), reviewer(RESTRICTED, denyIn="mutate")):
        answer = sent(await chosen.mutate(update(pod(), new)))
        assert answer["allowed"]
        assert not {"patch", "warnings"} & set(answer)


async def test_a_pod_that_is_being_deleted() -> None:
    """Removing a finalizer, or debugging it while it stops, finds no patch in its way."""
    stopping = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    leaving = pod(metadata=stopping, ephemeralContainers=[container("debug")])
    answer = sent(await reviewer(RESTRICTED, denyIn="mutate").mutate(debug_session(pod(metadata=stopping), leaving)))
    assert answer["allowed"]
    assert "patch" not in answer


async def test_mirror_pods_are_judged() -> None:
    """Anyone can write that annotation: the pod is not patched, and it is judged as it is."""
    mirror = pod(metadata={"annotations": {"kubernetes.io/config.mirror": "abc"}})
    answer = sent(await reviewer(RESTRICTED).mutate(request(mirror)))
    assert answer["allowed"]
    assert "patch" not in answer
    assert answer["warnings"][0] == WOULD
    refused = sent(await reviewer(RESTRICTED, denyIn="mutate").mutate(request(mirror)))
    assert refused["status"]["code"] == 403


async def test_the_namespaces_runtime_class() -> None:
    """An annotated RuntimeClass is added where it is known, and not where it would switch the judgement off."""
    runtime_class = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "kata"}}
    annotations = {PREFIX + "runtime-class": "kata"}
    known = reviewer(RESTRICTED, annotations=annotations, objects=[runtime_class])
    assert applied(await known.mutate(request(pod())), pod())["spec"]["runtimeClassName"] == "kata"
    exempt = {"runtimeClasses": ["kata"]}
    for chosen, reason in (
        (reviewer(annotations=annotations), "unknown"),
        (reviewer(annotations=annotations, objects=[runtime_class], exemptions=exempt), "runtime-class-exempt"),
    ):
        response = await chosen.mutate(request(pod()))
        assert "runtimeClassName" not in applied(response, pod())["spec"]
        assert f"runtimeClassName:{reason}" in sent(response)["auditAnnotations"]["skipped"].split(",")


async def test_skipping_single_defaults() -> None:
    """A namespace opts out of a default by annotation; an id that does not exist is warned about."""
    chosen = reviewer(annotations={PREFIX + "skip": "capabilities, seccomp"})
    response = await chosen.mutate(request(pod()))
    answer = sent(response)
    assert "capabilities:skip-annotation" in answer["auditAnnotations"]["skipped"].split(",")
    assert "capabilities" not in applied(response, pod())["spec"]["containers"][0]["securityContext"]
    assert answer["warnings"][-1].endswith("no default is called seccomp")


async def test_a_quantity_that_is_none() -> None:
    """What is no quantity is said with its path, as the API server would have."""
    limited = {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"name": "limits", "namespace": "shop"},
        "spec": {"limits": [{"type": "Container", "max": {"memory": "1Gi"}}]},
    }
    document = pod(containers=[container(resources={"limits": {"memory": "a lot"}})])
    answer = sent(await reviewer(objects=[limited]).mutate(request(document)))
    assert answer["status"]["code"] == 400
    assert answer["status"]["message"].startswith("object.spec.containers[0].resources.limits")
