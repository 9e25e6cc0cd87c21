"""LimitRanges, ResourceQuotas and pods with requests and limits, such as an API server takes."""

from __future__ import annotations

import random
from typing import Any, Final

_STEPS: Final = (10, 50, 100, 128, 200, 250, 400, 500, 512, 800, 1000, 1500, 2000, 3000, 4000)
"""In millicores of cpu and in MiB of anything else."""
_RESOURCES: Final = ("cpu", "memory", "ephemeral-storage")
_SCOPES: Final = ("NotBestEffort", "NotBestEffort", "BestEffort", "NotTerminating", "Terminating")


def amount(chance: random.Random, resource: str, step: int) -> str | int | float:
    """One of the spellings of a quantity."""
    if resource == "cpu":
        return chance.choice((f"{step}m", f"{step}e-3", step / 1000, f"{step * 1000}u"))
    return chance.choice((f"{step}Mi", step * 2**20, f"{step * 1024}Ki", str(step * 2**20)))


def _ladder(chance: random.Random, count: int) -> list[int]:
    return sorted(chance.choices(_STEPS, k=count))


def _item(chance: random.Random, kind: str) -> dict[str, Any]:
    """An item that the API server takes: min ≤ defaultRequest ≤ default ≤ max, a ratio of 1 at least."""
    item: dict[str, Any] = {"type": kind}
    for resource in chance.sample(_RESOURCES, chance.choice((1, 1, 1, 2))):
        steps = sorted((chance.choice(_STEPS[:4]), *_ladder(chance, 2), chance.choice(_STEPS[-5:])))
        if kind == "Pod":
            steps[3] = chance.choice(_STEPS[5:])
        for field, step in zip(("min", "defaultRequest", "default", "max"), steps, strict=True):
            likely = {"min": 0.25, "max": 0.4}.get(field, 0.6 if kind == "Container" else 0)
            if chance.random() < likely:
                item.setdefault(field, {})[resource] = amount(chance, resource, step)
        if chance.random() < 0.2 and resource not in item.get("min", ()):  # max/min bounds the ratio
            item.setdefault("maxLimitRequestRatio", {})[resource] = chance.choice(("1", "2", 4, "5.5", "10"))
    return item


def limit_ranges(chance: random.Random, namespace: str) -> list[Any]:
    """No, one or two LimitRanges for a namespace."""
    found = []
    for index in range(chance.choice((0, 1, 1, 1, 1, 2))):
        kinds = chance.sample(("Container", "Pod"), chance.randint(1, 2))
        metadata = {"name": f"limits-{index}", "namespace": namespace}
        spec = {"limits": [_item(chance, kind) for kind in kinds]}
        found.append({"apiVersion": "v1", "kind": "LimitRange", "metadata": metadata, "spec": spec})
    return found


def quota(chance: random.Random, namespace: str) -> Any:
    """A ResourceQuota with a scope, half of them used up."""
    hard = {"pods": chance.choice(("0", "10"))}
    scope = chance.choice(_SCOPES)
    spec: dict[str, Any] = {"hard": hard}
    if chance.random() < 0.5:
        spec["scopes"] = [scope]
    else:
        spec["scopeSelector"] = {"matchExpressions": [{"operator": "Exists", "scopeName": scope}]}
    metadata = {"name": "quota", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": spec}


def pod(chance: random.Random) -> Any:
    """A pod whose containers say much, little or nothing about what they need."""
    spec: dict[str, Any] = {"containers": _containers(chance, "c", chance.randint(1, 3))}
    if chance.random() < 0.35:
        spec["initContainers"] = _containers(chance, "i", chance.randint(1, 2))
        for row in spec["initContainers"]:
            if chance.random() < 0.4:
                row["restartPolicy"] = "Always"
    if chance.random() < 0.06:
        spec["resources"] = {"limits": {"cpu": "20", "memory": "20Gi"}}
    return {"metadata": {"generateName": "p-"}, "spec": spec}


def _containers(chance: random.Random, prefix: str, count: int) -> list[dict[str, Any]]:
    return [{"name": f"{prefix}{index}", "image": "i:1", "resources": _needs(chance)} for index in range(count)]


def _needs(chance: random.Random) -> dict[str, Any]:
    resources: dict[str, Any] = {}
    if chance.random() < 0.3:
        return resources
    for resource in _RESOURCES:
        low, high = _ladder(chance, 2)
        if chance.random() < 0.4:
            resources.setdefault("requests", {})[resource] = amount(chance, resource, low)
        if chance.random() < 0.4:
            resources.setdefault("limits", {})[resource] = amount(chance, resource, high)
    return resources
