"""The steps that the API server takes with a pod before and after mutation, until it judges the pod.

A pod from a file has not had these steps yet. Each is a function that returns the pod itself if there is nothing to do.

Some read what a pod spec means, in a template as well: `serviceAccount` is an alias of `serviceAccountName`, a volume
without a source is an emptyDir. The others are for pods only: a limit without a request becomes the request,
LimitRanges of the namespace give their defaults, hostNetwork copies each containerPort to hostPort, and, after
mutation, AppArmor annotations of a new pod become fields. The last two can make a pod violate what its author did not
write; `worsened` says where.

Source: the defaulting and conversion of `core/v1`, the LimitRanger, and `applyAppArmorVersionSkew` of pods.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from patches.model.notices import Notice, NoticeCode
from patches.model.pod import CONTAINER_LISTS, ContainerView, Pod
from patches.policy.limits import NO_LIMITS, Limits, effective_resources
from patches.standards.checks.restricted_volumes import SOURCES
from patches.standards.judge import judge
from patches.standards.levels import LevelVersion

_APP_ARMOR: Final = "container.apparmor.security.beta.kubernetes.io/"
_PROFILES: Final = {"unconfined": "Unconfined", "runtime/default": "RuntimeDefault"}


def arrive(pod: Pod, limits: Limits = NO_LIMITS) -> Pod:
    """Return the pod as the API server judges it; for a template, the pod that its controller creates.

    Args:
        pod: the pod, which stays as it is.
        limits: the LimitRanges of its namespace.

    Raises:
        InvalidObject: if a quantity is malformed.
    """
    return with_resources(arrive_to_checks(pod), limits)


def arrive_to_checks(pod: Pod) -> Pod:
    """Return the pod as `arrive`, but for requests and limits, which no check reads and which take half of its time."""
    arrived = read_spec(pod)
    for step in _WORSENING:
        arrived = step.take(arrived)
    return arrived


def read_spec(pod: Pod) -> Pod:
    """Return the pod with the steps that the API server takes with every pod spec, of a pod or of a template."""
    return with_volume_sources(with_account_name(pod))


def worsened(pod: Pod, levels: Sequence[LevelVersion], server_minor: int) -> tuple[Notice, ...]:
    """Return a notice for each violation that a step makes, or adds to.

    Args:
        pod: the pod or template, with the steps of `read_spec`.
        levels: the levels to judge by.
        server_minor: the API server's own minor version.
    """
    notices: dict[Notice, None] = {}
    for step in _WORSENING:
        before, pod = pod, step.take(pod)
        if pod is not before:
            for level in levels:
                known = judge(before, level, server_minor)
                made = (violation for violation in judge(pod, level, server_minor) if violation not in known)
                for _, reason, detail in made:
                    notices[Notice(step.code, pod.spec_path, (reason, detail))] = None
    return tuple(notices)


def with_account_name(pod: Pod) -> Pod:
    """Return the pod with the account of the field's old name."""
    spec = pod.spec
    if not spec.get("serviceAccount") or spec.get("serviceAccountName"):
        return pod
    return _changed(pod, lambda spec: spec.update(serviceAccountName=spec["serviceAccount"]))


def with_volume_sources(pod: Pod) -> Pod:
    """Return the pod with an emptyDir for each volume without a source. An unknown source is none: it is dropped."""
    bare = [
        position
        for position, volume in enumerate(pod.spec.get("volumes") or ())
        if all(volume.get(source) is None for source in SOURCES.intersection(volume))
    ]
    if not bare:
        return pod

    def set_sources(spec: Any) -> None:
        for position in bare:
            spec["volumes"][position]["emptyDir"] = {}

    return _changed(pod, set_sources)


def with_resources(pod: Pod, limits: Limits) -> Pod:
    """Return the pod with the requests and limits that its containers have in a namespace with these LimitRanges."""
    changed = {
        (container.list_name, container.position): resources
        for container in _created_with_the_pod(pod)
        if (resources := _resources(container, limits)) != (container.value.get("resources") or {})
    }
    if not changed:
        return pod

    def set_resources(spec: Any) -> None:
        for (name, position), resources in changed.items():
            spec[name][position]["resources"] = resources

    return _changed(pod, set_resources)


