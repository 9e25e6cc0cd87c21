"""Asks the API server whether a field stands on a pod and not in what its controller is made of.

Anyone can write our annotation on a pod of theirs. So a default is blamed only where its field stands on the pod, the
pod's controller exists, and the template of that controller lacks the field.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec

from patches import DEFAULTS, Owner, PodState, Suspicion
from webhook.cluster.api import ClusterClient
from webhook.errors import ClusterError
from webhook.observer.pods import read_pod

_COLLECTIONS: Final = {
    ("apps/v1", "ReplicaSet"): "/apis/apps/v1/namespaces/{}/replicasets/",
    ("apps/v1", "StatefulSet"): "/apis/apps/v1/namespaces/{}/statefulsets/",
    ("apps/v1", "DaemonSet"): "/apis/apps/v1/namespaces/{}/daemonsets/",
    ("batch/v1", "Job"): "/apis/batch/v1/namespaces/{}/jobs/",
    ("v1", "ReplicationController"): "/api/v1/namespaces/{}/replicationcontrollers/",
}
"""The controllers whose templates are known."""
_FIELDS: Final = {default.id: default.fields for default in DEFAULTS}


class Evidence(NamedTuple):
    """What stands against a default.

    Attributes:
        resource_version: of the pod, when it was looked at.
        pending: whether none of its containers has ever run its program.
    """

    resource_version: str
    pending: bool


async def find_evidence(client: ClusterClient, pod: PodState, suspicion: Suspicion) -> Evidence | None:
    """Look at a pod and its controller.

    Returns:
        None if the default is not to blame: the pod or its controller is gone or another, the field does not stand on
        the pod, or it stands in the template too. None as well for a controller of another kind, or without one.

    Raises:
        ClusterError: if the API server does not answer, or refuses.
    """
    if pod.owner is None or (pod.owner.api_version, pod.owner.kind) not in _COLLECTIONS:
        return None
    text = await _get(client, f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}")
    found = _decode(text, pod.uid)
    template = await find_template(client, pod.namespace, pod.owner)
    if found is None or template is None or not _is_ours(found["metadata"], pod.owner):
        return None
    if not _differs(suspicion, found["spec"], template):
        return None
    now = read_pod(text, datetime.now(UTC))
    return Evidence(found["metadata"]["resourceVersion"], not any(row.ran for row in now.containers))


async def find_template(client: ClusterClient, namespace: str, owner: Owner) -> dict[str, Any] | None:
    """Return the spec of a controller's pods as its template has it; None if it is gone, another, or of another kind.

    Raises:
        ClusterError: if the API server does not answer, or refuses.
    """
    collection = _COLLECTIONS.get((owner.api_version, owner.kind))
    if collection is None:
        return None
    found = _decode(await _get(client, f"{collection.format(namespace)}{owner.name}"), owner.uid)
    return None if found is None else ((found.get("spec") or {}).get("template") or {}).get("spec") or {}


async def _get(client: ClusterClient, path: str) -> bytes:
    """Return an object's JSON; empty if it does not exist."""
    try:
        return await client.get(path)
    except ClusterError as error:
        if error.not_found:
            return b""
        raise


def _decode(text: bytes, uid: str) -> dict[str, Any] | None:
    """Decode an object; None if there is none, or another of its name."""
    found: dict[str, Any] | None = msgspec.json.decode(text) if text else None
    return found if found is not None and found["metadata"]["uid"] == uid else None


def _is_ours(metadata: dict[str, Any], owner: Owner) -> bool:
    return any(row.get("controller") and row.get("uid") == owner.uid for row in metadata.get("ownerReferences") or ())


def _differs(suspicion: Suspicion, pod: dict[str, Any], template: dict[str, Any]) -> bool:
    """Whether one of the default's fields is set on the pod or the container and not in the template."""
    containers = _container(pod, suspicion.container), _container(template, suspicion.container)
    if containers[1] is None:  # an injected container: its fields are another webhook's
        return False
    for name in _FIELDS.get(suspicion.default, ()):
        field = name.removeprefix("container.")
        own, written = containers if field != name else (pod, template)
        if _added(_value(own, field.removesuffix(".*")), _value(written, field.removesuffix(".*"))):
            return True
    return False


def _added(own: Any, written: Any) -> bool:
    """Whether a value has something that the template lacks."""
    if isinstance(own, dict) and isinstance(written, dict):
        return not own.keys() <= written.keys()
    return own is not None and written is None


def _container(spec: dict[str, Any], name: str) -> dict[str, Any] | None:
    for key in ("containers", "initContainers"):
        for row in spec.get(key) or ():
            if row.get("name") == name:
                found: dict[str, Any] = row
                return found
    return None


def _value(value: Any, field: str) -> Any:
    for part in field.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
