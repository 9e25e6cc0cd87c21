"""The pods that workloads make, as their controllers would create them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from patches import Origin, locate


def pods_of(workloads: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """One pod of each workload, called w0, w1, …: its spec, labels and annotations, and nothing else."""
    return [_pod_of(value, f"w{number}") for number, value in enumerate(workloads)]


def _pod_of(workload: dict[str, Any], name: str) -> dict[str, Any]:
    found = locate(workload, Origin.MANIFEST)
    assert found is not None, name
    metadata = found.metadata
    kept = {field: metadata[field] for field in ("labels", "annotations") if metadata.get(field)}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, **kept}, "spec": found.spec}
