"""The steps that the API server takes with a pod before and after mutation, until it judges the pod.

A pod from a file has not had these steps yet: a limit without a request becomes the request, `serviceAccount` is an
alias of `serviceAccountName`, hostNetwork copies each containerPort to hostPort (pods only), a volume without a source
becomes an emptyDir, and LimitRanges of the namespace give their defaults. After mutation, AppArmor annotations of a new
pod become fields. Source: the defaulting of `core/v1`, the LimitRanger, and `applyAppArmorVersionSkew` of pods.
"""

from __future__ import annotations

import copy
from typing import Any, Final

from patches.model.pod import Pod
from patches.policy.limits import NO_LIMITS, Limits, effective_resources

_APP_ARMOR: Final = "container.apparmor.security.beta.kubernetes.io/"
_PROFILES: Final = {"unconfined": "Unconfined", "runtime/default": "RuntimeDefault"}


def with_app_armor_fields(pod: Pod) -> Pod:
    """Return the pod as validating admission sees it on creation: AppArmor annotations are the containers' fields.

    A Windows pod, and one without such annotations, is returned as it is.
    """
    if pod.windows or not any(key.startswith(_APP_ARMOR) for key in pod.annotations):
        return pod
    seen = pod.view(copy.deepcopy(pod.document))
    _set_app_armor(seen)
    return seen.view(seen.document)


def arrive(pod: Pod, limits: Limits = NO_LIMITS) -> Pod:
    """Return the pod as the API server judges it; for a template, the pod that its controller creates.

    Args:
        pod: the pod, which stays as it is.
        limits: the LimitRanges of its namespace.

    Raises:
        InvalidObject: if a quantity is malformed.
    """
    arrived = pod.view(copy.deepcopy(pod.document))
    spec: Any = arrived.spec
    if spec.get("serviceAccount") and not spec.get("serviceAccountName"):
        spec["serviceAccountName"] = spec["serviceAccount"]
    for volume in spec.get("volumes") or ():
        if all(value is None for key, value in volume.items() if key != "name"):
            volume["emptyDir"] = {}
    for container in arrived.containers:
        _set_resources(container.value, effective_resources(container, limits))
        if spec.get("hostNetwork"):
            for port in container.value.get("ports") or ():
                if not port.get("hostPort") and port.get("containerPort"):
                    port["hostPort"] = port["containerPort"]
    return with_app_armor_fields(arrived)


def _set_app_armor(pod: Pod) -> None:
    """Set the field of each container that has an annotation and no field, unless the pod has the same profile."""
    for container in pod.containers:
        text = pod.annotations.get(_APP_ARMOR + container.name) or ""
        profile = {"type": _PROFILES[text]} if text in _PROFILES else None
        name = text.removeprefix("localhost/")
        if name not in ("", text):
            profile = {"type": "Localhost", "localhostProfile": name}
        value: Any = container.value
        if (
            profile is not None
            and container.security.get("appArmorProfile") is None
            and profile != pod.security.get("appArmorProfile")
        ):
            value["securityContext"] = {**container.security, "appArmorProfile": profile}


def _set_resources(container: Any, needs: Any) -> None:
    resources = {**(container.get("resources") or {})}
    for name, amounts in (("requests", needs.requests), ("limits", needs.limits)):
        if amounts:
            resources[name] = {resource: amount.text for resource, amount in amounts.items()}
    if resources:
        container["resources"] = resources
