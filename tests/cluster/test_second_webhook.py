"""Token and reinvocation: what becomes of a pod to which another webhook adds a sidecar after us."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from patches.policy.policy import PREFIX, PSA_PREFIX
from tests.cluster.client import Answer, pods
from tests.cluster.control_plane import ControlPlane
from tests.cluster.differences import is_injected
from tests.cluster.injector import SIDECAR, TOKEN_MOUNT, injector
from tests.cluster.webhooks import defaulter, namespace

pytestmark = pytest.mark.cluster

_NAME: Final = "second-webhook"


@pytest.fixture(scope="module")
def restricted(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A restricted namespace with the defaulter and, after it, the injector; its account `optin` wants its token."""
    labels = {PSA_PREFIX + "enforce": "restricted"}
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "optin", "namespace": _NAME},
        "automountServiceAccountToken": True,
    }
    directory = tmp_path_factory.mktemp(_NAME) / "served"
    with (
        defaulter(plane, directory, _NAME, objects=[namespace(_NAME, labels), account]),
        injector(plane, _NAME),
    ):
        yield _NAME


def _create(plane: ControlPlane, spec: dict[str, Any]) -> Answer:
    value = {"metadata": {"generateName": "p-"}, "spec": {"containers": [{"name": "c", "image": "i:1"}], **spec}}
    answer = plane.admin.create(pods(_NAME), value, dry_run=True)
    assert answer.ok, answer.message
    return answer


def _tokens(answer: Answer) -> tuple[int, list[str]]:
    """How many token volumes there are, and which containers have something mounted at the token's place."""
    spec = answer.body["spec"]
    mounted = [
        row["name"]
        for row in spec["containers"]
        if any(mount["mountPath"] == TOKEN_MOUNT for mount in row.get("volumeMounts") or ())
    ]
    return sum(map(is_injected, spec.get("volumes") or ())), mounted


def test_a_sidecar_is_hardened_in_the_second_round(plane: ControlPlane, restricted: str) -> None:
    """It passes the restricted profile; `applied` is extended, and the first round's audit annotation is kept."""
    answer = _create(plane, {})
    assert [row["name"] for row in answer.body["spec"]["containers"]] == ["c", SIDECAR]
    for row in answer.body["spec"]["containers"]:
        assert row["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
        assert row["resources"]["requests"] == {"cpu": "100m", "memory": "128Mi"}
    audit = plane.audit.annotations(answer.audit_id)
    first = audit[f"pods.{restricted}.psd.test/applied"].split(",")
    assert "capabilities:containers/c" in first
    assert not [entry for entry in first if SIDECAR in entry]
    applied = answer.body["metadata"]["annotations"][PREFIX + "applied"].split(",")
    assert applied[: len(first)] == first
    assert f"capabilities:containers/{SIDECAR}" in applied[len(first) :]
    assert len(applied) == len(set(applied))


def test_a_later_sidecar_gets_no_token(plane: ControlPlane, restricted: str) -> None:
    """Neither the pod's own container nor one that is added after us; the field says so, so it is not mounted again."""
    assert restricted
    answer = _create(plane, {})
    assert _tokens(answer) == (0, [])
    assert answer.body["spec"]["automountServiceAccountToken"] is False


@pytest.mark.parametrize("spec", [{"automountServiceAccountToken": True}, {"serviceAccountName": "optin"}])
def test_who_has_opted_in_keeps_the_token(plane: ControlPlane, restricted: str, spec: dict[str, Any]) -> None:
    """By the pod's own word or its account's: volume and mounts are there, in the late sidecar too."""
    assert restricted
    assert _tokens(_create(plane, spec)) == (1, ["c", SIDECAR])
