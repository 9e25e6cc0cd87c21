"""What a validating policy says of a pod: the checks of the Pod Security Standards that CEL tells in one line."""

from __future__ import annotations

from typing import Final

_SECURITY: Final = "object.spec.?securityContext"
_OWN: Final = "c.it.?securityContext"
_BASELINE: Final = "variables.profile == 'privileged' || "
_RESTRICTED: Final = "variables.profile != 'restricted' || "
_LINUX: Final = _RESTRICTED + "(variables.windows && variables.profileVersion >= 25) || "
_NON_ROOT: Final = f"{_OWN}.?runAsNonRoot.orValue({_SECURITY}.?runAsNonRoot.orValue(false))"
_SECCOMP: Final = f"{_OWN}.?seccompProfile.?type.orValue({_SECURITY}.?seccompProfile.?type.orValue(''))"
_ROOT_PASSES: Final = "(variables.profileVersion >= 35 && !object.spec.?hostUsers.orValue(true))"
_HOST: Final = " || ".join(f"object.spec.?{key}.orValue(false)" for key in ("hostNetwork", "hostPID", "hostIPC"))
_DROPS_ALL: Final = (
    f"'ALL' in {_OWN}.?capabilities.?drop.orValue([])"
    f" && {_OWN}.?capabilities.?add.orValue([]).all(name, name == 'NET_BIND_SERVICE')"
)
_USER: Final = f"{_SECURITY}.?runAsUser.orValue(1) != 0"

VALIDATIONS: Final = [
    {"expression": expression, "message": message}
    for expression, message in (
        (
            f"{_BASELINE}!({_HOST})",
            "the pod shares namespaces of its host (baseline: host namespaces)",
        ),
        (
            f"{_BASELINE}!variables.all.exists(c, {_OWN}.?privileged.orValue(false))",
            "a container is privileged (baseline)",
        ),
        (
            f"{_BASELINE}!variables.volumes.exists(v, has(v.hostPath))",
            "a volume is a hostPath (baseline: hostPath volumes)",
        ),
        (
            f"{_BASELINE}!variables.all.exists(c, c.it.?ports.orValue([]).exists(p, p.?hostPort.orValue(0) > 0))",
            "a container has a hostPort (baseline)",
        ),
        (
            f"{_LINUX}!variables.all.exists(c, {_OWN}.?allowPrivilegeEscalation.orValue(true))",
            "a container lacks allowPrivilegeEscalation: false (restricted)",
        ),
        (
            f"{_LINUX}variables.all.all(c, {_DROPS_ALL})",
            "a container does not drop ALL capabilities, or adds some (restricted)",
        ),
        (
            f"{_RESTRICTED}{_ROOT_PASSES} || variables.all.all(c, {_NON_ROOT})",
            "a container lacks runAsNonRoot: true (restricted)",
        ),
        (
            f"{_RESTRICTED}{_ROOT_PASSES} || ({_USER} && variables.all.all(c, {_OWN}.?runAsUser.orValue(1) != 0))",
            "runAsUser is 0 (restricted)",
        ),
        (
            f"{_LINUX}variables.all.all(c, {_SECCOMP} in ['RuntimeDefault', 'Localhost'])",
            "a container lacks a seccompProfile of type RuntimeDefault or Localhost (restricted)",
        ),
    )
]
"""Of each check an expression that is true of pods which pass, and what is said of the others."""
