"""Hosts of probes and lifecycle hooks: the kubelet only calls the pod itself. Baseline, from 1.34.

Fields, on every container, in `httpGet` and in `tcpSocket`:
    spec.{initContainers,containers,ephemeralContainers}[*].{livenessProbe,readinessProbe,startupProbe}.*.host
    spec.{initContainers,containers,ephemeralContainers}[*].lifecycle.{postStart,preStop}.*.host

Allowed: unset or empty, which means the pod's own address.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from typing import Final

from patches.model.pod import Pod
from patches.model.shapes import Handler
from patches.standards.checks.check import Check
from patches.standards.checks.phrases import containers, plural, quoted
from patches.standards.levels import Level
from patches.standards.violations import Violation


def _since_1_34(pod: Pod) -> Violation | None:
    names: list[str] = []
    hosts: list[str] = []
    for container in pod.containers:
        value = container.value
        before = len(hosts)
        for probe in (value.get("livenessProbe"), value.get("readinessProbe"), value.get("startupProbe")):
            if probe:
                hosts += _hosts(probe)
        lifecycle = value.get("lifecycle")
        if lifecycle:
            for hook in (lifecycle.get("postStart"), lifecycle.get("preStop")):
                if hook:
                    hosts += _hosts(hook)
        if len(hosts) > before:
            names.append(container.name)
    if not names:
        return None
    bad_containers = sorted(set(names))
    bad_hosts = sorted(set(hosts))
    return Violation(
        CHECK.id,
        "probe or lifecycle host",
        f"{containers(bad_containers)} {'uses' if len(bad_containers) == 1 else 'use'} "
        f"{plural('probe or lifecycle host', len(bad_hosts))} {quoted(bad_hosts)}",
    )


def _hosts(handler: Handler) -> list[str]:
    found: list[str] = []
    for action in (handler.get("httpGet"), handler.get("tcpSocket")):
        if action:
            host = action.get("host")
            if host:
                found.append(host)
    return found


CHECK: Final[Check] = Check(
    id="hostProbesAndHostLifecycle",
    level=Level.BASELINE,
    versions=((34, _since_1_34),),
    removable=tuple(
        f"container.{handler}.{action}.host"
        for handler in ("livenessProbe", "readinessProbe", "startupProbe", "lifecycle.postStart", "lifecycle.preStop")
        for action in ("httpGet", "tcpSocket")
    ),
    title="A probe or hook calls another host",
    asks=(
        "Probes and lifecycle hooks call the pod itself and no other host, which would let a pod make the kubelet "
        "send requests for it."
    ),
    fields="host of probes and lifecycle hooks",
    fix=(
        "container `livenessProbe`, `readinessProbe`, `startupProbe`, `lifecycle.postStart` and `lifecycle.preStop`: "
        "`httpGet.host` and `tcpSocket.host` unset; for another virtual host, set the header `Host` in "
        "`httpGet.httpHeaders`"
    ),
)
