"""Short ways to the pods and policies that these tests talk about."""

from __future__ import annotations

from typing import Any

import msgspec

from patches.evaluation import Outcome, mutate
from patches.model.pod import Origin, Pod, locate
from patches.model.shapes import Json
from patches.policy.configuration import DefaulterConfiguration
from patches.policy.policy import Policy, resolve
from patches.policy.snapshot import Facts
from patches.standards.levels import NEWEST_MINOR

OURS = "pod-security-defaulter.io/"
PSA = "pod-security.kubernetes.io/"


def document(*containers: dict[str, Any], metadata: Json = None, **spec: Any) -> Json:
    """A Pod with these containers (a bare one where none is given) and these fields of the spec."""
    named = [{"name": f"c{index}", **container} for index, container in enumerate(containers or ({},))]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata or {"name": "p"},
        "spec": {"containers": named, **spec},
    }


def template(kind: str = "Deployment", api_version: str = "apps/v1", metadata: Json = None, **spec: Any) -> Json:
    """A controller whose template has one bare container."""
    node = {"spec": {"containers": [{"name": "c0"}], **spec}}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata or {"name": "d"}, "spec": {"template": node}}


def view(value: Json, origin: Origin = Origin.ADMISSION) -> Pod:
    """The pod in a document that has one."""
    pod = locate(value, origin)
    assert pod is not None
    return pod


def configuration(**parts: Any) -> DefaulterConfiguration:
    """A configuration from its file's parts."""
    return msgspec.convert(parts, DefaulterConfiguration)


def policy(
    labels: dict[str, str | None] | None = None,
    annotations: dict[str, str | None] | None = None,
    newest: int = NEWEST_MINOR,
    **parts: Any,
) -> Policy:
    """The policy of a namespace with these labels and annotations."""
    return resolve(configuration(**parts), labels or {}, annotations or {}, newest)


def run(
    value: Json,
    rules: Policy | None = None,
    facts: Facts | None = None,
    *,
    old: Json = None,
    origin: Origin = Origin.ADMISSION,
) -> Outcome:
    """What the engine makes of a document, by default in a namespace without labels."""
    before = None if old is None else view(old, origin)
    return mutate(view(value, origin), before, rules or policy(), facts or Facts())
