"""Finds what an operator should know about a configuration that is valid: limits far above their requests."""

from __future__ import annotations

from typing import Final

from patches.model.quantities import nanos
from patches.model.shapes import Quantity
from patches.policy.configuration import DefaulterConfiguration

_FARTHEST: Final = 10
"""How many times its request a limit may be without a warning."""
_SCALED: Final = ("cpu", "memory")
"""The resources that an autoscaler of pods scales."""


def configuration_warnings(configuration: DefaulterConfiguration) -> tuple[str, ...]:
    """Return a line for each limit on cpu or memory that is more than ten times the request beside it.

    An autoscaler that keeps the ratio, as the VerticalPodAutoscaler does, raises such a limit with each request that it
    recommends. Of several items the first that has a value gives it, so limit and request may come from two.
    """
    settings = configuration.settings.resources
    if not settings.enabled:
        return ()
    limits: dict[str, tuple[int, Quantity]] = {}
    requests: dict[str, Quantity] = {}
    for index, item in reversed(tuple(enumerate(settings.limits))):
        limits |= {name: (index, limit) for name, limit in item.default.items()}
        requests |= item.default_request
    warnings = []
    for name in _SCALED:
        index, limit = limits.get(name, (0, None))
        request = requests.get(name)
        if nanos(limit) > _FARTHEST * nanos(request) > 0:
            warnings.append(
                f"settings.resources.limits[{index}]: limit {name} {limit} is {_ratio(nanos(limit), nanos(request))} "
                f"times its request {request}; an autoscaler that keeps the ratio raises the limit with the request"
            )
    return tuple(warnings)


def _ratio(limit: int, request: int) -> str:
    whole, hundredths = divmod(limit * 100 // request, 100)
    return f"{whole}.{hundredths:02}".rstrip("0").removesuffix(".")
