"""Reviews that a kube-apiserver sent of the cases that break naive defaulters, one by one."""

from __future__ import annotations

import json
from copy import deepcopy
from functools import cache
from typing import Any

import pytest
import yaml

from patches.model.shapes import Json
from patches.policy.configuration import DefaulterConfiguration
from patches.policy.policy import PREFIX
from tests.review.builders import applied, configured, gatherer_of, operations, reviewer_of, sent
from tests.shared_data import shared
from webhook.review.codec import AdmissionResponse, decode_review

TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 (a path)
PATCHED = (
    "author-declared-token-projection",
    "author-mounts-over-token-path",
    "dry-run",
    "generate-name",
    "limitrange-already-applied",
    "pod-level-resources",
    "service-account-opted-in-with-init-and-sidecar",
    "user-namespace-root",
    "windows",
)


@cache
def recorded() -> dict[str, dict[str, Any]]:
    """The reviews by the name of their case."""
    return {record["case"]: record["review"] for record in json.loads(shared("reviews/special.json").read_bytes())}


def case(name: str) -> dict[str, Any]:
    """A review of one's own, to change."""
    return deepcopy(recorded()[name])


async def mutated(review: Json, configuration: DefaulterConfiguration | None = None) -> AdmissionResponse:
    """The answer among the objects that were there when the reviews were recorded."""
    objects = yaml.safe_load_all(shared("reviews/objects.yaml").read_bytes())
    reviewer = reviewer_of(gatherer_of(objects), configuration)
    response = await reviewer.mutate(decode_review(json.dumps(review).encode()))
    assert (response.uid, response.allowed) == (review["request"]["uid"], True)
    return response


async def patched(review: Json) -> dict[str, Any]:
    """The object once the answer is applied; a second round must find nothing to do."""
    result = applied(await mutated(review), review["request"]["object"])
    again = {**review, "request": {**review["request"], "object": result}}
    assert operations(await mutated(again)) == []
    return result


def mounts(pod: Json) -> dict[str, list[str]]:
    """The names of the volumes that each container mounts."""
    return {
        container["name"]: [mount["name"] for mount in container.get("volumeMounts", [])]
        for name in ("initContainers", "containers", "ephemeralContainers")
        for container in pod["spec"].get(name, [])
    }


def volumes(pod: Json) -> list[str]:
    """The names of the pod's volumes, an injected one without its random end."""
    names = [volume["name"] for volume in pod["spec"].get("volumes", [])]
    return ["injected" if name.startswith("kube-api-access-") else name for name in names]


def paths(response: AdmissionResponse) -> set[str]:
    """The paths that a patch touches."""
    return {operation["path"] for operation in operations(response)}


async def test_author_declared_token_projection() -> None:
    """A token that the author projects stays, with its mount; the injected one goes."""
    result = await patched(case("author-declared-token-projection"))
    assert volumes(result) == ["tok"]
    assert mounts(result) == {"c": ["tok"]}
    assert result["spec"]["automountServiceAccountToken"] is False


async def test_author_mounts_over_token_path() -> None:
    """What the author mounts at the token's path stays; the other container's mount goes, and the volume."""
    result = await patched(case("author-mounts-over-token-path"))
    assert volumes(result) == ["mine"]
    assert mounts(result) == {"c": ["mine"], "d": []}
    assert result["spec"]["containers"][0]["volumeMounts"][0]["mountPath"] == TOKEN_PATH


@pytest.mark.parametrize("accounts", ["default", "all"])
async def test_service_account_opted_in(accounts: str) -> None:
    """An account that says true has asked for the token: that default touches nothing, whatever its setting."""
    review = case("service-account-opted-in-with-init-and-sidecar")
    before = review["request"]["object"]
    configuration = configured(settings={"automountServiceAccountToken": {"serviceAccounts": accounts}})
    response = await mutated(review, configuration)
    result = applied(response, before)
    assert volumes(result) == ["injected"]
    assert (mounts(result), result["spec"]["volumes"]) == (mounts(before), before["spec"]["volumes"])
    assert "automountServiceAccountToken" not in result["spec"]
    reason = {"default": "service-account", "all": "opted-in"}[accounts]
    assert f"automountServiceAccountToken:{reason}" in sent(response)["auditAnnotations"]["skipped"].split(",")
    for container in (*result["spec"]["initContainers"], *result["spec"]["containers"]):
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


