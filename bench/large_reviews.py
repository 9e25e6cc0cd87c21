"""Reviews of about 3 MiB, the largest object that an API server takes, each large in its own way.

All but the last three are legal: within the bounds of `patches/model/bounds.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from bench.reviews import review_of

_SIZE: Final = 3 * 2**20
_CONTAINERS: Final = 1_000
_NODES: Final = 499_000  # maps and lists that one review may have
_APP_ARMOR: Final = "container.apparmor.security.beta.kubernetes.io/"
_Container = Callable[[int], dict[str, Any]]


def _pod(
    count: int = 1, container: _Container = lambda _: {}, *, metadata: Mapping[str, Any] | None = None, **spec: Any
) -> dict[str, Any]:
    """A review of a pod with so many containers, filled to its size by the environment of its first one."""
    review = review_of(1)
    pod = review["request"]["object"]
    del pod["metadata"]["managedFields"]
    pod["metadata"] |= metadata or {}
    base = pod["spec"]["containers"][0] | {"ports": []}
    pod["spec"]["containers"] = [base | {"name": f"c{index}"} | container(index) for index in range(count)]
    pod["spec"] |= spec
    missing = _SIZE - len(json.dumps(review, separators=(",", ":")))
    if missing > 0:
        pod["spec"]["containers"][0]["env"] = [{"name": "FILL", "value": "x" * missing}]
    return review


def _bare(count: int) -> dict[str, Any]:
    """A review of a pod with so many containers, which have but names and what an API server adds."""
    review = review_of(1)
    pod = review["request"]["object"]
    del pod["metadata"]["managedFields"]
    pod["spec"]["containers"] = [
        {
            "name": f"c{index}",
            "resources": {},
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
            "imagePullPolicy": "Always",
        }
        for index in range(count)
    ]
    return review


def _named(count: int) -> dict[str, Any]:
    """A review of a pod with so many containers, as short as a file has them."""
    review = review_of(1)
    review["request"]["object"]["spec"]["containers"] = [{"name": f"c{index}", "image": "i"} for index in range(count)]
    return review


def _forbidden(count: int) -> dict[str, Any]:
    """A review of a pod with so many privileged containers, of each of which an edit is told."""
    review = review_of(1)
    containers = [{"name": f"c{index}", "securityContext": {"privileged": True}} for index in range(count)]
    review["request"]["object"]["spec"]["containers"] = containers
    return review


def _update() -> dict[str, Any]:
    """A debug session in a pod of 3 MiB: the review has it twice."""
    review = _pod(_CONTAINERS)
    request = review["request"]
    old = json.loads(json.dumps(request["object"]))
    request |= {"operation": "UPDATE", "subResource": "ephemeralcontainers", "oldObject": old}
    del request["object"]["spec"]["containers"][-1]
    request["object"]["spec"]["ephemeralContainers"] = [{"name": "debug", "image": "busybox"}]
    return review


def _nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


def _managed(value: Any) -> dict[str, Any]:
    return {"managedFields": [{"manager": "x", "operation": "Update", "fieldsV1": {"f:metadata": value}}]}


def _capabilities(index: int) -> dict[str, Any]:
    names = [f"C{index}-{number}".ljust(300, "x") for number in range(10)]
    return {"securityContext": {"capabilities": {"add": names}}}


def _resources(index: int) -> dict[str, Any]:
    return {"resources": {"limits": {f"r{number}": f"{index}{number}m" for number in range(10)}}}


def _mounts(_: int) -> dict[str, Any]:
    return {"volumeMounts": [{"name": "a", "mountPath": "/" + "m" * 250}] * 10}


def _ports(_: int) -> dict[str, Any]:
    return {"ports": [{"containerPort": 1, "hostPort": number + 1} for number in range(65)]}


def _volume(index: int) -> dict[str, Any]:
    return {"name": f"{index}".ljust(3_000, "v"), "hostPath": {"path": "/"}}


def _annotated(annotations: Mapping[str, str]) -> dict[str, Any]:
    return _pod(metadata={"annotations": {_APP_ARMOR + name: value for name, value in annotations.items()}})


KINDS: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {
    "containers": lambda: _pod(_CONTAINERS),
    "names": lambda: _pod(_CONTAINERS, lambda index: {"name": f"{index}".ljust(2_900, "n")}),
    "capabilities": lambda: _pod(_CONTAINERS, _capabilities),
    "env": lambda: _pod(_CONTAINERS, lambda _: {"env": [{"name": "A", "value": "1"}] * 110}),
    "volume mounts": lambda: _pod(_CONTAINERS, _mounts),
    "ports": lambda: _pod(_CONTAINERS, _ports),
    "requests and limits": lambda: _pod(_CONTAINERS, _resources),
    "sums of a LimitRange": lambda: _pod(256),
    "volumes": lambda: _pod(volumes=[_volume(index) for index in range(1_000)]),
    "annotations": lambda: _annotated({f"{index}": '\u0001"' * 180 for index in range(2_000)}),
    "one long annotation": lambda: _annotated({"c0": '"' * (_SIZE // 2 - 1_000)}),
    "managed fields": lambda: _pod(metadata=_managed({f"f:{index}": 0 for index in range(280_000)})),
    "lists": lambda: _pod(metadata=_managed([[]] * _NODES)),
    "maps": lambda: _pod(tolerations=[{}] * _NODES),
    "nested lists": lambda: _pod(metadata=_managed([_nested(400)] * (_NODES // 401))),
    "numbers": lambda: _pod(metadata=_managed([300] * 785_000)),
    "texts": lambda: _pod(1, lambda _: {"args": ["a"] * 785_000}),
    "an update": _update,
    "just below large": lambda: _bare(119),
    "32 edits": lambda: _forbidden(32),
    "60,000 containers": lambda: _named(60_000),
    "35,000 annotations": lambda: _annotated({f"c{index}": "x" for index in range(35_000)}),
    "more than the limit": lambda: _bare(60_000),
}
"""By name: what a review is full of. The last three are refused."""
