"""Pods that an API server accepts, violating the Pod Security Standards in every way that can be written down.

A pod begins as one that passes everything; each flaw is drawn on its own, so that pods with none, one and many of them
are all frequent. Nothing here asks the engine: what is drawn is legal by `core/v1` validation, not by our rules.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, Final

Flaw = Callable[[random.Random, Any, Any], None]
"""Changes a pod and one of its containers."""

_NAMES: Final = ("app", "web", "sidecar-1", "a", "zz", "b-2")
_PROFILES: Final = ("RuntimeDefault", "Localhost", "Unconfined")
_CAPABILITIES: Final = (
    "NET_BIND_SERVICE",
    "CHOWN",
    "SYS_TIME",
    "NET_ADMIN",
    "KILL",
    "SYS_ADMIN",
    "ALL",
    "net_raw",
    "X",
)
_SYSCTLS: Final = (
    ("kernel.shm_rmid_forced", "1"),
    ("net.ipv4.ip_local_reserved_ports", "80"),
    ("net.ipv4.tcp_keepalive_time", "60"),
    ("net.ipv4.tcp_rmem", "1 2 3"),
    ("net.ipv4.tcp_slow_start_after_idle", "0"),
    ("net.ipv4.tcp_notsent_lowat", "1"),
    ("kernel.msgmax", "1"),
    ("net.core.somaxconn", "1"),
)
_VOLUMES: Final[Sequence[dict[str, Any]]] = (
    {"hostPath": {"path": "/x"}},
    {"nfs": {"server": "s", "path": "/"}},
    {"hostPath": {"path": "/y"}},
    {"iscsi": {"targetPortal": "1.2.3.4", "iqn": "iqn.2001-04.com.example:storage.disk1", "lun": 0}},
    {"fc": {"targetWWNs": ["a"], "lun": 0}},
    {"flexVolume": {"driver": "a/b"}},
    {"emptyDir": {}},
    {"configMap": {"name": "c"}},
    {"image": {"reference": "i:1"}},
    {"csi": {"driver": "d"}},
    {"persistentVolumeClaim": {"claimName": "c"}},
)


def pod(chance: random.Random) -> Any:
    """A pod: of a third, nothing is wrong; a few of them run on Windows."""
    spec: dict[str, Any] = {
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": _containers(chance, chance.randint(1, 3)),
    }
    value = {"metadata": {"generateName": "p-", "annotations": {}}, "spec": spec}
    names = [row["name"] for row in spec["containers"]]
    if chance.random() < 0.3:
        spec["initContainers"] = [row for row in _containers(chance, 2) if row["name"] not in names]
        for row in spec["initContainers"]:
            if chance.random() < 0.3:
                row["restartPolicy"] = "Always"
    if chance.random() < 0.25:
        spec["hostUsers"] = False
    flaws = 0 if chance.random() < 0.3 else chance.choice((1, 1, 1, 2, 2, 3, 5, 8))
    for flaw in chance.sample(FLAWS, min(flaws, len(FLAWS))):
        for container in _some(chance, [*spec["containers"], *spec.get("initContainers", ())]):
            flaw(chance, value, container)
    if chance.random() < 0.05:
        _windows(chance, spec)
    return value


def _containers(chance: random.Random, count: int) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "image": "registry.example/i:1",
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        }
        for name in chance.sample(_NAMES, count)
    ]


def _some(chance: random.Random, containers: list[Any]) -> list[Any]:
    return chance.sample(containers, chance.randint(1, len(containers)))


def _place(chance: random.Random, value: Any, container: Any) -> Any:
    """The security context of the container, or now and then of the pod."""
    return value["spec"]["securityContext"] if chance.random() < 0.3 else container["securityContext"]


def _escalation(chance: random.Random, _: Any, container: Any) -> None:
    if chance.random() < 0.5:
        container["securityContext"].pop("allowPrivilegeEscalation", None)
    else:
        container["securityContext"]["allowPrivilegeEscalation"] = True


def _capabilities(chance: random.Random, _: Any, container: Any) -> None:
    added = chance.sample(_CAPABILITIES, chance.randint(0, 3))
    dropped = chance.choice(([], ["ALL"], ["all"], ["NET_RAW", "ALL"], ["KILL"]))
    container["securityContext"]["capabilities"] = {"add": added, "drop": dropped}


def _privileged(_: random.Random, value: Any, container: Any) -> None:
    if value["spec"].get("hostUsers") is not False or "procMount" not in container["securityContext"]:
        container["securityContext"].update(privileged=True, allowPrivilegeEscalation=True)


def _host_namespaces(chance: random.Random, value: Any, _: Any) -> None:
    if value["spec"].get("hostUsers") is not False:  # that excludes them
        value["spec"][chance.choice(("hostNetwork", "hostPID", "hostIPC"))] = True


def _ports(chance: random.Random, _: Any, container: Any) -> None:
    ports = chance.sample((80, 443, 8080, 9, 10000), chance.randint(1, 3))
    container["ports"] = [{"containerPort": port, "hostPort": port} for port in ports]


def _probe_host(chance: random.Random, value: Any, container: Any) -> None:
    handler = chance.choice(
        (
            {"httpGet": {"path": "/", "port": 80, "host": chance.choice(("127.0.0.1", "h.example", "::1"))}},
            {"tcpSocket": {"port": 80, "host": "127.0.0.1"}},
        )
    )
    if container in value["spec"].get("initContainers", ()) and container.get("restartPolicy") != "Always":
        return
    if chance.random() < 0.5:
        container[chance.choice(("livenessProbe", "readinessProbe", "startupProbe"))] = handler
    else:
        container["lifecycle"] = {chance.choice(("postStart", "preStop")): handler}


def _proc_mount(_: random.Random, value: Any, container: Any) -> None:
    if not any(value["spec"].get(name) for name in ("hostNetwork", "hostPID", "hostIPC")):
        value["spec"]["hostUsers"] = False  # without it Unmasked is illegal
        container["securityContext"]["procMount"] = "Unmasked"


def _se_linux(chance: random.Random, value: Any, container: Any) -> None:
    options = {"type": chance.choice(("spc_t", "container_engine_t", "container_t", "container_kvm_t", 'a"b'))}
    if chance.random() < 0.4:
        options["user"] = "u"
    if chance.random() < 0.4:
        options["role"] = "r"
    _place(chance, value, container)["seLinuxOptions"] = options


def _profile(chance: random.Random, types: Sequence[str]) -> dict[str, str]:
    kind = chance.choice(types)
    return {"type": kind, "localhostProfile": "p.json"} if kind == "Localhost" else {"type": kind}


def _seccomp(chance: random.Random, value: Any, container: Any) -> None:
    if chance.random() < 0.4:
        value["spec"]["securityContext"].pop("seccompProfile", None)
    else:
        _place(chance, value, container)["seccompProfile"] = _profile(chance, (*_PROFILES, "Unconfined"))


def _seccomp_annotation(chance: random.Random, value: Any, container: Any) -> None:
    """Legal only beside no field, or an equal one."""
    key = f"container.seccomp.security.alpha.kubernetes.io/{container['name']}"
    if chance.random() < 0.5:
        key = "seccomp.security.alpha.kubernetes.io/pod"
    for holder in (value["spec"], *value["spec"]["containers"], *value["spec"].get("initContainers", ())):
        holder["securityContext"].pop("seccompProfile", None)
    value["metadata"]["annotations"][key] = chance.choice(("unconfined", "runtime/default", "localhost/x"))


def _app_armor(chance: random.Random, value: Any, container: Any) -> None:
    if chance.random() < 0.5 and not _has_app_armor(value):
        key = f"container.apparmor.security.beta.kubernetes.io/{container['name']}"
        value["metadata"]["annotations"][key] = chance.choice(("unconfined", "runtime/default", "localhost/x"))
    elif not value["metadata"]["annotations"]:
        _place(chance, value, container)["appArmorProfile"] = _profile(chance, _PROFILES)


def _has_app_armor(value: Any) -> bool:
    spec = value["spec"]
    holders = (spec, *spec["containers"], *spec.get("initContainers", ()))
    return any("appArmorProfile" in holder["securityContext"] for holder in holders)


def _sysctls(chance: random.Random, value: Any, _: Any) -> None:
    if not value["spec"].get("hostNetwork") and not value["spec"].get("hostIPC"):
        rows = chance.sample(_SYSCTLS, chance.randint(1, 3))
        value["spec"]["securityContext"]["sysctls"] = [{"name": name, "value": text} for name, text in rows]


def _volumes(chance: random.Random, value: Any, _: Any) -> None:
    rows = chance.sample(_VOLUMES, chance.randint(1, 4))
    value["spec"]["volumes"] = [{"name": f"v{index}", **row} for index, row in enumerate(rows)]


def _root(chance: random.Random, value: Any, container: Any) -> None:
    place = _place(chance, value, container)
    match chance.randint(0, 3):
        case 0:
            value["spec"]["securityContext"].pop("runAsNonRoot", None)
        case 1:
            place["runAsNonRoot"] = False
        case 2:
            place["runAsUser"] = 0
        case _:
            value["spec"]["securityContext"].pop("runAsNonRoot", None)
            container["securityContext"]["runAsNonRoot"] = True


def _windows(chance: random.Random, spec: Any) -> None:
    """A Windows pod, some with HostProcess: every container then has it, and the host's network."""
    spec.clear()
    spec.update(os={"name": "windows"}, containers=[{"name": "w", "image": "i:1", "securityContext": {}}])
    spec["securityContext"] = {"runAsNonRoot": chance.random() < 0.7}
    if chance.random() < 0.6:
        spec["hostNetwork"] = True
        spec["securityContext"]["windowsOptions"] = {"hostProcess": True, "runAsUserName": "NT AUTHORITY\\SYSTEM"}
        spec["securityContext"]["runAsNonRoot"] = False


FLAWS: Final[Sequence[Flaw]] = (
    _escalation,
    _capabilities,
    _privileged,
    _host_namespaces,
    _ports,
    _probe_host,
    _proc_mount,
    _se_linux,
    _seccomp,
    _seccomp_annotation,
    _app_armor,
    _sysctls,
    _volumes,
    _root,
)
