"""Every expression of our policies passes the API server's check against the types of what it looks at."""

from __future__ import annotations

import re
from functools import partial
from typing import Any, Final

import pytest
import yaml

from patches.policy.policy import MODE_LABEL
from tests.cluster.control_plane import ControlPlane
from tests.cluster.policies import COMPONENTS, built, installed, is_policy, until
from tests.shared_data import ROOT

pytestmark = pytest.mark.cluster

_POLICIES: Final = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"


def _with_variables(policy: Any) -> Any:
    """The policy, with variables as rules and status as its resource: the API server would check neither by itself."""
    spec = policy["spec"]
    variables = [{"expression": f"size([{row['expression']}]) == 1"} for row in spec.get("variables", ())]
    rules = [
        {**rule, "resources": sorted({row.removesuffix("/status") for row in rule["resources"]})}
        for rule in spec["matchConstraints"]["resourceRules"]
    ]
    constraints = {**spec["matchConstraints"], "resourceRules": rules}
    return {**policy, "spec": {**spec, "matchConstraints": constraints, "validations": spec["validations"] + variables}}


def _warnings(plane: ControlPlane, policies: list[Any]) -> dict[str, Any]:
    """What the checks of these policies say, once all were made. Without bindings they concern nobody."""
    found = {}
    with installed(plane, policies):
        for name in (policy["metadata"]["name"] for policy in policies):
            status = until(partial(_status, plane, name), f"{name} is not checked")
            found[name] = status["typeChecking"].get("expressionWarnings", [])
    return found


@pytest.mark.usefixtures("controllers")
@pytest.mark.parametrize("component", COMPONENTS)
def test_expressions_fit_the_types(plane: ControlPlane, component: str) -> None:
    """The check has been made, and has nothing to say: neither of the policies, nor of their variables."""
    policies = [value for value in built(component) if is_policy(value)]
    assert [row for row in _warnings(plane, policies).values() if row] == []
    assert [row for row in _warnings(plane, list(map(_with_variables, policies))).values() if row] == []


@pytest.mark.usefixtures("controllers")
def test_a_mistake_is_noticed(plane: ControlPlane) -> None:
    """The check itself: a field that does not exist is warned about."""
    (policy,) = [value for value in built("deny-service-external-ips") if is_policy(value)]
    policy["spec"]["variables"][1]["expression"] = "object.spec.?externalIps.orValue([])"
    (warnings,) = _warnings(plane, [_with_variables(policy)]).values()
    assert any("undefined field 'externalIps'" in row["warning"] for row in warnings)


def _status(plane: ControlPlane, name: str) -> Any:
    policy = plane.admin.must("GET", f"{_POLICIES}/{name}")
    status = policy.get("status") or {}
    return status if status.get("observedGeneration") == policy["metadata"]["generation"] else None


@pytest.mark.parametrize("component", COMPONENTS)
def test_names_and_strictness(component: str) -> None:
    """All are called after the component, fail closed, and have one binding of the same name, which denies."""
    values = built(component)
    policies = {value["metadata"]["name"]: value["spec"] for value in values if is_policy(value)}
    bindings = {value["metadata"]["name"]: value["spec"] for value in values if not is_policy(value)}
    assert list(policies) == list(bindings)
    assert f"pod-security-defaulter-{component}" in policies
    assert all(name.startswith(f"pod-security-defaulter-{component}") for name in policies)
    assert {spec["failurePolicy"] for spec in policies.values()} == {"Fail"}
    assert [spec["policyName"] for spec in bindings.values()] == list(bindings)
    assert [spec["validationActions"] for spec in bindings.values()] == [["Deny"]] * len(bindings)


def test_the_patches_of_the_page() -> None:
    """One widens the binding of always-pull-images, the other takes evictions out; both still fit."""
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "policies.md").read_text(encoding="utf-8"), re.DOTALL)
    wider, fewer = [value for value in map(yaml.safe_load, blocks) if "patches" in value]
    (binding,) = [value for value in built("always-pull-images", **wider) if not is_policy(value)]
    mode, _ = binding["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"]
    assert mode == {"key": MODE_LABEL, "operator": "NotIn", "values": ["off", "warn", "audit"]}
    gone = [value for value in built("node-restriction") if value not in built("node-restriction", **fewer)]
    assert [(value["kind"], value["metadata"]["name"]) for value in gone] == [
        ("ValidatingAdmissionPolicyBinding", "pod-security-defaulter-node-restriction-evictions")
    ]
