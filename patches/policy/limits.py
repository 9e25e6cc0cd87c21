"""LimitRanges, compiled: what they give to a container, and what they forbid.

Source: the LimitRanger admission plugin and the defaulting of `core/v1` LimitRange. Of an item of type Container a
missing `default` falls back to `max`, a missing `defaultRequest` to `default` and then to `min`; containers and init
containers are defaulted; of several objects the first by name wins here, where upstream leaves the order open. Items
of type Container and Pod are constraints as well: `min`, `max` and `maxLimitRequestRatio`.
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
    """A quantity of a container: in nanos, as written, and why it counts as set."""

    nanos: int
    text: Quantity
    reason: Reason


@dataclass(frozen=True, slots=True)
class Limits:
    """The LimitRanges of a namespace: what is given per resource, and the constraints per resource.

    `given` names the resources that are given at all, sorted.
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
    """Compile the items of each LimitRange object, by name, with upstream's fallbacks. Raises InvalidObject."""
    items = [_with_fallbacks(item) for _, items in sorted(limit_ranges.items()) for item in items]
    return compile_items(items, Reason.LIMIT_RANGE)


def compile_items(items: Iterable[LimitItem], reason: Reason) -> Limits:
    """Compile items as they are; of several the first that has a value gives it. Raises InvalidObject.

    `reason` is why an amount that they give counts as set; LIMIT_RANGE becomes LIMIT_RANGE_ORDER where two differ.
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
            _give(limits, item.default, reason)
            _give(requests, item.default_request, reason)
    return Limits(
        requests,
        limits,
        _frozen(constraints["Container"]),
        _frozen(constraints["Pod"]),
        tuple(sorted({*requests, *limits})),
    )


def _with_fallbacks(item: LimitItem) -> LimitItem:
    if item.type != "Container":
        return item
    default = {**item.max, **item.default}
    return item._replace(default=default, default_request={**item.min, **default, **item.default_request})


def _give(given: dict[str, Amount], amounts: Mapping[str, Quantity], reason: Reason) -> None:
    for resource, quantity in amounts.items():
        earlier = given.setdefault(resource, Amount(nanos(quantity), quantity, reason))
        if reason is Reason.LIMIT_RANGE and earlier.nanos != nanos(quantity):
            given[resource] = earlier._replace(reason=Reason.LIMIT_RANGE_ORDER)


def _frozen(rows: Mapping[str, Iterable[Constraint]]) -> Mapping[str, tuple[Constraint, ...]]:
    return {resource: tuple(constraints) for resource, constraints in rows.items()}


NO_LIMITS: Final = compile_limits({})
"""A namespace without LimitRanges."""


class Needs(NamedTuple):
    """The requests and limits of a container as it will arrive at the API server's validation."""

    requests: dict[str, Amount]
    limits: dict[str, Amount]


def arriving_needs(container: ContainerView, limits: Limits) -> Needs:
    """What the container sets, then request = limit, then what the LimitRanges give. Raises InvalidObject.

    For an object that came through an API server both steps have been done and change nothing, but on a container
    that another webhook has just added: there the API server repeats them after us.
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
    return Needs(requests, bounds)


def _amounts(container: ContainerView, field: str, amounts: ResourceList) -> dict[str, Amount]:
    try:
        return {name: Amount(nanos(text), text, Reason.AUTHOR) for name, text in amounts.items()}
    except InvalidObject as error:
        raise InvalidObject(f"{field_path(container.path)}.resources.{field}", str(error)) from None


def broken(constraints: Sequence[Constraint], request: int | None, limit: int | None) -> int:
    """Which constraints a request and limit (nanos; None where unset) break, as a bit set."""
    bits = 0
    for position, constraint in enumerate(constraints):
        if _breaks(constraint, request, limit):
            bits |= 1 << position
    return bits


def _breaks(constraint: Constraint, request: int | None, limit: int | None) -> bool:
    bound, value = constraint
    unit = _unit(request or 0, limit or 0, value)
    enforced = -(-value // unit)
    asked = None if request is None else -(-request // unit)
    bounded = None if limit is None else -(-limit // unit)
    if bound is Bound.MIN:
        return asked is None or asked < enforced or (bounded is not None and bounded < enforced)
    if bound is Bound.MAX:
        return bounded is None or bounded > enforced or (asked is not None and asked > enforced)
    if not asked or not bounded:
        return True
    # In floating point, as upstream: 16.1 to 1 exceeds a ratio of 16.1 there, by a rounding error, and is refused.
    return _float(bounded) / _float(asked) * 1000 > _float(-(-value // _MILLI))


def _float(amount: int) -> float:
    return float(min(amount, _MAX_INT64))


def _unit(*amounts: int) -> int:
    """Upstream compares in thousandths, rounded up, or in whole units where one would overflow."""
    return _MILLI if all(-(-amount // NANO) <= _MAX_MILLI for amount in amounts) else NANO
