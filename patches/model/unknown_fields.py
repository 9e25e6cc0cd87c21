"""Fields of a pod that the API server does not know: it drops them, and only warns.

Their author believes in them: `capabilities` in the pod's securityContext takes no capability away. Names are matched
letter for letter, as the API server's strict decoding does. Values of a wrong type are not looked into: the API server
refuses them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, NamedTuple, TypeAlias

from patches.model.pod import Pod, field_path, follow
from patches.model.shapes import Json

FieldTypes: TypeAlias = Mapping[str, Mapping[str, str | list[str] | None]]
"""The fields of each type of the API: a type's name, in a list for a list of it, or None.

None is for what has no fields of fixed names: scalars, lists of them, and maps such as labels.
"""


class UnknownField(NamedTuple):
    """One unknown field, as the API server writes fields: `spec.containers[0].image`.

    Attributes:
        field: where it stands.
        meant: the known name beside it that is one edit away; "" if there is none, or more than one.
        place: the nearest object that knows its name; None if there is none, or more than one, or a name is `meant`. ""
            is the document itself.
    """

    field: str
    meant: str = ""
    place: str | None = None


class UnknownFields(NamedTuple):
    """The first unknown fields of a pod, in the order of the document, and how many more it has."""

    first: tuple[UnknownField, ...]
    more: int


class _Node(NamedTuple):
    """An object in a document, or one that could be: its field and its type."""

    field: str
    type: str

    def child(self, name: str, index: int | str | None, kind: str) -> _Node:
        field = f"{self.field}.{name}" if self.field else name
        return _Node(field if index is None else f"{field}[{index}]", kind)


def unknown_fields(pod: Pod, types: FieldTypes, limit: int) -> UnknownFields:
    """Find the unknown fields from the pod template down; of a Pod, in the whole document.

    Args:
        pod: the pod or template.
        types: the API's, with Pod and PodTemplateSpec.
        limit: how many are described; the others are counted.
    """
    root = _Node(field_path(pod.prefix), "PodTemplateSpec" if pod.prefix else "Pod")
    found = _find(follow(pod.document, pod.prefix), (root,), types)
    return UnknownFields(
        tuple(_describe(name, nodes, types) for name, nodes in islice(found, limit)), sum(1 for _ in found)
    )


def _find(value: dict[str, Json], nodes: tuple[_Node, ...], types: FieldTypes) -> Iterator[tuple[str, Sequence[_Node]]]:
    """Yield the name of each unknown field in `value`, with the nodes that lead to it: the last one holds it."""
    fields = types[nodes[-1].type]
    for name, part in value.items():
        if name not in fields:
            yield name, nodes
            continue
        kind = fields[name]
        if isinstance(kind, str) and isinstance(part, dict):
            yield from _find(part, (*nodes, nodes[-1].child(name, None, kind)), types)
        elif isinstance(kind, list) and isinstance(part, list):
            for index, item in enumerate(part):
                if isinstance(item, dict):
                    yield from _find(item, (*nodes, nodes[-1].child(name, index, kind[0])), types)


def _describe(name: str, nodes: Sequence[_Node], types: FieldTypes) -> UnknownField:
    field = nodes[-1].child(name, None, "").field
    folded = name.casefold()
    near = [known for known in types[nodes[-1].type] if _one_edit_apart(folded, known.casefold())]
    if near:
        return UnknownField(field, meant=near[0] if len(near) == 1 else "")
    return UnknownField(field, place=_nearest_place(name, nodes, types))


def _one_edit_apart(one: str, other: str) -> bool:
    """Whether they are equal, or become so by one letter more, less or other, or by two that are swapped."""
    if abs(len(one) - len(other)) > 1:
        return False
    at = next((at for at, letters in enumerate(zip(one, other, strict=False)) if letters[0] != letters[1]), len(one))
    rest, rest_of_other = one[at:], other[at:]
    return (
        rest[1:] == rest_of_other[1:]
        or rest == rest_of_other[1:]
        or rest[1:] == rest_of_other
        or (rest[:2] == rest_of_other[1::-1] and rest[2:] == rest_of_other[2:])
    )


_FARTHEST: Final = 3
"""Steps, each to the object around or to one inside: from a container's securityContext to the pod's."""

_LIKE_CONTAINERS: Final = ("initContainers", "ephemeralContainers")
_ONE_OF: Final = ("EnvVarSource", "LifecycleHandler", "Probe", "Volume", "VolumeProjection")
"""Types that have one of several objects: what one of these does not know does not belong to another."""


def _nearest_place(name: str, nodes: Sequence[_Node], types: FieldTypes) -> str | None:
    """The nearest object that knows `name`. None if several are as near, or none is near enough."""
    for steps in range(1, _FARTHEST + 1):
        places = {
            node.field
            for up in range(min(steps, len(nodes) - 1) + 1)
            if not (0 < up < steps and nodes[-1 - up].type in _ONE_OF)
            for node in _nodes_below(nodes[-1 - up], steps - up, types)
            if name in types[node.type]
        }
        if places:
            return places.pop() if len(places) == 1 else None
    return None


def _nodes_below(node: _Node, steps: int, types: FieldTypes) -> Iterator[_Node]:
    """The objects that can stand so many steps inside `node`. `containers` stands for all lists of containers."""
    if steps == 0:
        yield node
        return
    for name, kind in types[node.type].items():
        if kind is not None and name not in _LIKE_CONTAINERS:
            index, of = ("*", kind[0]) if isinstance(kind, list) else (None, kind)
            yield from _nodes_below(node.child(name, index, of), steps - 1, types)
