"""One workload of each kind, as people write them: nothing is said of security or resources."""

from __future__ import annotations

from typing import Any, Final

REPLICAS: Final = {"Deployment": 2, "StatefulSet": 2, "DaemonSet": 1, "Job": 2, "CronJob": 1}
"""How many pods each is to have, the DaemonSet on one node."""


def manifests() -> list[Any]:
    """The workloads of REPLICAS, each named as its kind."""
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    once = _template("CronJob", "Never")
    return [
        _workload("apps/v1", "Deployment", replicas=2, selector=_selector("Deployment")),
        _workload(
            "apps/v1",
            "StatefulSet",
            replicas=2,
            selector=_selector("StatefulSet"),
            serviceName="statefulset",
            podManagementPolicy="Parallel",  # nothing runs here, so the second would wait for the first
            volumeClaimTemplates=[claim],
        ),
        _workload("apps/v1", "DaemonSet", selector=_selector("DaemonSet")),
        _workload("batch/v1", "Job", template=_template("Job", "Never"), parallelism=2, completions=2),
        _workload(
            "batch/v1",
            "CronJob",
            template=None,
            schedule="0 0 1 1 *",
            concurrencyPolicy="Forbid",
            jobTemplate={"spec": {"template": once}},
        ),
    ]


def _selector(kind: str) -> Any:
    return {"matchLabels": {"workload": kind}}


def _template(kind: str, restart: str) -> Any:
    spec = {"restartPolicy": restart, "containers": [{"name": "c", "image": "i:1"}]}
    return {"metadata": {"labels": {"workload": kind}}, "spec": spec}


def _workload(version: str, kind: str, **spec: Any) -> Any:
    spec = {"template": _template(kind, "Always"), **spec}
    if spec["template"] is None:
        del spec["template"]
    return {"apiVersion": version, "kind": kind, "metadata": {"name": kind.lower()}, "spec": spec}
