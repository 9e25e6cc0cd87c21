"""AppArmor: no profile that weakens the runtime's own. Baseline, from 1.0.

Fields, on the pod and on every container:
    spec.securityContext.appArmorProfile.type
    spec.{initContainers,containers,ephemeralContainers}[*].securityContext.appArmorProfile.type
    metadata.annotations["container.apparmor.security.beta.kubernetes.io/*"], whether or not such a container exists

Allowed: no profile at all, type RuntimeDefault or Localhost; as annotation empty, `runtime/default` or `localhost/…`.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from typing import Final

from patches.model.pod import Pod
from patches.standards.checks.check import Check
from patches.standards.checks.phrases import annotation, containers, plural, quoted
from patches.standards.checks.profiles import forbidden_types
from patches.standards.levels import Level
from patches.standards.violations import Violation

_ANNOTATION_PREFIX: Final = "container.apparmor.security.beta.kubernetes.io/"


def _since_1_0(pod: Pod) -> Violation | None:
    types, pod_is_bad, names = forbidden_types(pod, "appArmorProfile")
    annotations = [
        annotation(key, value or "")
        for key, value in pod.annotations.items()
        if key.startswith(_ANNOTATION_PREFIX) and not _allows(value or "")
    ]
    if not types and not annotations:
        return None
    bad = [*sorted(set(types)), *sorted(annotations)]
    by = ["pod"] if pod_is_bad else []
    if names:
        by.append(containers(names))
    if annotations:
        by.append(plural("annotation", len(annotations)))
    return Violation(
        CHECK.id,
        plural("forbidden AppArmor profile", len(bad)),
        f"{' and '.join(by)} must not set AppArmor profile type to {quoted(bad)}",
    )


def _allows(value: str) -> bool:
    return value in ("", "runtime/default") or value.startswith("localhost/")


CHECK: Final[Check] = Check(
    id="appArmorProfile",
    level=Level.BASELINE,
    versions=((0, _since_1_0),),
    removable=("securityContext.appArmorProfile", "container.securityContext.appArmorProfile"),
    removable_annotations=(_ANNOTATION_PREFIX,),
    title="AppArmor is switched off or of an unknown profile",
    asks=(
        "No AppArmor profile other than the runtime's default or one loaded on the node. Annotations "
        "`container.apparmor.security.beta.kubernetes.io/…` count, even of containers that do not exist."
    ),
    fields="securityContext.appArmorProfile.type",
    fix=(
        "`securityContext.appArmorProfile.type` of pod and container: unset, `RuntimeDefault` or `Localhost`; the "
        "annotation: absent, `runtime/default` or `localhost/…`"
    ),
)
