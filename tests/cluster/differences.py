"""What differs between a pod that came back without us and the same pod with us, in the words of the `applied` list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

Path = tuple[str, ...]

_IDENTITY: Final = ("resourceVersion", "uid", "creationTimestamp", "managedFields", "name")
_OF_POD: Final = {
    "automountServiceAccountToken": "automountServiceAccountToken",
    "hostUsers": "hostUsers",
    "os": "os",
    "runtimeClassName": "runtimeClassName",
    "volumes": "readOnlyRootFilesystem",
}
_OF_SECURITY: Final = {
    "allowPrivilegeEscalation": "allowPrivilegeEscalation",
    "appArmorProfile": "appArmorProfile",
    "capabilities": "capabilities",
    "fsGroup": "identity",
    "fsGroupChangePolicy": "identity",
    "readOnlyRootFilesystem": "readOnlyRootFilesystem",
    "runAsGroup": "identity",
    "runAsNonRoot": "runAsNonRoot",
    "runAsUser": "identity",
    "seccompProfile": "seccompProfile",
}
_OF_CONTAINER: Final = {
    "imagePullPolicy": "imagePullPolicy",
    "resources": "resources",
    "volumeMounts": "readOnlyRootFilesystem",
}


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Each scalar and empty collection with its path; an element of a list goes by its name, where it has one."""
    if isinstance(value, dict) and value:
        for key, child in value.items():
            yield from leaves(child, (*path, key))
    elif isinstance(value, list) and value:
        for key, child in _elements(value, path[-1]):
            yield from leaves(child, (*path, key))
    else:
        yield path, value


def _elements(values: list[Any], field: str) -> Iterator[tuple[str, Any]]:
    for index, value in enumerate(values):
        if field == "volumeMounts":
            yield value["mountPath"], value
        elif isinstance(value, dict) and "name" in value and field != "env":
            yield value["name"], value
        else:
            yield str(index), value


def normalized(pod: Any) -> dict[Path, Any]:
    """The leaves of a pod, but for what every creation makes anew and the injected token."""
    return {
        path: value
        for path, value in leaves({"metadata": pod["metadata"], "spec": pod["spec"]})
        if not (path[0] == "metadata" and path[1] in _IDENTITY) and not _is_token(path, pod)
    }


def _is_token(path: Path, pod: Any) -> bool:
    injected = {row["name"] for row in pod["spec"].get("volumes") or () if is_injected(row)}
    if path[:2] == ("spec", "volumes"):
        return path[2] in injected or not injected.symmetric_difference({path[-1]})
    if len(path) > 4 and path[3] == "volumeMounts":
        list_name, container = path[1], path[2]
        rows = next(row for row in pod["spec"][list_name] if row["name"] == container)["volumeMounts"]
        return any(row["mountPath"] == path[4] and row["name"] in injected for row in rows)
    return False


def is_injected(volume: Any) -> bool:
    """Whether this is the token's volume of ServiceAccount admission, by its name and kind."""
    return bool(volume["name"].startswith("kube-api-access-") and "projected" in volume)


def entry(path: Path) -> str:
    """The entry of the `applied` list that a difference at `path` needs; the path itself where there can be none."""
    match path:
        case ("spec", "securityContext", field, *_) if field in _OF_SECURITY:
            return f"{_OF_SECURITY[field]}:pod"
        case ("spec", "containers" | "initContainers" as kind, name, "securityContext", field, *_) if (
            field in _OF_SECURITY
        ):
            return f"{_OF_SECURITY[field]}:{kind}/{name}"
        case ("spec", "containers" | "initContainers" as kind, name, field, *_) if field in _OF_CONTAINER:
            return f"{_OF_CONTAINER[field]}:{kind}/{name}"
        case ("spec", field, *_) if field in _OF_POD:
            return f"{_OF_POD[field]}:pod"
    return "/".join(path)
