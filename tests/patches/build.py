"""Short ways to the pods and policies that these tests talk about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from patches.evaluation import Evaluation, evaluate
from patches.model.pod import Origin
from patches.model.shapes import Json
from patches.policy.configuration import DefaulterConfiguration
from patches.policy.limits import NO_LIMITS, Limits
from patches.policy.namespace import CompiledNamespace
from patches.policy.policy import Policy, resolve
from patches.policy.snapshot import UNKNOWN, Coverage, Objects, RuntimeClass, ServiceAccount
from patches.standards.levels import NEWEST_MINOR
from tests.pods import view

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


def configuration(**parts: Any) -> DefaulterConfiguration:
    """A configuration from its file's parts."""
    return msgspec.convert(parts, DefaulterConfiguration)


def policy(
    labels: dict[str, str | None] | None = None,
    annotations: dict[str, str | None] | None = None,
    server_minor: int = NEWEST_MINOR,
    **parts: Any,
) -> Policy:
    """The policy of a namespace with these labels and annotations."""
    return resolve(configuration(**parts), labels or {}, annotations or {}, server_minor)


def namespace(
    rules: Policy | None = None,
    *,
    name: str = "shop",
    limits: Limits | None = NO_LIMITS,
    quota_scopes: frozenset[str] | None = frozenset(),
    has_quota: bool = False,
    automount: Mapping[str, bool] | None = None,
    accounts_known: bool = True,
    runtime_classes: Mapping[str, RuntimeClass] | None = None,
    runtime_classes_complete: bool = False,
) -> CompiledNamespace:
    """A compiled namespace with this policy, by default empty and without labels. None: it could not be learnt."""
    return CompiledNamespace(
        name=name,
        policy=rules or policy(),
        limits=UNKNOWN if limits is None else limits,
        quota_scopes=UNKNOWN if quota_scopes is None else quota_scopes,
        has_quota=has_quota,
        service_accounts=Objects(
            {account: ServiceAccount(said) for account, said in (automount or {}).items()},
            Coverage.COMPLETE if accounts_known else Coverage.PARTIAL,
        ),
        runtime_classes=Objects(
            dict(runtime_classes or {}), Coverage.COMPLETE if runtime_classes_complete else Coverage.PARTIAL
        ),
    )


def run(
    value: Json,
    rules: Policy | None = None,
    around: CompiledNamespace | None = None,
    *,
    old: Json = None,
    origin: Origin = Origin.ADMISSION,
) -> Evaluation:
    """What the engine makes of a document, by default in a namespace without labels."""
    before = None if old is None else view(old, origin)
    found = around or namespace(rules)
    return evaluate(view(value, origin), found if rules is None else replace(found, policy=rules), old=before)
