"""Pods as people and API servers send them: every field that the engine reads, set, unset, null, empty or odd."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from patches.model.shapes import Json
from tests.properties.choices import Choices, Maker

TOKEN: Final = "kube-api-access-abcde"  # noqa: S105 (a volume's name)
TOKEN_MOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 (a path)
APPLIED: Final = "pod-security-defaulter.io/applied"

_BOOLEAN: Final = (False, True)
_CPU: Final = ("1", 1, 1.5, "500m", "0.1", "1e0", "100m", "2", 0, "250000u", None)
_MEMORY: Final = ("128Mi", "1Gi", 134217728, "1e9", "0.5Gi", "64M", "2Gi", 0, None)
_CAPABILITIES: Final = ("ALL", "all", "NET_BIND_SERVICE", "CAP_NET_BIND_SERVICE", "CAP_SYS_ADMIN", "sys_admin", "CHOWN")
_PATHS: Final = ("/data", "/tmp", "/tmp/", "//tmp/.", TOKEN_MOUNT)  # noqa: S108 (paths in containers)
_USERS: Final = (1000, 0)
_PORT_SYSCTL: Final = "net.ipv4.ip_unprivileged_port_start"


def _map(**makers: Any) -> Maker:
    return lambda choose: choose.fields(**makers)


def _list(maker: Maker, most: int = 2) -> Maker:
    return lambda choose: choose.some(maker, most)


def _one(*values: Any) -> Maker:
    return lambda choose: choose.one(values)


_PROFILE: Final = _map(type=("RuntimeDefault", "Localhost", "Unconfined", ""), localhostProfile=["p.json"])
_SE_LINUX: Final = _map(type=("container_t", "", "spc_t"), user=("", "u"), level=["s0"])
_WINDOWS: Final = _map(
    hostProcess=_BOOLEAN, runAsUserName=("ContainerUser", "ContainerAdministrator", "CONTAINERADMINISTRATOR")
)
_HANDLER: Final = _map(httpGet=_map(host=("", "h")), tcpSocket=_map(host=("", "h")), exec=[{}])
_AMOUNTS: Final = _map(cpu=_CPU, memory=_MEMORY)
_RESOURCES: Final = _map(requests=_AMOUNTS, limits=_AMOUNTS, claims=[[]])
_CAPABILITY: Final = _list(_one(*_CAPABILITIES), 3)

_SECURITY: Final = _map(
    allowPrivilegeEscalation=_BOOLEAN,
    appArmorProfile=_PROFILE,
    capabilities=_map(add=_CAPABILITY, drop=_CAPABILITY),
    privileged=_BOOLEAN,
    procMount=("Default", "Unmasked", ""),
    readOnlyRootFilesystem=_BOOLEAN,
    runAsGroup=_USERS,
    runAsNonRoot=(True, False),
    runAsUser=_USERS,
    seLinuxOptions=_SE_LINUX,
    seccompProfile=_PROFILE,
    windowsOptions=_WINDOWS,
    futureField=[{"a": 1}],
)
_POD_SECURITY: Final = _map(
    appArmorProfile=_PROFILE,
    fsGroup=_USERS,
    fsGroupChangePolicy=["Always"],
    runAsGroup=_USERS,
    runAsNonRoot=(True, False),
    runAsUser=_USERS,
    seLinuxOptions=_SE_LINUX,
    seccompProfile=_PROFILE,
    supplementalGroups=_list(_one(*_USERS)),
    sysctls=_list(_map(name=("kernel.shm_rmid_forced", "vm.swappiness", _PORT_SYSCTL), value=("1", "443"))),
    windowsOptions=_WINDOWS,
)
_CONTAINER: Final[dict[str, Any]] = {
    "image": ("i:1", "", "auto"),
    "imagePullPolicy": ("Always", "IfNotPresent", ""),
    "lifecycle": _map(postStart=_HANDLER, preStop=_HANDLER),
    "livenessProbe": _HANDLER,
    "ports": _list(_map(containerPort=(8080, 80, 443, 0), hostPort=(0, 80))),
    "resources": _RESOURCES,
    "securityContext": _SECURITY,
    "volumeDevices": _list(_map(name=["v0"], devicePath=("/dev/x", "/tmp")), 1),  # noqa: S108 (as above)
    "volumeMounts": _list(_map(name=("v0", "v1", TOKEN), mountPath=_PATHS, readOnly=_BOOLEAN, subPath=("", "x"))),
    "futureField": ([], {}),
}
_SOURCES: Final[tuple[Any, ...]] = (
    {},
    {"emptyDir": {}},
    {"hostPath": {"path": "/"}},
    {"configMap": None},
    {"image": {"pullPolicy": "Never"}},
    {"image": {}},
    {"image": None},
    {"someNewSource": {}},
)
_SPEC: Final[dict[str, Any]] = {
    "automountServiceAccountToken": _BOOLEAN,
    "hostIPC": _BOOLEAN,
    "hostNetwork": _BOOLEAN,
    "hostPID": _BOOLEAN,
    "hostUsers": _BOOLEAN,
    "nodeSelector": _map(**{"kubernetes.io/os": ("linux", "windows"), "a": ("b", "c")}),
    "os": _map(name=("linux", "windows")),
    "overhead": _AMOUNTS,
    "resources": _RESOURCES,
    "runtimeClassName": ("gvisor", "other"),
    "securityContext": _POD_SECURITY,
    "serviceAccount": ("default", "builder", ""),
    "serviceAccountName": ("default", "builder", ""),
    "shareProcessNamespace": _BOOLEAN,
    "futureField": ["x"],
}
_ANNOTATIONS: Final = {
    "seccomp.security.alpha.kubernetes.io/pod": ("runtime/default", "unconfined", "localhost/p.json"),
    "container.seccomp.security.alpha.kubernetes.io/c0": ("docker/default", "unconfined"),
    "container.apparmor.security.beta.kubernetes.io/c0": ("runtime/default", "unconfined"),
    "pod-security-defaulter.io/skip": ("", "resources,typo", "seccompProfile, runAsNonRoot"),
    APPLIED: ("", "os:pod", "resources:containers/c0,x"),
}
_MANAGED: Final[tuple[Any, ...]] = (
    [],
    [{"fieldsV1": None}],
    [{"fieldsV1": {"f:spec": {"f:volumes": None}}}],
    [{"fieldsV1": {"f:spec": {"f:volumes": {f'k:{{"name":"{TOKEN}"}}': {}}}}}],
)


def containers(choose: Choices, prefix: str, least: int) -> list[Any]:
    """A list of containers with names of their own; some init containers are sidecars."""
    found = choose.some(lambda choose: choose.fields(**_CONTAINER), 3, least)
    sidecar = {"restartPolicy": "Always"}
    return [
        {"name": f"{prefix}{index}", **row, **(sidecar if prefix == "i" and choose.flag() else {})}
        for index, row in enumerate(found)
    ]


def inject_token(spec: dict[str, Any]) -> None:
    """Do what ServiceAccount admission does: the volume last, a mount where nothing is mounted at its path."""
    reference = {"apiVersion": "v1", "fieldPath": "metadata.namespace"}
    sources = [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"items": [{"key": "ca.crt", "path": "ca.crt"}], "name": "kube-root-ca.crt"}},
        {"downwardAPI": {"items": [{"fieldRef": reference, "path": "namespace"}]}},
    ]
    volume = {"name": TOKEN, "projected": {"defaultMode": 420, "sources": sources}}
    spec["volumes"] = [*(spec.get("volumes") or []), volume]
    for kind in ("initContainers", "containers"):
        for container in spec.get(kind) or ():
            mounts = container.get("volumeMounts") or []
            if not any(row.get("mountPath") == TOKEN_MOUNT for row in mounts):
                container["volumeMounts"] = [*mounts, {"name": TOKEN, "readOnly": True, "mountPath": TOKEN_MOUNT}]
    spec.setdefault("serviceAccountName", "default")


def _volumes(choose: Choices) -> list[Any]:
    names = ("v0", choose.one(("v1", "psd-tmp-0")))
    return [{"name": names[index], **source} for index, source in enumerate(choose.some(_one(*_SOURCES), 2))]


def spec(choose: Choices) -> dict[str, Any]:
    """A pod spec."""
    value = choose.fields(**_SPEC)
    value["containers"] = containers(choose, "c", 1)
    value.update(
        choose.fields(
            initContainers=partial(containers, prefix="i", least=0),
            volumes=_volumes,
        ),
    )
    if choose.flag():
        inject_token(value)
    return value


def metadata(choose: Choices) -> dict[str, Any]:
    """The metadata of an object."""
    return choose.fields(
        annotations=_map(**_ANNOTATIONS), labels=_map(a=["b"]), generateName=["p-"], managedFields=_MANAGED
    )


def pod(choose: Choices) -> Json:
    """A Pod."""
    value: Json = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata(choose), "spec": spec(choose)}
    if choose.flag(100):
        value["spec"]["ephemeralContainers"] = containers(choose, "e", 0) or None
    return value


def document(choose: Choices) -> Json:
    """A Pod, or a Deployment, CronJob or StatefulSet around one."""
    kind = choose.one(("Pod", "Pod", "Deployment", "CronJob", "StatefulSet"))
    if kind == "Pod":
        return pod(choose)
    node: Json = {"metadata": metadata(choose) or None, "spec": spec(choose)}
    if kind == "Deployment":
        return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "d"}, "spec": {"template": node}}
    if kind == "StatefulSet":
        claims = choose.one((None, [], [{"metadata": {"name": "v1"}}, {"metadata": None}]))
        found = {"volumeClaimTemplates": claims, "template": node}
        return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "s"}, "spec": found}
    job = {"jobTemplate": {"spec": {"template": node}}}
    return {"apiVersion": "batch/v1", "kind": kind, "metadata": {"name": "j"}, "spec": job}
