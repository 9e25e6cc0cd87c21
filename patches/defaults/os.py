"""os: `spec.os.name: windows` for a pod whose nodeSelector already says so.

Field: `spec.os.name`. Real manifests select Windows nodes by `kubernetes.io/os: windows` (or `beta.kubernetes.io/os`)
and leave `spec.os` out; the restricted profile exempts Windows pods from the Linux fields, from v1.25 on, by `spec.os`
alone. It is added if the API server will accept it, which means that no field is set that a Windows pod may not have,
even empty or false, and if every restricted level that judges the pod has the exemption. Otherwise the pod is treated
as a Linux pod.
Source: `validateWindows` of `core/v1` validation; the Pod Security Standards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from patches.defaults.default import Default
from patches.defaults.draft import Draft
from patches.model.decisions import Reason
from patches.standards.levels import Level

ID: Final = "os"
LINUX_POD_SECURITY: Final = (
    "seccompProfile",
    "appArmorProfile",
    "seLinuxOptions",
    "seLinuxChangePolicy",
    "runAsUser",
    "runAsGroup",
    "fsGroup",
    "fsGroupChangePolicy",
    "supplementalGroups",
    "supplementalGroupsPolicy",
)
LINUX_POD: Final = ("hostUsers", "shareProcessNamespace", "resources")
LINUX_CONTAINER_SECURITY: Final = (
    "seccompProfile",
    "appArmorProfile",
    "seLinuxOptions",
    "capabilities",
    "privileged",
    "procMount",
    "readOnlyRootFilesystem",
    "allowPrivilegeEscalation",
    "runAsUser",
    "runAsGroup",
)


def apply(draft: Draft) -> None:
    """Set `os.name: windows` on a pod whose nodeSelector says so; the defaults that follow then see a Windows pod."""
    if not draft.whole_pod:
        return
    spec = draft.pod.spec
    if not draft.pod.selects_windows:
        return
    path = f"{draft.pod.spec_path}/os"
    if spec.get("os") is not None:
        draft.kept(ID, path, spec["os"])
    elif not draft.policy.restricted_since(25):
        draft.skipped(ID, path, Reason.PROFILE_VERSION)
    elif _linux_field(draft):
        draft.skipped(ID, path, Reason.LINUX_FIELD)
    else:
        draft.add(ID, draft.pod.spec_path, ID, {"name": "windows"})
        draft.windows = True


def _linux_field(draft: Draft) -> bool:
    pod = draft.pod
    return (
        pod.spec.get("hostPID") is True
        or pod.spec.get("hostIPC") is True
        or bool(pod.security.get("sysctls"))
        or _any_set(pod.spec, LINUX_POD)
        or _any_set(pod.security, LINUX_POD_SECURITY)
        or any(_any_set(container.security, LINUX_CONTAINER_SECURITY) for container in pod.containers)
    )


def _any_set(fields: object, keys: Iterable[str]) -> bool:
    values = cast("Mapping[str, Any]", fields)
    return any(values.get(key) is not None for key in keys)


DEFAULT: Final[Default] = Default(
    id=ID,
    level=Level.RESTRICTED,
    title="Declared as a Windows pod",
    adds="`os: {name: windows}` where the nodeSelector says so",
    fields=("os",),
    apply=apply,
)
