"""What admission does before us, for documents that no API server has seen.

Files have not had these steps: a limit without a request becomes the request, `serviceAccount` is an alias of
`serviceAccountName`, hostNetwork copies each containerPort to hostPort (pods only), a volume without a source is an
emptyDir, and the namespace's LimitRanges give their defaults. Source: the defaulting of `core/v1` and the LimitRanger.
"""

from __future__ import annotations

import copy
from typing import Any

from patches.limits import NO_LIMITS, Limits, arriving_needs
from patches.pod import Pod


def arrive(pod: Pod, limits: Limits = NO_LIMITS) -> Pod:
    """The pod as it reaches the judges of the API server: for a template, the pod that its controller creates.

    Raises InvalidPod where a quantity is none.
    """
    arrived = pod.view(copy.deepcopy(pod.document))
    spec: Any = arrived.spec
    if spec.get("serviceAccount") and not spec.get("serviceAccountName"):
        spec["serviceAccountName"] = spec["serviceAccount"]
    for volume in spec.get("volumes") or ():
        if all(value is None for key, value in volume.items() if key != "name"):
            volume["emptyDir"] = {}
    for container in arrived.containers:
        _give_resources(container.value, arriving_needs(container, limits))
        if spec.get("hostNetwork"):
            for port in container.value.get("ports") or ():
                if not port.get("hostPort") and port.get("containerPort"):
                    port["hostPort"] = port["containerPort"]
    return arrived


def _give_resources(container: Any, needs: Any) -> None:
    resources = {**(container.get("resources") or {})}
    for name, amounts in (("requests", needs.requests), ("limits", needs.limits)):
        if amounts:
            resources[name] = {resource: amount.text for resource, amount in amounts.items()}
    if resources:
        container["resources"] = resources
