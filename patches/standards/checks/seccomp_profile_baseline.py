"""Seccomp: not switched off. Baseline, from 1.0; seccompProfile_restricted stands in at restricted from 1.19.

From 1.0 the annotations that came before the field, for the pod and for each of its containers:
    metadata.annotations["seccomp.security.alpha.kubernetes.io/pod"]
    metadata.annotations["container.seccomp.security.alpha.kubernetes.io/NAME"]

Allowed: unset, `runtime/default`, `docker/default` or `localhost/…`.

From 1.19 the fields, and no longer the annotations:
    spec.securityContext.seccompProfile.type
    spec.{initContainers,containers,ephemeralContainers}[*].securityContext.seccompProfile.type

Allowed: no profile at all, type RuntimeDefault or Localhost.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from typing import Final

from patches.model.pod import Pod
from patches.standards.checks.check import Check
from patches.standards.checks.phrases import annotation, plural, quoted_set, setters
from patches.standards.checks.profiles import forbidden_types
from patches.standards.levels import Level
from patches.standards.violations import Violation

_POD_ANNOTATION: Final = "seccomp.security.alpha.kubernetes.io/pod"
_CONTAINER_ANNOTATION_PREFIX: Final = "container.seccomp.security.alpha.kubernetes.io/"


def _since_1_0(pod: Pod) -> Violation | None:
    annotations = pod.annotations
    if not annotations:
        return None
    keys = [_POD_ANNOTATION, *(_CONTAINER_ANNOTATION_PREFIX + container.name for container in pod.containers)]
    forbidden = sorted(
        {
            annotation(key, annotations[key] or "")
            for key in keys
            if key in annotations and not _allows(annotations[key])
        }
    )
    if not forbidden:
        return None
    detail = f"{plural('forbidden annotation', len(forbidden))} {', '.join(forbidden)}"
    return Violation(CHECK.id, "seccompProfile", detail)


def _allows(value: str | None) -> bool:
    return value in ("runtime/default", "docker/default") or (value or "").startswith("localhost/")


def _since_1_19(pod: Pod) -> Violation | None:
    return explicit_violation(CHECK.id, pod)


def explicit_violation(check_id: str, pod: Pod) -> Violation | None:
    """The violation, by either check of seccomp, of those that set a forbidden type."""
    types, pod_is_bad, names = forbidden_types(pod, "seccompProfile")
    if not types:
        return None
    by = setters(names, pod=pod_is_bad)
    return Violation(
        check_id, "seccompProfile", f"{by} must not set securityContext.seccompProfile.type to {quoted_set(types)}"
    )


CHECK: Final[Check] = Check(
    id="seccompProfile_baseline",
    level=Level.BASELINE,
    versions=((0, _since_1_0), (19, _since_1_19)),
    removable=("securityContext.seccompProfile", "container.securityContext.seccompProfile"),
    removable_annotations=(_POD_ANNOTATION, _CONTAINER_ANNOTATION_PREFIX),
    title="Seccomp is switched off",
    asks=(
        "Seccomp is not switched off. Up to 1.18 the annotations `seccomp.security.alpha.kubernetes.io/pod` and "
        "`container.seccomp.security.alpha.kubernetes.io/…` are read, from 1.19 the fields."
    ),
    fields="securityContext.seccompProfile.type",
    fix=(
        "`securityContext.seccompProfile.type` of pod and container: `RuntimeDefault` or `Localhost`, or no "
        "`seccompProfile` at all; the annotations up to 1.18: `runtime/default`, `docker/default` or `localhost/…`"
    ),
)