def _resources(container: ContainerView, limits: Limits) -> dict[str, Any]:
    effective = effective_resources(container, limits)
    resources: dict[str, Any] = {**(container.value.get("resources") or {})}
    for name, amounts in (("requests", effective.requests), ("limits", effective.limits)):
        if amounts:
            resources[name] = {resource: amount.text for resource, amount in amounts.items()}
    return resources


def with_host_ports(pod: Pod) -> Pod:
    """Return the pod with the hostPort that hostNetwork makes of each containerPort."""
    ports = [
        (container.list_name, container.position, position, port["containerPort"])
        for container in (_created_with_the_pod(pod) if pod.spec.get("hostNetwork") else ())
        for position, port in enumerate(container.value.get("ports") or ())
        if not port.get("hostPort") and port.get("containerPort")
    ]
    if not ports:
        return pod

    def set_ports(spec: Any) -> None:
        for name, container, position, number in ports:
            spec[name][container]["ports"][position]["hostPort"] = number

    return _changed(pod, set_ports)


def with_app_armor_fields(pod: Pod) -> Pod:
    """Return the pod as validating admission sees it on creation: AppArmor annotations are the containers' fields.

    A container that has the field already keeps it, and none gets the profile that the pod has. A Windows pod stays.
    """
    if pod.windows or not any(key.startswith(_APP_ARMOR) for key in pod.annotations):
        return pod
    of_pod = pod.security.get("appArmorProfile")
    profiles = [
        (container, profile)
        for container in pod.containers
        if container.security.get("appArmorProfile") is None
        and (profile := _profile(pod.annotations.get(_APP_ARMOR + container.name) or "")) is not None
        and profile != of_pod
    ]
    if not profiles:
        return pod

    def set_profiles(spec: Any) -> None:
        for container, profile in profiles:
            spec[container.list_name][container.position]["securityContext"] = {
                **container.security,
                "appArmorProfile": profile,
            }

    return _changed(pod, set_profiles)


def _profile(annotation: str) -> dict[str, str] | None:
    """The profile that an annotation means; None if it means none."""
    if annotation in _PROFILES:
        return {"type": _PROFILES[annotation]}
    name = annotation.removeprefix("localhost/")
    return {"type": "Localhost", "localhostProfile": name} if name not in ("", annotation) else None


class _Step(NamedTuple):
    """A step that can make a pod violate more than its author wrote, and how that is said."""

    take: Callable[[Pod], Pod]
    code: NoticeCode


_WORSENING: Final = (
    _Step(with_host_ports, NoticeCode.HOST_PORTS_COPIED),
    _Step(with_app_armor_fields, NoticeCode.APP_ARMOR_FIELDS),
)


def _created_with_the_pod(pod: Pod) -> Iterator[ContainerView]:
    """The containers that these steps concern: all but the ephemeral ones, as in `SetDefaults_Pod`."""
    return (container for container in pod.containers if container.list_name != "ephemeralContainers")


def _changed(pod: Pod, change: Callable[[Any], None]) -> Pod:
    """The pod in a copy of its document whose pod spec has been changed."""
    copied = _copy(pod)
    change(copied.spec)
    return copied.view(copied.document)


def _copy(pod: Pod) -> Pod:
    """Return a pod whose spec, volumes, containers and ports may be changed. All else is shared with `pod`."""
    document = node = dict(pod.document)
    for token in pod.prefix.split("/")[1:]:
        node[token] = dict(node[token])
        node = node[token]
    spec: Any = dict(pod.spec)
    node["spec"] = spec
    for name in (*CONTAINER_LISTS, "volumes"):
        if spec.get(name):
            spec[name] = [dict(value) for value in spec[name]]
    for container in (container for name in CONTAINER_LISTS for container in spec.get(name) or ()):
        if container.get("ports"):
            container["ports"] = [dict(port) for port in container["ports"]]
    return pod.view(document)