async def test_ephemeral_first() -> None:
    """The debug container gets what a container can be given, keeps its `add`, and nothing else is touched."""
    review = case("ephemeral-first")
    response = await mutated(review)
    result = await patched(review)
    assert all(path.startswith("/spec/ephemeralContainers/0/securityContext/") for path in paths(response))
    assert result["spec"]["ephemeralContainers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"add": ["SYS_PTRACE"]},
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    answer = sent(response)
    assert "capabilities:added-capabilities" in answer["auditAnnotations"]["skipped"].split(",")
    assert "allowPrivilegeEscalation:ephemeralContainers/d1" in answer["auditAnnotations"]["applied"].split(",")
    assert any(text.startswith("pod-security-defaulter added ") for text in answer["warnings"])


@pytest.mark.parametrize("new_one_first", [False, True])
async def test_ephemeral_second(*, new_one_first: bool) -> None:
    """The first session's container is as it was; the second's is privileged, so it is skipped and said so."""
    review = case("ephemeral-second")
    ephemeral = review["request"]["object"]["spec"]["ephemeralContainers"]
    if new_one_first:
        ephemeral.reverse()
    response = await mutated(review)
    answer = sent(response)
    assert "patch" not in answer
    assert "applied" not in answer["auditAnnotations"]
    skipped = answer["auditAnnotations"]["skipped"].split(",")
    assert {"allowPrivilegeEscalation:privileged", "capabilities:privileged"} <= set(skipped)


@pytest.mark.parametrize("new_one_first", [False, True])
async def test_ephemeral_second_without_privileges(*, new_one_first: bool) -> None:
    """Where the second session's container leaves things unset, it is patched and the first is not."""
    review = case("ephemeral-second")
    ephemeral = review["request"]["object"]["spec"]["ephemeralContainers"]
    first, second = ephemeral
    assert (first["name"], second["name"]) == ("d1", "d2")
    del second["securityContext"]
    if new_one_first:
        ephemeral.reverse()
    place = ephemeral.index(second)
    response = await mutated(review)
    assert all(path.startswith(f"/spec/ephemeralContainers/{place}/securityContext") for path in paths(response))
    result = await patched(review)
    assert result["spec"]["ephemeralContainers"][1 - place] == first
    assert result["spec"]["ephemeralContainers"][place]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert "resources" not in "".join(paths(response))


@pytest.mark.parametrize("name", ["mirror-pod", "pod-label-update", "resize"])
async def test_nothing_to_patch(name: str) -> None:
    """A mirror pod, a label on a pod that runs and a resize are never patched."""
    assert operations(await mutated(case(name))) == []


@pytest.mark.parametrize("name", ["deployment", "cronjob", "podtemplate"])
async def test_templates(name: str) -> None:
    """A template is not patched; the warning says what its pods will receive."""
    answer = sent(await mutated(case(name)))
    assert "patch" not in answer
    assert any(text.startswith("pod-security-defaulter will add to the pods ") for text in answer["warnings"])


async def test_compliant() -> None:
    """A pod that sets everything loses the token that it never asked for, or had none, and keeps every value."""
    review = case("compliant")
    before, result = review["request"]["object"], await patched(review)
    assert result["spec"]["containers"] == before["spec"]["containers"]
    assert result["spec"]["securityContext"] == before["spec"]["securityContext"]


async def test_windows() -> None:
    """A Windows pod gets none of the keys that the API server refuses there."""
    result = await patched(case("windows"))
    assert result["spec"]["securityContext"] == {"runAsNonRoot": True}
    assert "securityContext" not in result["spec"]["containers"][0]


async def test_limits_of_the_namespace() -> None:
    """Where LimitRanger has been, resources are its business."""
    review = case("limitrange-already-applied")
    before, result = review["request"]["object"], await patched(review)
    for name in ("initContainers", "containers"):
        assert [container["resources"] for container in result["spec"][name]] == [
            container["resources"] for container in before["spec"][name]
        ]


async def test_pod_level_resources() -> None:
    """Where the pod has resources of its own, containers get none of ours."""
    review = case("pod-level-resources")
    before, result = review["request"]["object"], await patched(review)
    assert [container["resources"] for container in result["spec"]["containers"]] == [
        container["resources"] for container in before["spec"]["containers"]
    ]


async def test_user_namespace_root() -> None:
    """Root in a user namespace is the author's choice and passes: runAsNonRoot stays away, and the loss is said."""
    response = await mutated(case("user-namespace-root"))
    assert not any("runAsNonRoot" in path for path in paths(response))
    (warning,) = sent(response)["warnings"]
    assert 'container "c" runs as root in a user namespace without capabilities' in warning


async def test_dry_run_is_patched() -> None:
    """A dry run is answered like any other."""
    review = case("dry-run")
    assert review["request"]["dryRun"] is True
    response = await mutated(review)
    review["request"]["dryRun"] = False
    assert operations(response) == operations(await mutated(review)) != []


@pytest.mark.parametrize("name", PATCHED)
async def test_what_was_added_is_noted(name: str) -> None:
    """On create the annotation lists what the audit log lists, and each patch applies as it stands."""
    review = case(name)
    response = await mutated(review)
    result = await patched(review)
    assert result["metadata"]["annotations"][PREFIX + "applied"] == sent(response)["auditAnnotations"]["applied"]


async def test_every_case_is_known() -> None:
    """A case that is recorded and not looked at here would be forgotten."""
    looked_at = {"mirror-pod", "pod-label-update", "resize", "deployment", "cronjob", "podtemplate", "compliant"}
    assert {*PATCHED, *looked_at, "ephemeral-first", "ephemeral-second"} == set(recorded())
