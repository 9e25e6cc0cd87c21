"""Policies and namespaces: labels, settings and clusters of all kinds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import msgspec

from patches.policy.configuration import DefaulterConfiguration
from patches.policy.exceptions import ExceptionCompiler, Exceptions
from patches.policy.limits import LimitItem, compile_limits
from patches.policy.namespace import CompiledNamespace
from patches.policy.policy import IDS, USER_RANGE_ANNOTATION, Policy, resolve
from patches.policy.snapshot import RuntimeClass
from patches.standards.levels import NEWEST_MINOR
from tests.patches.build import namespace
from tests.properties.choices import Choices

OURS: Final = "pod-security-defaulter.io/"
PSA: Final = "pod-security.kubernetes.io/"

_LEVELS: Final = ("restricted", "baseline", "restricted", "restricted", "privileged", "nonsense")
_VERSIONS: Final = ("latest", "v1.0", "v1.18", "v1.22", "v1.24", "v1.25", "v1.34", "v1.35", "v1.99", "x")
_CLASSES: Final = {
    "gvisor": RuntimeClass({"a": "b"}, has_overhead=False),
    "overhead": RuntimeClass({}, has_overhead=True),
    "exempt": RuntimeClass({}, has_overhead=False),
}
_CPU: Final = ("100m", "0.5", 1, "2", "0")
_MEMORY: Final = ("128Mi", "64Mi", "1Gi", 1.5e9)


def _amounts(choose: Choices) -> dict[str, Any]:
    found = choose.fields(cpu=_CPU, memory=_MEMORY)
    return {name: value for name, value in found.items() if value is not None}


def item(choose: Choices) -> dict[str, Any]:
    """An item of the setting `resources`."""
    found = {"default": _amounts(choose), "defaultRequest": _amounts(choose)}
    for field in ("min", "max", "maxLimitRequestRatio"):
        if choose.flag(40):
            found[field] = _amounts(choose)
    return found


def _settings(choose: Choices) -> dict[str, Any]:
    special: dict[str, Any] = {
        "automountServiceAccountToken": {"serviceAccounts": choose.one(("default", "all"))},
        "capabilities": {"netBindServiceForLowPorts": choose.flag()},
        "identity": {"runAsUser": choose.one((65532, None)), "fsGroup": choose.one((65532, None))},
        "readOnlyRootFilesystem": {"writableTmp": choose.flag()},
        "resources": {"limits": choose.some(item, 2)} if choose.flag(200) else {},
        "runtimeClassName": {"name": choose.one((*_CLASSES, "absent"))},
        "seccompProfile": choose.one(({}, {"type": "Localhost", "localhostProfile": "p.json"})),
    }
    return {name: {"enabled": choose.flag(216), **special.get(name, {})} for name in IDS}


def policy(choose: Choices) -> Policy:
    """The policy of a namespace in the mode enforce."""
    configuration = msgspec.convert(
        {
            "settings": _settings(choose) if choose.flag(216) else {},
            "target": {"profile": choose.one(("restricted", "restricted", "baseline"))},
            "allowPodSkip": choose.flag(),
            "patchTemplates": True,
            "exemptions": {"runtimeClasses": ["exempt"]},
        },
        DefaulterConfiguration,
    )
    modes = [f"{PSA}{mode}" for mode in ("enforce", "audit", "warn")]
    labels: dict[str, Any] = {}
    for key in (*modes, f"{OURS}profile"):
        if choose.flag(70):
            labels[key] = choose.one(_LEVELS)
        if choose.flag(70):
            labels[f"{key}-version"] = choose.one(_VERSIONS)
    annotations = {}
    if choose.flag(30):
        annotations[f"{OURS}skip"] = choose.one(("", "resources", "runAsNonRoot,allowPrivilegeEscalation"))
    if choose.flag(30):
        annotations[USER_RANGE_ANNOTATION] = "1000660000/10000"
    if choose.flag(60):
        annotations[f"{OURS}runtime-class"] = choose.one((*_CLASSES, "absent", ""))
    return resolve(configuration, labels, annotations, choose.one((NEWEST_MINOR, NEWEST_MINOR, 35, 34)))


def limit_item(choose: Choices, kind: str) -> LimitItem:
    """An item of a LimitRange that the API server accepts: min ≤ defaultRequest ≤ default ≤ max, ratio at least 1."""
    rows: list[dict[str, Any]] = [{}, {}, {}, {}]
    ratios: dict[str, Any] = {}
    for resource, scale, unit in (("cpu", 100, "m"), ("memory", 64, "Mi")):
        steps = sorted(choose.one(range(1, 25)) for _ in rows)
        for place, step in enumerate(steps):
            if (kind == "Container" or place in (0, 3)) and choose.flag(80):
                rows[place][resource] = f"{step * scale}{unit}"
        if choose.flag(50):
            ratios[resource] = choose.one(("1", "1.5", "2", 4, "16.1"))
    least, request, limit, most = rows
    return LimitItem(kind, limit, request, least, most, ratios)


def limit_ranges(choose: Choices) -> dict[str, list[LimitItem]]:
    """The LimitRanges of a namespace, by name: up to two objects with one item of each type at most."""
    return {
        name: [limit_item(choose, kind) for kind in ("Container", "Pod") if choose.flag(170)]
        for name in choose.one((["a"], ["b", "a"], []))
    }


def _exceptions(choose: Choices) -> Exceptions:
    rules = choose.some(
        lambda choose: {
            "defaults": [choose.one(IDS), choose.one(IDS)],
            **choose.one(({"containers": ["?0"]}, {"images": ["i*"]}, {"containers": ["c*"], "images": ["i:1"]})),
            **choose.one(({}, {"namespaces": ["shop"]})),
        },
        3,
    )
    if choose.flag(20):
        rules.append({"namespaces": ["*"], "defaults": [choose.one(IDS)]})
    configuration = msgspec.convert({"exceptions": rules}, DefaulterConfiguration)
    return ExceptionCompiler(configuration.exceptions).compile("shop")


def surroundings(choose: Choices) -> CompiledNamespace:
    """A namespace of a cluster of which in parts perhaps nothing is known, at times with exceptions."""
    automount = choose.one(({}, {}, {"builder": False}, {"default": True}, None))
    found = namespace(
        limits=None if choose.flag(20) else compile_limits(limit_ranges(choose)),
        quota_scopes=choose.one(
            (frozenset(), frozenset(), frozenset({"Terminating"}), frozenset({"BestEffort"}), None)
        ),
        has_quota=choose.flag(),
        automount=automount,
        accounts_known=automount is not None,
        runtime_classes=choose.one((_CLASSES, {})),
        runtime_classes_complete=choose.flag(),
    )
    return replace(found, exceptions=_exceptions(choose)) if choose.flag(80) else found
