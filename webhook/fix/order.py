"""The order in which people write the fields of pods, and in which inserted fields join them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

# One list serves pods, containers and the mappings below them: no two fields stand in one mapping in different orders.
_ORDER: Final = (
    *("name", "image", "imagePullPolicy", "command", "args", "workingDir", "ports", "envFrom", "env", "resources"),
    *("volumeMounts", "volumeDevices", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle"),
    *("runtimeClassName", "serviceAccountName", "serviceAccount", "automountServiceAccountToken"),
    *("hostNetwork", "hostPID", "hostIPC", "hostUsers", "nodeSelector", "os", "securityContext"),
    *("initContainers", "containers", "ephemeralContainers", "volumes"),
    *("privileged", "allowPrivilegeEscalation", "readOnlyRootFilesystem", "runAsNonRoot", "runAsUser", "runAsGroup"),
    *("fsGroup", "fsGroupChangePolicy", "supplementalGroups", "add", "drop", "capabilities"),
    *("seccompProfile", "appArmorProfile", "type", "localhostProfile"),
    *("requests", "limits", "cpu", "memory", "ephemeral-storage"),
    *("mountPath", "emptyDir"),
)
_RANKS: Final = {name: rank for rank, name in enumerate(_ORDER)}


def in_order(names: Iterable[str]) -> list[str]:
    """The names in the order in which people write them; those that it does not know come last."""
    return sorted(names, key=lambda name: _RANKS.get(name, len(_ORDER)))


def position_among(name: str, siblings: Sequence[str]) -> int:
    """Where a new field joins its siblings: the number of those before it.

    It follows the last one that people write before it. An unknown one comes last.
    """
    rank = _RANKS.get(name)
    if rank is None:
        return len(siblings)
    before = [index for index, other in enumerate(siblings) if _RANKS.get(other, len(_ORDER)) < rank]
    return before[-1] + 1 if before else 0
