"""What is said of a configuration that is valid: limits far above the requests beside them."""

from __future__ import annotations

from typing import Any

import pytest

from patches.policy.configuration_warnings import configuration_warnings
from tests.patches.build import configuration
from tests.shared_data import ROOT
from webhook.configuration.reader import read_configuration

_WHY = "; an autoscaler that keeps the ratio raises the limit with the request"


def _warnings(*items: dict[str, Any], **settings: Any) -> tuple[str, ...]:
    return configuration_warnings(configuration(settings={"resources": {"limits": items, **settings}}))


@pytest.mark.parametrize(
    ("items", "said"),
    [
        # case 49 of public reports
        (
            [{"default": {"cpu": "1"}, "defaultRequest": {"cpu": "10m"}}],
            ["[0]: limit cpu 1 is 100 times its request 10m"],
        ),
        # the item is named by its index, the ratio to two digits
        (
            [{"min": {"cpu": "1m"}}, {"default": {"memory": "1Gi"}, "defaultRequest": {"memory": "96Mi"}}],
            ["[1]: limit memory 1Gi is 10.66 times its request 96Mi"],
        ),
        # quantities are compared by value
        (
            [{"default": {"cpu": 2.5, "memory": "1e3"}, "defaultRequest": {"cpu": "0.2", "memory": 10}}],
            ["[0]: limit cpu 2.5 is 12.5 times its request 0.2", "[0]: limit memory 1e3 is 100 times its request 10"],
        ),
        # the first item with a value gives it, so the two may come from different items
        (
            [{"default": {"cpu": "4"}}, {"default": {"cpu": "1"}, "defaultRequest": {"cpu": "100m"}}],
            ["[0]: limit cpu 4 is 40 times its request 100m"],
        ),
        (
            [{"defaultRequest": {"cpu": "1"}}, {"default": {"cpu": "4"}, "defaultRequest": {"cpu": "100m"}}],
            [],
        ),
        # ten times is not more than ten times
        ([{"default": {"cpu": "1"}, "defaultRequest": {"cpu": "100m"}}], []),
        # a limit alone becomes the request; a request of 0 keeps no ratio
        ([{"default": {"cpu": "64"}}], []),
        ([{"default": {"cpu": "64"}, "defaultRequest": {"cpu": 0}}], []),
        ([{"default": {"cpu": "64"}, "defaultRequest": {"memory": "1Mi"}}], []),
        # autoscalers scale no storage
        ([{"default": {"ephemeral-storage": "2Gi"}, "defaultRequest": {"ephemeral-storage": "1Mi"}}], []),
        ([], []),
    ],
)
def test_limits_far_above_their_requests(items: list[dict[str, Any]], said: list[str]) -> None:
    """Each names item, resource, limit, ratio and request, and why it matters."""
    assert _warnings(*items) == tuple(f"settings.resources.limits{row}{_WHY}" for row in said)


def test_nothing_is_said_of_a_default_that_is_off() -> None:
    """Its items are never used."""
    assert _warnings({"default": {"cpu": "1"}, "defaultRequest": {"cpu": "10m"}}, enabled=False) == ()


def test_a_ratio_beyond_all_numbers() -> None:
    """Whatever a quantity can say is printed, never a failure."""
    (warning,) = _warnings({"default": {"cpu": "1e999"}, "defaultRequest": {"cpu": "1n"}})
    assert f" is 1{'0' * 1008} times its request 1n;" in warning


def test_what_we_ship() -> None:
    """Neither the configuration out of the box nor that of the component `fortress` gives a warning."""
    assert configuration_warnings(configuration()) == ()
    fortress = ROOT / "manifests" / "components" / "fortress" / "30-fortress.yaml"
    shipped = read_configuration(fortress.read_bytes(), fortress.name)
    assert shipped.settings.resources.limits[0].default["cpu"] == "1"
    assert configuration_warnings(shipped) == ()
