"""The arithmetic behind the default `resources`, as far as it has rules of its own."""

from __future__ import annotations

from typing import Any

import pytest

from patches.defaults.resource_slots import PodSums, Slot
from patches.model.decisions import Reason
from patches.policy.limits import NO_LIMITS, LimitItem, compile_items, compile_limits, effective_resources
from patches.policy.pod_sum import PodSum
from tests.patches.build import document
from tests.pods import view


def total(init: list[tuple[int | None, bool]], regular: list[int | None]) -> int | None:
    """The sum of init containers (amount, whether it is a sidecar) and regular containers."""
    value = document(*({} for _ in regular))
    value["spec"]["initContainers"] = [
        {"name": f"i{index}", "restartPolicy": "Always" if sidecar else None} for index, (_, sidecar) in enumerate(init)
    ]
    amounts = [*(amount for amount, _ in init), *regular]
    return PodSum(zip(view(value).containers, amounts, strict=True)).total()


@pytest.mark.parametrize(
    ("init", "regular", "expected"),
    [
        ([], [1, 2], 3),
        ([], [None, 2], 2),
        ([], [None, None], None),
        ([], [0], 0),
        ([(5, False)], [1, 2], 5),
        ([(2, False)], [1, 2], 3),
        ([(5, False), (7, False)], [1], 7),
        ([(5, True)], [1, 2], 8),
        ([(5, True), (4, False)], [1], 9),
        ([(4, False), (5, True)], [1], 6),
        ([(9, False), (5, True)], [1], 9),
        ([(2, True), (3, True), (1, False)], [0], 6),
        ([(3, True)], [None], 3),
        ([(3, False)], [None], 3),
        ([(None, False)], [None], None),
        ([(None, True), (4, False)], [1], 4),
    ],
)
def test_sums_as_the_scheduler_counts(
    init: list[tuple[int | None, bool]], regular: list[int | None], expected: int | None
) -> None:
    """Regular containers and sidecars add up; each other init container runs beside the sidecars before it."""
    assert total(init, regular) == expected


def slot(resources: Any, wanted: dict[str, Any], pod: dict[str, Any] | None = None, **given: Any) -> Slot:
    """The cpu of one container under an item of ours, a Pod item and a Container item."""
    container = view(document({"resources": resources})).containers[0]
    limits = compile_limits({"a": [LimitItem("Pod", **(pod or {})), LimitItem("Container", **given)]})
    ours = compile_items([LimitItem("Container", **wanted)], Reason.UNSET)
    return Slot(container, "cpu", effective_resources(container, limits), ours, limits)


def written(found: Slot) -> tuple[object, object]:
    """What is added to the request and to the limit."""
    found.settle({"cpu": PodSums([found])})
    return tuple(None if side.written is None else side.written.text for side in (found.request, found.limit))  # type: ignore[return-value]


BOTH = {"default": {"cpu": "2"}, "default_request": {"cpu": "1"}}
LIMIT = {"default": {"cpu": "2"}}


@pytest.mark.parametrize(
    ("resources", "wanted", "pod", "expected"),
    [
        ({}, BOTH, {}, ("1", "2")),
        ({}, LIMIT, {}, ("2", "2")),
        ({}, {}, {}, (None, None)),
        ({"requests": {"cpu": "1"}}, BOTH, {}, (None, "2")),
        ({"requests": {"cpu": "3"}}, BOTH, {}, (None, None)),
        ({"requests": {"cpu": 2}}, BOTH, {}, (None, "2")),
        ({"requests": {"cpu": "2000000001n"}}, BOTH, {}, (None, None)),
        ({"limits": {"cpu": "1"}}, BOTH, {}, (None, None)),
        ({}, {"default": {"cpu": "1"}, "default_request": {"cpu": "2"}}, {}, ("2", None)),
        ({"limits": {"cpu": "1"}}, LIMIT, {"max": {"cpu": "1500m"}}, (None, None)),
        ({}, BOTH, {"max": {"cpu": "2"}}, ("1", "2")),
        ({}, BOTH, {"max_limit_request_ratio": {"cpu": "1"}}, ("1", "2")),
        ({}, {**BOTH, "max": {"cpu": "1"}}, {}, ("1", None)),
        ({}, {**BOTH, "min": {"cpu": "2"}}, {}, ("2", "2")),
        ({}, {**BOTH, "max_limit_request_ratio": {"cpu": "1500m"}}, {}, ("1", None)),
        ({"requests": {"cpu": "1"}}, {**LIMIT, "max_limit_request_ratio": {"cpu": "2"}}, {}, (None, "2")),
        ({"requests": {"cpu": "999m"}}, {**LIMIT, "max_limit_request_ratio": {"cpu": "2"}}, {}, (None, None)),
    ],
)
def test_what_fits_is_added(resources: Any, wanted: Any, pod: Any, expected: tuple[object, object]) -> None:
    """Request and limit together, else the request, else the limit with a request beside it."""
    assert written(slot(resources, wanted, pod)) == expected


