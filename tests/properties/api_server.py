"""Why an API server would refuse a pod, or a kubelet not start it: the rules that a defaulter could break.

Written from `core/v1` validation, the RuntimeClass plugin and the kubelet of Kubernetes 1.36, apart from `patches` and
unlike it: as one list of complaints, where a complaint that was there before is no business of the defaulter's.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any, Final

from patches.policy.snapshot import RuntimeClass

WINDOWS_POD: Final = (
    "appArmorProfile",
    "fsGroup",
    "fsGroupChangePolicy",
    "runAsGroup",
    "runAsUser",
    "seLinuxChangePolicy",
    "seLinuxOptions",
    "seccompProfile",
    "supplementalGroups",
    "supplementalGroupsPolicy",
)
WINDOWS_CONTAINER: Final = (
    "allowPrivilegeEscalation",
    "appArmorProfile",
    "capabilities",
    "privileged",
    "procMount",
    "readOnlyRootFilesystem",
    "runAsGroup",
    "runAsUser",
    "seLinuxOptions",
    "seccompProfile",
)
SECCOMP: Final = "seccomp.security.alpha.kubernetes.io/pod"
CONTAINER_SECCOMP: Final = "container.seccomp.security.alpha.kubernetes.io/"
APP_ARMOR: Final = "container.apparmor.security.beta.kubernetes.io/"
HOST: Final = ("hostNetwork", "hostPID", "hostIPC")


def complaints(pod: Any, classes: Mapping[str, RuntimeClass]) -> set[str]:
    """Everything that is wrong with a pod, as far as the engine could make it so."""
    return {
        *_of_pod(pod["spec"], (pod.get("metadata") or {}).get("annotations") or {}),
        *_of_runtime_class(pod["spec"], classes),
        *(
            f"{kind} {row['name']}: {complaint}"
            for kind in ("initContainers", "containers", "ephemeralContainers")
            for row in pod["spec"].get(kind) or ()
            for complaint in _of_container(row, pod)
        ),
    }


def _of_pod(spec: Any, annotations: Any) -> Iterator[str]:
    security = spec.get("securityContext") or {}
    if _is(spec, "windows"):
        yield from (f"windows: {key}" for key in WINDOWS_POD if security.get(key) is not None)
        yield from (f"windows: {key}" for key in ("hostPID", "hostIPC") if spec.get(key))
        keys = ("hostUsers", "shareProcessNamespace", "resources")
        yield from (f"windows: {key}" for key in keys if spec.get(key) is not None)
        if security.get("sysctls"):
            yield "windows: sysctls"
    if _is(spec, "linux") and security.get("windowsOptions") is not None:
        yield "linux: windowsOptions"
    if spec.get("hostUsers") is False and any(spec.get(key) for key in HOST):
        yield "hostUsers beside a namespace of the host"
    profile = security.get("seccompProfile")
    if profile is not None and not _agree(annotations.get(SECCOMP), profile):
        yield "seccomp annotation and field differ"
    names = [volume["name"] for volume in spec.get("volumes") or ()]
    if len(names) != len(set(names)):
        yield "two volumes of one name"


def _of_container(container: Any, pod: Any) -> Iterator[str]:
    spec = pod["spec"]
    annotations = (pod.get("metadata") or {}).get("annotations") or {}
    security, above = container.get("securityContext") or {}, spec.get("securityContext") or {}
    if security.get("allowPrivilegeEscalation") is False:
        if security.get("privileged"):
            yield "allowPrivilegeEscalation beside privileged"
        if "CAP_SYS_ADMIN" in ((security.get("capabilities") or {}).get("add") or ()):
            yield "allowPrivilegeEscalation beside CAP_SYS_ADMIN"
    if _is(spec, "windows"):
        yield from (f"windows: {key}" for key in WINDOWS_CONTAINER if security.get(key) is not None)
    profile = security.get("seccompProfile")
    if profile is not None and not _agree(annotations.get(CONTAINER_SECCOMP + container["name"]), profile):
        yield "seccomp annotation and field differ"
    if annotations.get(APP_ARMOR + container["name"]) is not None and security.get("appArmorProfile") is None:
        yield f"AppArmor annotation beside the pod's {above.get('appArmorProfile')}"
    if spec.get("hostUsers") is False and container.get("volumeDevices"):
        yield "hostUsers beside a raw block volume"
    yield from _of_mounts(container, {volume["name"] for volume in spec.get("volumes") or ()})
    yield from _of_user(security, above)


def _of_user(security: Any, above: Any) -> Iterator[str]:
    if _effective(security, above, "runAsNonRoot"):
        if _effective(security, above, "runAsUser") == 0:
            yield "does not start: user 0"
        own, pod = (row.get("windowsOptions") or {} for row in (security, above))
        if str(_effective(own, pod, "runAsUserName")).lower() == "containeradministrator":
            yield "does not start: ContainerAdministrator"


def _of_mounts(container: Any, volumes: set[str]) -> Iterator[str]:
    mounts = container.get("volumeMounts") or ()
    yield from (f"no volume {row['name']}" for row in mounts if row.get("name") and row["name"] not in volumes)
    paths = [row.get("mountPath") for row in mounts]
    paths += [row.get("devicePath") for row in container.get("volumeDevices") or ()]
    places = [posixpath.normpath(path.replace("//", "/")) for path in paths if path]
    yield from (f"{place} twice" for place in places if places.count(place) > 1)


def _of_runtime_class(spec: Any, classes: Mapping[str, RuntimeClass]) -> Iterator[str]:
    name = spec.get("runtimeClassName")
    if name is None:
        return
    found = classes.get(name)
    if found is None:
        yield f"no RuntimeClass {name}"
        return
    if found.has_overhead or spec.get("overhead"):
        yield "an overhead that is not the class's, or none can be paid for"
    selector = spec.get("nodeSelector") or {}
    if any(key in selector and selector[key] != value for key, value in found.node_selector.items()):
        yield "the class's nodes are others"


def _is(spec: Any, name: str) -> bool:
    return (spec.get("os") or {}).get("name") == name


def _effective(own: Any, above: Any, key: str) -> Any:
    return above.get(key) if own.get(key) is None else own[key]


def _agree(annotation: str | None, profile: Any) -> bool:
    if annotation is None:
        return True
    meaning = {
        "unconfined": ("Unconfined", None),
        "runtime/default": ("RuntimeDefault", None),
        "docker/default": ("RuntimeDefault", None),
    }.get(annotation, ("Localhost", annotation.removeprefix("localhost/")))
    return meaning == (profile.get("type"), profile.get("localhostProfile"))
