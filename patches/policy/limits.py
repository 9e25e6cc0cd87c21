"""Compiles LimitRanges: which defaults they give to a container, and which values they forbid.

Source: the LimitRanger admission plugin and the defaulting of `core/v1` LimitRange. In an item of type Container, a
missing `default` falls back to `max`, a missing `defaultRequest` to `default` and then to `min`. The defaults apply to
regular and init containers. If several LimitRanges give a value, the first by name wins here; upstream leaves the order
open. Items of type Container and Pod are also constraints: `min`, `max` and `maxLimitRequestRatio`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from patches.errors import InvalidObject
from patches.model.decisions import Reason
from patches.model.pod import ContainerView, field_path
from patches.model.quantities import NANO, nanos
from patches.model.shapes import Quantity, ResourceList

_MILLI: Final = NANO // 1000
_MAX_INT64: Final = 2**63 - 1
_MAX_MILLI: Final = _MAX_INT64 // 1000


class Bound(StrEnum):
    """The kinds of constraint of a LimitRange item."""

    MIN = "min"
    MAX = "max"
    RATIO = "maxLimitRequestRatio"


class Constraint(NamedTuple):
    """One bound of one item on one resource, in nanos."""

    bound: Bound
    value: int


class Amount(NamedTuple):
    """A quantity of a container.

    Attributes:
        nanos: the quantity in nanos.
        text: the quantity as written.
        reason: why it counts as set.
    """

    nanos: int
    text: Quantity
    reason: Reason


@dataclass(frozen=True, slots=True)
class Limits:
    """The LimitRanges of a namespace, compiled.

    Attributes:
        default_requests: the default request of each resource.
        default_limits: the default limit of each resource.
        container: the constraints on each resource of a container.
        pod: the constraints on each resource of a pod.
        given: the resources with a default request or limit, sorted.
    """

    default_requests: Mapping[str, Amount]
    default_limits: Mapping[str, Amount]
    container: Mapping[str, tuple[Constraint, ...]]
    pod: Mapping[str, tuple[Constraint, ...]]
    given: tuple[str, ...] = ()


class LimitItem(NamedTuple):
    """One item of a LimitRange, as `core/v1` LimitRangeItem."""

    type: str
    default: Mapping[str, Quantity] = {}
    default_request: Mapping[str, Quantity] = {}
    min: Mapping[str, Quantity] = {}
    max: Mapping[str, Quantity] = {}
    max_limit_request_ratio: Mapping[str, Quantity] = {}


def compile_limits(limit_ranges: Mapping[str, Sequence[LimitItem]]) -> Limits:
    """Compile the LimitRanges of a namespace, with upstream's fallbacks.

    Args:
        limit_ranges: the items of each LimitRange, by its name.

    Raises:
        InvalidObject: if a quantity is malformed.
    """
    items = [_with_fallbacks(item) for _, items in sorted(limit_ranges.items()) for item in items]
    return compile_items(items, Reason.LIMIT_RANGE)


def compile_items(items: Iterable[LimitItem], reason: Reason) -> Limits:
    """Compile items without fallbacks. If several items have a value, the first one gives it.

    Args:
        items: the items, in order.
        reason: the reason to store with each amount; UNSET marks the configuration's own. With LIMIT_RANGE, an amount
            on which two items differ gets LIMIT_RANGE_ORDER.

    Raises:
        InvalidObject: if a quantity is malformed.
    """
    requests: dict[str, Amount] = {}
    limits: dict[str, Amount] = {}
    constraints: dict[str, dict[str, list[Constraint]]] = {"Container": {}, "Pod": {}}
    for item in items:
        rows = constraints.setdefault(item.type, {})  # other types, such as PersistentVolumeClaim, bind no pod
        for bound, amounts in (
            (Bound.MIN, item.min),
            (Bound.MAX, item.max),
            (Bound.RATIO, item.max_limit_request_ratio),
        ):
            for resource, quantity in amounts.items():
                rows.setdefault(resource, []).append(Constraint(bound, nanos(quantity)))
        if item.type == "Container":
            _add_amounts(limits, item.default, reason)
            _add_amounts(requests, item.default_request, reason)
    return Limits(
        requests,
        limits,
        _freeze(constraints["Container"]),
        _freeze(constraints["Pod"]),
        tuple(sorted({*requests, *limits})),
    )


def _with_fallbacks(item: LimitItem) -> LimitItem:
    if item.type != "Container":
        return item
    default = {**item.max, **item.default}
    return item._replace(default=default, default_request={**item.min, **default, **item.default_request})


def _add_amounts(given: dict[str, Amount], amounts: Mapping[str, Quantity], reason: Reason) -> None:
    for resource, quantity in amounts.items():
        earlier = given.setdefault(resource, Amount(nanos(quantity), quantity, reason))
        if reason is Reason.LIMIT_RANGE and earlier.nanos != nanos(quantity):
            given[resource] = earlier._replace(reason=Reason.LIMIT_RANGE_ORDER)


def _freeze(rows: Mapping[str, Iterable[Constraint]]) -> Mapping[str, tuple[Constraint, ...]]:
    return {resource: tuple(constraints) for resource, constraints in rows.items()}


NO_LIMITS: Final = compile_limits({})
"""A namespace without LimitRanges."""


class EffectiveResources(NamedTuple):
    """The requests and limits of a container when the API server validates it."""

    requests: dict[str, Amount]
    limits: dict[str, Amount]


def effective_resources(container: ContainerView, limits: Limits) -> EffectiveResources:
    """Return a container's requests and limits as the API server will judge them.

    They are its own; then a missing request copied from its limit; then the defaults of the LimitRanges. A container
    that comes from the API server already has them, unless another webhook has just added it.

    Raises:
        InvalidObject: if a quantity of the container is malformed. It names the field.
    """
    resources = container.value.get("resources") or {}
    requests = _amounts(container, "requests", resources.get("requests") or {})
    bounds = _amounts(container, "limits", resources.get("limits") or {})
    for name, amount in bounds.items():
        if name not in requests:
            requests[name] = Amount(amount.nanos, amount.text, Reason.REQUEST_EQUALS_LIMIT)
    if container.list_name != "ephemeralContainers":
        bounds = {**limits.default_limits, **bounds}
        requests = {**limits.default_requests, **requests}
    return EffectiveResources(requests, bounds)


def _amounts(container: ContainerView, field: str, amounts: ResourceList) -> dict[str, Amount]:
    try:
        return {name: Amount(nanos(text), text, Reason.AUTHOR) for name, text in amounts.items()}
    except InvalidObject as error:
        raise InvalidObject(f"{field_path(container.path)}.resources.{field}", str(error)) from None


def broken(constraints: Sequence[Constraint], request: int | None, limit: int | None) -> int:
    """Find the constraints that a request and a limit break.

    Args:
        constraints: the constraints on the resource.
        request: the request in nanos; None if it is unset.
        limit: the limit in nanos; None if it is unset.

    Returns:
        A bit set: bit N stands for the constraint at position N.
    """
    bits = 0
    for position, constraint in enumerate(constraints):
        if _breaks(constraint, request, limit):
            bits |= 1 << position
    return bits


def _breaks(constraint: Constraint, request: int | None, limit: int | None) -> bool:
    bound, value = constraint
    unit = _unit(request or 0, limit or 0, value)
    enforced = -(-value // unit)
    requested = None if request is None else -(-request // unit)
    limited = None if limit is None else -(-limit // unit)
    if bound is Bound.MIN:
        return requested is None or requested < enforced or (limited is not None and limited < enforced)
    if bound is Bound.MAX:
        return limited is None or limited > enforced or (requested is not None and requested > enforced)
    if not requested or not limited:
        return True
    # In floating point, as upstream: there a rounding error makes 16.1 to 1 exceed a ratio of 16.1.
    return _float(limited) / _float(requested) * 1000 > _float(-(-value // _MILLI))


def _float(amount: int) -> float:
    return float(min(amount, _MAX_INT64))


def _unit(*amounts: int) -> int:
    """Return the unit in which upstream compares, rounded up: thousandths, or whole units if those would overflow."""
    return _MILLI if all(-(-amount // NANO) <= _MAX_MILLI for amount in amounts) else NANO