@pytest.mark.parametrize(
    ("wanted", "given", "expected"),
    [
        (LIMIT, {"default_request": {"cpu": "500m"}}, ("500m", "2")),
        (LIMIT, {"min": {"cpu": "500m"}}, ("500m", "2")),
        (BOTH, {"default_request": {"cpu": "500m"}}, ("500m", "2")),
        (LIMIT, {"default_request": {"cpu": "3"}}, (None, None)),
        (LIMIT, {"default": {"cpu": "3"}}, (None, None)),
        ({**LIMIT, "min": {"cpu": "2"}}, {"default_request": {"cpu": "500m"}}, ("500m", "2")),
    ],
)
def test_beside_a_limit_stands_the_request_that_a_limit_range_would_give(
    wanted: Any, given: Any, expected: tuple[object, object]
) -> None:
    """The API server would else make the request equal to the limit. Our own bounds do not bind what is not ours."""
    assert written(slot({}, wanted, **given)) == expected


@pytest.mark.parametrize(
    ("resources", "wanted", "pod", "obstacle"),
    [
        ({"requests": {"cpu": "3"}}, BOTH, {}, Reason.REQUEST_ABOVE_LIMIT),
        ({"requests": {"cpu": "1"}}, {**LIMIT, "max": {"cpu": "1"}}, {}, Reason.ITEM_BOUNDS),
        ({"requests": {"cpu": "1"}, "limits": {}}, LIMIT, {"min": {"cpu": "1"}}, None),
        ({"limits": {"memory": "1"}}, {"default_request": {"cpu": "5"}}, {"max": {"cpu": "1"}}, None),
    ],
)
def test_why_nothing_fits(resources: Any, wanted: Any, pod: Any, obstacle: Reason | None) -> None:
    """The reason of the last attempt; a bound that is broken before is no reason to refrain."""
    found = slot(resources, wanted, pod)
    assert found.settle({"cpu": PodSums([found])}) is (obstacle is None)
    if obstacle is not None:
        assert found.obstacle is obstacle
        assert found.pending


def test_the_sum_of_the_pod_is_bounded() -> None:
    """What another container has counts; each resource for itself."""
    value = document({"resources": {"limits": {"cpu": "2", "memory": "9"}}}, {"resources": {"requests": {"cpu": "1"}}})
    limits = compile_limits({"a": [LimitItem("Pod", max={"cpu": "4"})]})
    ours = compile_items([LimitItem("Container", default={"cpu": "2500m", "memory": "1"})], Reason.UNSET)
    slots = [
        Slot(container, name, effective_resources(container, limits), ours, limits)
        for container in view(value).containers
        for name in ("cpu", "memory")
    ]
    sums = {"cpu": PodSums(slots[::2])}
    assert [found.settle(sums) for found in slots] == [False, False, False, True]
    assert slots[2].obstacle is Reason.LIMIT_RANGE_BOUNDS


def test_nothing_is_pending_where_nothing_is_wanted() -> None:
    """Then a slot is not tried again."""
    container = view(document()).containers[0]
    assert not Slot(container, "cpu", effective_resources(container, NO_LIMITS), NO_LIMITS, NO_LIMITS).pending
