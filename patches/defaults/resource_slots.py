"""The arithmetic of the default `resources`: which request and limit fit one resource of one container."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from patches.model.decisions import Reason
from patches.model.pod import ContainerView
from patches.model.quantities import NANO
from patches.policy.limits import Amount, Bound, Constraint, EffectiveResources, Limits, broken
from patches.policy.pod_sum import PodSum


class Side:
    """The request or the limit of a slot: what arrives, what the configuration wants, and what we write."""

    __slots__ = ("field", "present", "wanted", "written")

    def __init__(self, field: Literal["requests", "limits"], present: Amount | None, wanted: Amount | None) -> None:
        """Start with what arrives at the API server and what the configuration would give."""
        self.field = field
        self.present = present
        self.wanted = wanted
        self.written: Amount | None = None

    @property
    def amount(self) -> Amount | None:
        """What counts now."""
        return self.written or self.present

    @property
    def candidate(self) -> Amount | None:
        """The wanted amount, if there is none yet."""
        return None if self.amount is not None else self.wanted


class Slot:
    """One resource of one container. `obstacle` says why the last attempt did not fit."""

    __slots__ = ("_item_constraints", "_pod_constraints", "container", "limit", "name", "obstacle", "request")

    def __init__(
        self, container: ContainerView, name: str, present: EffectiveResources, wanted: Limits, limits: Limits
    ) -> None:
        """Start with what the container needs, what the configuration wants and what the LimitRanges bound."""
        self.container = container
        self.name = name
        self.request = Side("requests", present.requests.get(name), wanted.default_requests.get(name))
        self.limit = Side("limits", present.limits.get(name), wanted.default_limits.get(name))
        self.obstacle = Reason.REQUEST_ABOVE_LIMIT
        self._item_constraints = wanted.container.get(name, ())
        self._pod_constraints = limits.pod.get(name, ())

    @property
    def pending(self) -> bool:
        """Whether a request or a limit can still be added."""
        return self.request.candidate is not None or self.limit.candidate is not None

    def settle(self, sums: Mapping[str, PodSums]) -> bool:
        """Add as much as fits: request and limit, else the request, else the limit.

        Args:
            sums: those of the pod, for each resource whose sums a LimitRange bounds; what is added is counted there.

        Returns:
            Whether anything was added.
        """
        for request, limit in self._attempts():
            obstacle = self._obstacle(sums, request, limit)
            if obstacle is None:
                self.request.written = request or self.request.written
                self.limit.written = limit or self.limit.written
                return True
            self.obstacle = obstacle
        return False

    def _attempts(self) -> Iterator[tuple[Amount | None, Amount | None]]:
        request, limit = self.request.candidate, self.limit.candidate
        if request is not None and limit is not None:
            yield request, limit
        if request is not None:
            yield request, None
        if limit is not None:
            yield self._beside(limit), limit

    def _beside(self, limit: Amount) -> Amount | None:
        """The request to add with a new limit: a LimitRange's, or the limit itself; None if there is one already.

        Otherwise the API server would copy the limit into it.
        """
        there = self.request.amount
        if there is None:
            return limit
        return there if there.reason in (Reason.LIMIT_RANGE, Reason.LIMIT_RANGE_ORDER) else None

    def _obstacle(self, sums: Mapping[str, PodSums], request: Amount | None, limit: Amount | None) -> Reason | None:
        asked, bounded = request or self.request.amount, limit or self.limit.amount
        if asked is not None and bounded is not None and asked.nanos > bounded.nanos:
            return Reason.REQUEST_ABOVE_LIMIT
        after = _Pair(_nanos(asked), _nanos(bounded))
        if self._item_constraints and _outside(self._item_constraints, request, limit, after):
            return Reason.ITEM_BOUNDS
        # Only constraints of type Pod are compared: an addition cannot newly break one of type Container. `min` holds
        # only if a request is set, and a limit of ours is at least that request; `max` and the ratio hold only if a
        # limit is set, and then a request is set too (`effective_resources`), so that nothing is added.
        if self._pod_constraints:
            total = sums[self.name]
            was = broken(self._pod_constraints, *total.now())
            total.count(self.container, after)
            if broken(self._pod_constraints, *total.now()) & ~was:
                total.count(self.container, _Pair(_nanos(self.request.amount), _nanos(self.limit.amount)))
                return Reason.LIMIT_RANGE_BOUNDS
        return None


class _Pair(NamedTuple):
    request: int | None
    limit: int | None


class PodSums:
    """The sums of one resource over a pod, of requests and of limits."""

    __slots__ = ("_limits", "_requests")

    def __init__(self, slots: Sequence[Slot]) -> None:
        """Add up slots of one resource, in visiting order."""
        self._requests = PodSum((slot.container, _nanos(slot.request.amount)) for slot in slots)
        self._limits = PodSum((slot.container, _nanos(slot.limit.amount)) for slot in slots)

    def now(self) -> _Pair:
        """The sums."""
        return _Pair(self._requests.total(), self._limits.total())

    def count(self, container: ContainerView, amounts: _Pair) -> None:
        """Replace the amounts of a container."""
        self._requests.count(container, amounts.request)
        self._limits.count(container, amounts.limit)


def _nanos(amount: Amount | None) -> int | None:
    return None if amount is None else amount.nanos


def _outside(bounds: Sequence[Constraint], request: Amount | None, limit: Amount | None, after: _Pair) -> bool:
    """Whether an addition breaks min, max or ratio of the configured items.

    min and max apply only to configured amounts, not to a request that a LimitRange gave and that is repeated.
    """
    configured = [amount.nanos for amount in (request, limit) if amount is not None and amount.reason is Reason.UNSET]
    for bound, value in bounds:
        if bound is Bound.RATIO:
            if after.request is not None and after.limit is not None and after.limit * NANO > value * after.request:
                return True
        elif any(amount < value if bound is Bound.MIN else amount > value for amount in configured):
            return True
    return False
