"""Fact 5: every field that a Windows pod may not have keeps `os` away, even where it is empty or false."""

from __future__ import annotations

from typing import Any, Final

import pytest

from patches.evaluation import evaluate
from patches.model.decisions import Reason, State
from patches.model.pod import Origin
from patches.policy.configuration import DefaulterConfiguration
from patches.policy.policy import resolve
from tests.patches.build import namespace
from tests.pods import view

SPEC: Final[list[tuple[str, Any]]] = [
    ("hostPID", True),
    ("hostIPC", True),
    ("hostUsers", False),
    ("hostUsers", True),
    ("shareProcessNamespace", False),
    ("resources", {}),
]
POD_SECURITY: Final[list[tuple[str, Any]]] = [
    ("seccompProfile", {}),
    ("appArmorProfile", {}),
    ("seLinuxOptions", {}),
    ("seLinuxChangePolicy", "Recursive"),
    ("runAsUser", 0),
    ("runAsGroup", 0),
    ("fsGroup", 0),
    ("fsGroupChangePolicy", "Always"),
    ("supplementalGroups", []),
    ("supplementalGroupsPolicy", "Merge"),
    ("sysctls", [{"name": "a", "value": "b"}]),
]
CONTAINER_SECURITY: Final[list[tuple[str, Any]]] = [
    ("seccompProfile", {}),
    ("appArmorProfile", {}),
    ("seLinuxOptions", {}),
    ("capabilities", {}),
    ("privileged", False),
    ("procMount", "Default"),
    ("readOnlyRootFilesystem", False),
    ("allowPrivilegeEscalation", False),
    ("runAsUser", 0),
    ("runAsGroup", 0),
]


def decision(spec: dict[str, Any]) -> tuple[State, Reason]:
    """What `os` decides on a pod whose nodeSelector says windows."""
    spec = {"nodeSelector": {"kubernetes.io/os": "windows"}, "containers": [{"name": "app"}], **spec}
    document = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": spec}
    outcome = evaluate(view(document, Origin.MANIFEST), namespace(resolve(DefaulterConfiguration(), {}, {})))
    row = next(row for row in outcome.decisions if row.id == "os")
    return row.state, row.reason


def _each(fields: list[tuple[str, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("field", "value"), fields, ids=[f"{field}={value}" for field, value in fields])


@_each(SPEC)
def test_field_of_the_spec(field: str, value: Any) -> None:
    """A field of the pod spec that Windows pods may not have."""
    assert decision({field: value}) == (State.SKIPPED, Reason.LINUX_FIELD)


@_each(POD_SECURITY)
def test_field_of_the_pod_security_context(field: str, value: Any) -> None:
    """A field of the pod's security context that Windows pods may not have."""
    assert decision({"securityContext": {field: value}}) == (State.SKIPPED, Reason.LINUX_FIELD)


@_each(CONTAINER_SECURITY)
@pytest.mark.parametrize("containers", ["initContainers", "containers"])
def test_field_of_a_container(containers: str, field: str, value: Any) -> None:
    """A field of a container's security context that Windows pods may not have."""
    container = {"name": "one", "securityContext": {field: value}}
    assert decision({containers: [container]}) == (State.SKIPPED, Reason.LINUX_FIELD)


@_each([*SPEC, ("hostNetwork", True)])
def test_null_or_harmless_field(field: str, value: Any) -> None:
    """What is null is unset; hostNetwork is fine."""
    assert decision({field: value if field == "hostNetwork" else None}) == (State.APPLIED, Reason.UNSET)
