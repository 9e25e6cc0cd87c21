"""The most of each thing that a review looks at: bounds that no real pod meets, so that no pod is minutes of work.

What lies between the bounds is linear work, and the API server bounds an object's bytes. Lengths are all that is looked
at here, before anything else walks the object; wrong types are left to `check_shape`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from patches.errors import ObjectTooLarge
from patches.model.shapes import Json


class Bound(NamedTuple):
    """The most entries that some lists or maps may have together.

    Attributes:
        noun: what the entries are.
        most: how many there may be.
        keys: the keys of the lists or maps.
        parents: the keys that lead to the map with these keys.
    """

    noun: str
    most: int
    keys: tuple[str, ...]
    parents: tuple[str, ...] = ()


CONTAINERS: Final = Bound("containers", 1_000, ("initContainers", "containers", "ephemeralContainers"))
OF_METADATA: Final = (
    Bound("annotations", 2_000, ("annotations",)),
    Bound("managed fields", 1_000, ("managedFields",)),
    Bound("owner references", 1_000, ("ownerReferences",)),
)
OF_SPEC: Final = (
    CONTAINERS,
    Bound("volumes", 10_000, ("volumes",)),
    Bound("sysctls", 1_000, ("sysctls",), ("securityContext",)),
)
OF_ALL_CONTAINERS: Final = (
    Bound("capabilities", 10_000, ("add", "drop"), ("securityContext", "capabilities")),
    Bound("ports", 65_536, ("ports",)),
    Bound("requests and limits", 10_000, ("requests", "limits"), ("resources",)),
    Bound("volume mounts", 10_000, ("volumeMounts",)),
    Bound("volume devices", 10_000, ("volumeDevices",)),
)
"""Each for all containers of a pod together."""


def check_bounds(value: dict[str, Json], at: str = "") -> None:
    """Check a pod or a pod template against the bounds.

    Args:
        value: a decoded JSON object, whose fields may have any type.
        at: the path of the value in its document; "" for the document itself.

    Raises:
        ObjectTooLarge: it exceeds a bound. The field is the longest of the lists or maps that exceed it together.
    """
    spec = value.get("spec")
    for bound in OF_METADATA:
        _check(bound, {"metadata": value.get("metadata")}, at)
    for bound in OF_SPEC:
        _check(bound, {"spec": spec}, at)
    lists = {} if type(spec) is not dict else {key: spec[key] for key in CONTAINERS.keys if type(spec.get(key)) is list}
    containers = [container for found in lists.values() for container in found]
    for bound in OF_ALL_CONTAINERS:
        if _count(bound, containers) > bound.most:
            places = {
                f"spec.{key}[{position}]": value for key, found in lists.items() for position, value in enumerate(found)
            }
            _check(bound, places, at)


def _check(bound: Bound, places: Mapping[str, Json], at: str) -> None:
    """Raise ObjectTooLarge if some values, by their paths below `at`, exceed a bound together."""
    count = _count(bound, places.values())
    if count > bound.most:
        entries = {(path, key): _count(bound, [value], key) for path, value in places.items() for key in bound.keys}
        path, key = max(entries, key=lambda place: entries[place])
        field = ".".join(token for token in (at, path, *bound.parents, key) if token)
        raise ObjectTooLarge(field, f"{count} {bound.noun}; at most {bound.most} are supported")


def _count(bound: Bound, values: Iterable[Json], only: str = "") -> int:
    """How many entries some values have together. `only`: the one key that counts; "" for all."""
    count = 0
    for value in values:
        owner = value
        for token in bound.parents:
            owner = owner.get(token) if type(owner) is dict else None
        if type(owner) is dict:
            for key in (only,) if only else bound.keys:
                entries = owner.get(key)
                if type(entries) is list or type(entries) is dict:
                    count += len(entries)
    return count
