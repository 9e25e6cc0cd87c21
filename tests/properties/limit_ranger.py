"""The API server's rules on resources once more, with fractions: another way to the same answers as the engine's.

Written from the LimitRanger admission plugin and `core/v1` defaulting and validation of Kubernetes 1.36. It shares no
code with `patches`, so that an error in one is no error in the other.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

from patches.policy.limits import LimitItem

SUFFIXES: Final[dict[str, int | Fraction]] = {
    "": 1,
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    "M": 10**6,
    "Mi": 2**20,
    "Gi": 2**30,
}
Amounts = dict[str, Fraction]


def value(quantity: Any) -> Fraction:
    """What a quantity means, of the spellings that these tests use."""
    if quantity is None:
        return Fraction(0)
    match = re.fullmatch(r"([0-9.]+(?:e[0-9]+)?)([A-Za-z]*)", str(quantity))
    assert match is not None, quantity
    return Fraction(match[1]) * SUFFIXES[match[2]]


def admit(document: Any, limit_ranges: Mapping[str, Sequence[LimitItem]]) -> Any:
    """The pod after `core/v1` defaulting and the LimitRanger's own, objects by name."""
    pod = copy.deepcopy(document)
    for container in each_container(pod):
        resources = container["resources"] = container.get("resources") or {}
        limits = resources["limits"] = resources.get("limits") or {}
        requests = resources["requests"] = resources.get("requests") or {}
        for name in limits:
            requests.setdefault(name, limits[name])
        for _, items in sorted(limit_ranges.items()):
            for item in items:
                if item.type == "Container":
                    default = {**item.max, **item.default}
                    request = {**item.min, **default, **item.default_request}
                    resources["limits"] = limits = {**default, **limits}
                    resources["requests"] = requests = {**request, **requests}
    return pod


def refusals(pod: Any, limit_ranges: Mapping[str, Sequence[LimitItem]]) -> list[str]:
    """Why the API server refuses a pod whose defaults are in; empty where it accepts it."""
    found = []
    for container in each_container(pod):
        requests, limits = amounts(container, "requests"), amounts(container, "limits")
        found += [
            f"{container['name']}: the request of {name} is above its limit"
            for name in requests
            if name in limits and requests[name] > limits[name]
        ]
    for items in limit_ranges.values():
        for item in items:
            if item.type == "Container":
                for container in each_container(pod):
                    found += broken(item, amounts(container, "requests"), amounts(container, "limits"))
            elif item.type == "Pod":
                found += broken(item, pod_amounts(pod, "requests"), pod_amounts(pod, "limits"))
    return found


def each_container(pod: Any) -> list[Any]:
    """Init and regular containers."""
    return [*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]]


def amounts(holder: Any, side: str) -> Amounts:
    """The requests or limits of a container or pod."""
    return {name: value(quantity) for name, quantity in ((holder.get("resources") or {}).get(side) or {}).items()}


def pod_amounts(pod: Any, side: str) -> Amounts:
    """The sums of a pod: regular containers and sidecars together, or an init container and the sidecars before it."""
    total: Amounts = {}
    sidecars: Amounts = {}
    peaks: list[Amounts] = []
    for container in pod["spec"].get("initContainers") or ():
        own = amounts(container, side)
        if container.get("restartPolicy") == "Always":
            total, sidecars = plus(total, own), plus(sidecars, own)
            peaks.append(sidecars)
        else:
            peaks.append(plus(sidecars, own))
    for container in pod["spec"]["containers"]:
        total = plus(total, amounts(container, side))
    for peak in peaks:
        total = {
            name: max(total.get(name, peak.get(name, Fraction(0))), peak.get(name, Fraction(0)))
            for name in {*total, *peak}
        }
    return {**total, **{name: own for name, own in amounts(pod["spec"], side).items() if name in ("cpu", "memory")}}


def plus(left: Amounts, right: Amounts) -> Amounts:
    """The sum, resource by resource."""
    return {name: left.get(name, Fraction(0)) + right.get(name, Fraction(0)) for name in {*left, *right}}


def broken(item: LimitItem, requests: Amounts, limits: Amounts) -> list[str]:
    """The bounds of an item that these amounts break, in thousandths as upstream compares."""
    found = []
    for name, bound in item.min.items():
        sides = [requests.get(name), limits.get(name, value(bound))]
        if any(side is None or milli(side) < milli(value(bound)) for side in sides):
            found.append(f"{item.type} min {name}")
    for name, bound in item.max.items():
        sides = [limits.get(name), requests.get(name, Fraction(0))]
        if any(side is None or milli(side) > milli(value(bound)) for side in sides):
            found.append(f"{item.type} max {name}")
    for name, bound in item.max_limit_request_ratio.items():
        request, limit = milli(requests.get(name, Fraction(0))), milli(limits.get(name, Fraction(0)))
        if not request or not limit or float(limit) / float(request) * 1000 > milli(value(bound)):
            found.append(f"{item.type} ratio {name}")
    return found


def milli(amount: Fraction) -> int:
    """In thousandths, rounded up."""
    return math.ceil(amount * 1000)
