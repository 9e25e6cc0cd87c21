"""Finds what may be a pod template in objects of kinds that nobody configured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

from patches import kind_of
from webhook.scan.results import Unjudged

_DEEPEST: Final = 12
_PATTERNS: Final = (
    "admissionregistration.k8s.io",
    "admission.k8s.io",
    "apiextensions.k8s.io",
    "kyverno.io",
    "gatekeeper.sh",
    "kustomize.config.k8s.io",
)
"""Groups, and their subgroups, of objects that describe pods and make none: policies, definitions, reviews."""


def find_templates(value: Any) -> list[str]:
    """The paths of what looks like a pod template, as `templates` of the configuration writes them, each once."""
    group, _ = kind_of(value)
    if any(group == pattern or group.endswith(f".{pattern}") for pattern in _PATTERNS):
        return []
    return list(dict.fromkeys(_walk(value, "", _DEEPEST)))


class UnjudgedKinds:
    """Counts objects whose pods are not judged."""

    def __init__(self) -> None:
        """Start without any."""
        self._counts: Counter[tuple[str, str]] = Counter()
        self._paths: dict[tuple[str, str], dict[str, None]] = {}

    def add(self, value: Any, paths: Iterable[str]) -> None:
        """Count an object."""
        kind = kind_of(value)
        self._counts[kind] += 1
        self._paths.setdefault(kind, {}).update(dict.fromkeys(paths))

    def rows(self) -> list[Unjudged]:
        """What was counted, by group and kind."""
        return [Unjudged(*kind, count, list(self._paths[kind])) for kind, count in sorted(self._counts.items())]


def _walk(node: Any, path: str, depth: int) -> Iterator[str]:
    if not isinstance(node, dict) or not depth:
        return
    if path and _is_pod_spec(node.get("spec")):
        yield path
        return
    for key, child in node.items():
        below = f"{path}.{key}" if path else str(key)
        if isinstance(child, list):
            for item in child:
                yield from _walk(item, f"{below}[]", depth - 1)
        else:
            yield from _walk(child, below, depth - 1)


def _is_pod_spec(value: Any) -> bool:
    containers = value.get("containers") if isinstance(value, dict) else None
    return isinstance(containers, list) and any(isinstance(row, dict) and "image" in row for row in containers)
