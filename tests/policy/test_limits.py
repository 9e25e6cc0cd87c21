"""LimitRanges: what they give, and what they forbid, as the LimitRanger of Kubernetes 1.36 does it."""

from __future__ import annotations

from typing import Any

import pytest

from patches.model.decisions import Reason
from patches.model.quantities import NANO, nanos
from patches.policy.limits import (
    NO_LIMITS,
    Bound,
    Constraint,
    EffectiveResources,
    LimitItem,
    Limits,
    broken,
    compile_items,
    compile_limits,
    effective_resources,
)
from tests.patches.build import document, template
from tests.pods import view
from webhook.errors import InvalidObject


def texts(limits: Limits) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is given: default requests and default limits, as written."""
    return (
        {name: amount.text for name, amount in limits.default_requests.items()},
        {name: amount.text for name, amount in limits.default_limits.items()},
    )


def container(**fields: Any) -> LimitItem:
    """An item of type Container."""
    return LimitItem("Container", **fields)


@pytest.mark.parametrize(
    ("item", "requests", "limits"),
    [
        (container(), {}, {}),
        (container(default={"cpu": "1"}), {"cpu": "1"}, {"cpu": "1"}),
        (container(default_request={"cpu": "1"}), {"cpu": "1"}, {}),
        (container(max={"cpu": "2"}), {"cpu": "2"}, {"cpu": "2"}),
        (container(min={"cpu": "3"}), {"cpu": "3"}, {}),
        (container(max_limit_request_ratio={"cpu": "3"}), {}, {}),
        (container(default={"cpu": "1"}, max={"cpu": "2"}), {"cpu": "1"}, {"cpu": "1"}),
        (container(default={"cpu": "1"}, min={"cpu": "3"}), {"cpu": "1"}, {"cpu": "1"}),
        (container(max={"cpu": "2"}, min={"cpu": "3"}), {"cpu": "2"}, {"cpu": "2"}),
        (container(default_request={"cpu": "4"}, default={"cpu": "1"}, max={"cpu": "2"}), {"cpu": "4"}, {"cpu": "1"}),
        (
            container(default={"cpu": "1"}, max={"memory": "2"}),
            {"cpu": "1", "memory": "2"},
            {"cpu": "1", "memory": "2"},
        ),
        (LimitItem("Pod", max={"cpu": "2"}, min={"cpu": "1"}), {}, {}),
        (LimitItem("PersistentVolumeClaim", max={"storage": "2"}), {}, {}),
    ],
)
def test_fallbacks(item: LimitItem, requests: dict[str, str], limits: dict[str, str]) -> None:
    """`core/v1` defaulting of a LimitRange: default from max; defaultRequest from default, then from min."""
    assert texts(compile_limits({"a": [item]})) == (requests, limits)


def test_our_own_items_do_not_fall_back() -> None:
    """A max of the configuration is a bound and nothing else."""
    limits = compile_items([container(max={"cpu": "2"}, min={"cpu": "1"}, default={"memory": "1Gi"})], Reason.UNSET)
    assert texts(limits) == ({}, {"memory": "1Gi"})
    assert limits.container["cpu"] == (Constraint(Bound.MIN, NANO), Constraint(Bound.MAX, 2 * NANO))
    assert limits.default_limits["memory"].reason is Reason.UNSET


def test_of_several_objects_the_first_by_name_wins() -> None:
    """Upstream leaves the order open; by name it is the same every time, and where they differ it is said."""
    limits = compile_limits(
        {
            "b": [container(default={"cpu": "2", "memory": "1Gi", "x": "1"})],
            "a": [container(default={"cpu": "1", "memory": "1024Mi"})],
            "c": [container(default={"cpu": "1"})],
        },
    )
    assert texts(limits)[1] == {"cpu": "1", "memory": "1024Mi", "x": "1"}
    reasons = {name: amount.reason for name, amount in limits.default_limits.items()}
    assert reasons == {
        "cpu": Reason.LIMIT_RANGE_ORDER,
        "memory": Reason.LIMIT_RANGE,
        "x": Reason.LIMIT_RANGE,
    }
    assert limits.default_requests["cpu"].reason is Reason.LIMIT_RANGE_ORDER


def test_among_our_own_items_the_order_is_certain() -> None:
    """They stand in one file: the first that has a value gives it, and nothing is open."""
    items = [container(default={"cpu": "1"}), container(default={"cpu": "2", "memory": "1"})]
    limits = compile_items(items, Reason.UNSET)
    assert texts(limits)[1] == {"cpu": "1", "memory": "1"}
    assert {amount.reason for amount in limits.default_limits.values()} == {Reason.UNSET}


def test_constraints_by_type() -> None:
    """Container and Pod items bind; those of claims and of types nobody knows do not."""
    limits = compile_limits(
        {
            "a": [
                container(min={"cpu": "1"}, max={"cpu": "2"}, max_limit_request_ratio={"cpu": "3"}),
                LimitItem("Pod", max={"cpu": "4"}),
                LimitItem("PersistentVolumeClaim", min={"storage": "1"}, default={"cpu": "9"}),
                LimitItem("example.com/Custom", max={"cpu": "1"}),
            ],
            "b": [LimitItem("Pod", min={"cpu": "1"})],
        },
    )
    assert limits.container == {
        "cpu": (Constraint(Bound.MIN, NANO), Constraint(Bound.MAX, 2 * NANO), Constraint(Bound.RATIO, 3 * NANO)),
    }
    assert limits.pod == {"cpu": (Constraint(Bound.MAX, 4 * NANO), Constraint(Bound.MIN, NANO))}


def test_no_limit_ranges_give_and_forbid_nothing() -> None:
    """A namespace without LimitRanges."""
    assert Limits({}, {}, {}, {}) == NO_LIMITS


def test_a_quantity_that_is_none() -> None:
    """It is refused where it is compiled."""
    with pytest.raises(InvalidObject):
        compile_limits({"a": [container(max={"cpu": "much"})]})


def needs(resources: Any, limits: Limits = NO_LIMITS, kind: str = "containers") -> EffectiveResources:
    """The needs of a container with these resources."""
    value = document()
    value["spec"][kind] = [{"name": "c", "resources": resources}]
    return effective_resources(next(c for c in view(value).containers if c.list_name == kind), limits)


GIVES = compile_limits({"a": [container(default={"cpu": "4"}, default_request={"cpu": "2"})]})


@pytest.mark.parametrize("resources", [None, {}, {"requests": None, "limits": {}}])
def test_nothing_set(resources: Any) -> None:
    """Then only what LimitRanges give arrives."""
    assert needs(resources) == EffectiveResources({}, {})
    given = needs(resources, GIVES)
    assert (given.requests["cpu"].text, given.limits["cpu"].text) == ("2", "4")
    assert given.requests["cpu"].reason is Reason.LIMIT_RANGE


@pytest.mark.parametrize("kind", ["containers", "initContainers", "ephemeralContainers"])
def test_a_limit_without_a_request_is_the_request(kind: str) -> None:
    """`SetDefaults_Pod` runs before the LimitRanger, which then has no request to give."""
    result = needs({"limits": {"cpu": "1"}}, GIVES, kind)
    assert result.requests["cpu"] == (NANO, "1", Reason.REQUEST_EQUALS_LIMIT)
    assert result.limits["cpu"] == (NANO, "1", Reason.AUTHOR)


def test_what_the_author_set_stands() -> None:
    """A LimitRange gives only what is unset, resource by resource, and each side on its own."""
    result = needs({"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}}, GIVES)
    assert {name: amount.text for name, amount in result.requests.items()} == {"cpu": "1", "memory": "1Gi"}
    assert {name: amount.text for name, amount in result.limits.items()} == {"memory": "1Gi", "cpu": "4"}


def test_a_null_amount_is_set_to_zero() -> None:
    """A key with null is a key with the quantity 0 to the API server."""
    assert needs({"requests": {"cpu": None}}, GIVES).requests["cpu"] == (0, None, Reason.AUTHOR)


def test_ephemeral_containers_are_given_nothing() -> None:
    """LimitRanges know regular and init containers."""
    assert needs(None, GIVES, "ephemeralContainers") == EffectiveResources({}, {})
    assert needs(None, GIVES, "initContainers").limits["cpu"].text == "4"


def test_an_invalid_quantity_of_a_pod_names_its_field() -> None:
    """As the API server would name it, also in a template."""
    value = template()
    value["spec"]["template"]["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "many"}}
    with pytest.raises(InvalidObject) as caught:
        effective_resources(view(value).containers[0], NO_LIMITS)
    assert caught.value.field == "spec.template.spec.containers[0].resources.limits"
    assert caught.value.problem == "'many' is not a quantity such as 500m, 1.5 or 128Mi"


@pytest.mark.parametrize(
    ("bound", "value", "request_", "limit", "breaks"),
    [
        # minConstraint: a request is required; request and limit, if any, are at least the minimum
        (Bound.MIN, "1", None, None, True),
        (Bound.MIN, "1", None, "2", True),
        (Bound.MIN, "1", "1", None, False),
        (Bound.MIN, "1", "1000m", "1", False),
        (Bound.MIN, "1", "999m", None, True),
        (Bound.MIN, "1", "1", "999m", True),
        (Bound.MIN, "0", None, None, True),
        (Bound.MIN, "0", "0", None, False),
        # maxConstraint: a limit is required; limit and request, if any, are at most the maximum
        (Bound.MAX, "1", None, None, True),
        (Bound.MAX, "1", "1", None, True),
        (Bound.MAX, "1", None, "1", False),
        (Bound.MAX, "1", "1", "1", False),
        (Bound.MAX, "1", None, "1001m", True),
        (Bound.MAX, "1", "1001m", "1", True),
        (Bound.MAX, "0", "0", "0", False),
        # both are compared in thousandths, rounded up
        (Bound.MIN, "1m", "1n", None, False),
        (Bound.MAX, "1m", None, "1000001n", True),
        (Bound.MAX, "1n", None, "1m", False),
        (Bound.MIN, "1000001n", "1m", None, True),
        (Bound.MIN, "1000001n", "2m", "2m", False),
        # or in whole units, rounded up, where one of them is too large for thousandths
        (Bound.MAX, "9223372036854776", None, "9223372036854775500m", False),
        (Bound.MIN, "1m", "9223372036854776", "1n", False),
        (Bound.MAX, "1500m", "9223372036854776", "1800m", True),
        (Bound.MAX, "9223372036854776", "1", "9223372036854775001m", False),
        (Bound.MIN, "1m", "1n", "9223372036854776", False),
        (Bound.MIN, "1001m", "1", "9223372036854776", True),
        (Bound.MIN, "1001m", "1001m", "9223372036854776", False),
        (Bound.MIN, "1100m", "1200m", "9223372036854775", False),
        (Bound.MIN, "1200m", "1100m", "9223372036854775", True),
        (Bound.MIN, "1200m", "1100m", "9223372036854775001m", False),
        (Bound.MIN, "1200m", "1100m", "9223372036854776", False),
        # limitRequestRatioConstraint: request and limit are required and not 0; at most the ratio
        (Bound.RATIO, "2", None, None, True),
        (Bound.RATIO, "2", "1", None, True),
        (Bound.RATIO, "2", None, "1", True),
        (Bound.RATIO, "2", "0", "0", True),
        (Bound.RATIO, "2", "0", "1", True),
        (Bound.RATIO, "2", "1", "0", True),
        (Bound.RATIO, "2", "1", "2", False),
        (Bound.RATIO, "2", "1", "2001m", True),
        (Bound.RATIO, "1.5", "2", "3", False),
        (Bound.RATIO, "1.5", "2", "3001m", True),
        (Bound.RATIO, "500m", "2", "1", False),
        (Bound.RATIO, "1", "1n", "1m", False),
        # upstream divides in floating point: 161 / 10 * 1000 is a little more than 16100 there
        (Bound.RATIO, "16.1", "10", "161", True),
        (Bound.RATIO, "16.2", "10", "162", False),
        # the ratio itself is rounded up to a thousandth
        (Bound.RATIO, "1.9999", "1", "2", False),
        # in whole units where the ratio itself is too large for thousandths: 100m counts as 1
        (Bound.RATIO, "9300000000000000", "100m", "9000000000000000", False),
    ],
)
def test_constraints(bound: Bound, value: str, request_: str | None, limit: str | None, breaks: bool) -> None:  # noqa: FBT001
    """The three comparisons of the LimitRanger."""
    asked = None if request_ is None else nanos(request_)
    bounded = None if limit is None else nanos(limit)
    assert broken([Constraint(bound, nanos(value))], asked, bounded) == int(breaks)


@pytest.mark.parametrize("bound", Bound)
def test_amounts_beyond_all_numbers(bound: Bound) -> None:
    """They are compared all the same."""
    assert broken([Constraint(bound, nanos("1"))], nanos("1e999"), nanos("1e999")) in (0, 1)
    assert broken([Constraint(bound, nanos("1e999"))], nanos("1"), nanos("1")) in (0, 1)


def test_which_constraints_are_broken() -> None:
    """Each has a bit of its own, by position."""
    constraints = [Constraint(Bound.MIN, 2 * NANO), Constraint(Bound.MAX, NANO), Constraint(Bound.RATIO, NANO)]
    assert broken(constraints, NANO, 2 * NANO) == 0b111
    assert broken(constraints, 2 * NANO, 2 * NANO) == 0b010
    assert broken(constraints, NANO, NANO) == 0b001
    assert broken([], None, None) == 0
