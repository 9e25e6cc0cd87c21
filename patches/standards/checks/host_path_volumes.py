"""HostPath volumes: no directory of the node in a pod. Baseline, from 1.0; restrictedVolumes stands in at restricted.

Field, on the pod:
    spec.volumes[*].hostPath

Allowed: unset.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from typing import Final

from patches.model.pod import Pod
from patches.standards.checks.check import Check
from patches.standards.checks.phrases import plural, quoted
from patches.standards.levels import Level
from patches.standards.violations import Violation


def _since_1_0(pod: Pod) -> Violation | None:
    names = [volume["name"] for volume in pod.spec.get("volumes") or () if volume.get("hostPath") is not None]
    if not names:
        return None
    return Violation(CHECK.id, "hostPath volumes", f"{plural('volume', len(names))} {quoted(names)}")


CHECK: Final[Check] = Check(
    id="hostPathVolumes",
    level=Level.BASELINE,
    versions=((0, _since_1_0),),
    removable=("volumes[*].hostPath",),
    title="Mounts a directory of the node",
    asks="No directory of the node as a volume. At restricted, `restrictedVolumes` says so.",
    fields="spec.volumes[*].hostPath",
    fix="`volumes[*].hostPath`: use another type of volume",
)
