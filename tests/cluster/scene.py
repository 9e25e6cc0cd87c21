"""One server in front of the namespaces of the facts, and both ways into them: without us and with us."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from patches.policy.policy import PSA_PREFIX, RUNTIME_CLASS_ANNOTATION
from tests.cluster.client import Answer, pods
from tests.cluster.control_plane import ControlPlane
from tests.cluster.webhooks import JUDGED, defaulter, namespace

LIMIT: Final = "512Mi"
_SETTINGS: Final[dict[str, Any]] = {
    "imagePullPolicy": {"enabled": True},
    "readOnlyRootFilesystem": {"enabled": True, "writableTmp": True},
    "resources": {
        "limits": [
            {"type": "Container", "defaultRequest": {"cpu": "100m", "memory": "128Mi"}, "default": {"memory": LIMIT}}
        ]
    },
}
_LIMIT_RANGE: Final = {"type": "Pod", "max": {"memory": "300Mi"}}


class Scene(NamedTuple):
    """The namespaces `NAME`, `NAME-restricted` and so on, and what happens in them."""

    plane: ControlPlane
    name: str
    webhook: str

    def pods(self, suffix: str = "") -> str:
        """The path of the pods of one of the namespaces."""
        return pods(self.name + suffix)

    def without(self, spec: Any, suffix: str = "", **metadata: Any) -> Answer:
        """Create a pod (dry run) past our webhook."""
        return self.plane.bypassing.create(self.pods(suffix), pod(spec, **metadata), dry_run=True)

    def patched(self, spec: Any, suffix: str = "", **metadata: Any) -> Answer:
        """Create a pod (dry run) through our webhook."""
        return self.plane.admin.create(self.pods(suffix), pod(spec, **metadata), dry_run=True)

    def accepted(self, spec: Any, suffix: str = "", **metadata: Any) -> Any:
        """The spec of a pod that is accepted with us."""
        answer = self.patched(spec, suffix, **metadata)
        assert answer.ok, answer.message
        return answer.body["spec"]

    def skips(self, spec: Any, suffix: str = "", **metadata: Any) -> list[str]:
        """What is left out of a pod that is accepted with us, as `id:reason`."""
        answer = self.patched(spec, suffix, **metadata)
        assert answer.ok, answer.message
        return self.plane.audit.annotations(answer.audit_id).get(f"{self.webhook}/skipped", "").split(",")

    def applied(self, answer: Answer) -> str:
        """What was added, by the audit log."""
        return self.plane.audit.annotations(answer.audit_id).get(f"{self.webhook}/applied", "")


def pod(spec: Any, **metadata: Any) -> Any:
    """A pod with a generated name; one bare container unless the spec has its own."""
    return {"metadata": {"generateName": "p-", **metadata}, "spec": {"containers": [container()], **spec}}


def container(name: str = "c", **fields: Any) -> Any:
    """A container that says no more than it must."""
    return {"name": name, "image": "i:1", **fields}


@contextmanager
def scene(plane: ControlPlane, directory: Path, name: str) -> Iterator[Scene]:
    """Serve and register, for pod updates as well, as the webhooks whose samples people copy."""
    restricted = {PSA_PREFIX + "enforce": "restricted"}
    objects = [
        namespace(name),
        namespace(f"{name}-restricted", restricted),
        namespace(f"{name}-absent", annotations={RUNTIME_CLASS_ANNOTATION: "absent"}),
        namespace(f"{name}-elsewhere", annotations={RUNTIME_CLASS_ANNOTATION: "elsewhere"}),
        _runtime_class("elsewhere", scheduling={"nodeSelector": {"where": "elsewhere"}}),
        namespace(f"{name}-limits"),
        _object("LimitRange", f"{name}-limits", {"limits": [_LIMIT_RANGE]}),
        namespace(f"{name}-quota"),
        _object("ResourceQuota", f"{name}-quota", {"hard": {"pods": "0"}, "scopes": ["NotBestEffort"]}),
    ]
    config = {"settings": _SETTINGS}
    with defaulter(plane, directory, name, objects=objects, config=config, rules=JUDGED) as webhook:
        yield Scene(plane, name, webhook)


def _object(kind: str, namespace: str, spec: Any) -> Any:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "one", "namespace": namespace}, "spec": spec}


def _runtime_class(name: str, **fields: Any) -> Any:
    metadata = {"name": name}
    return {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": metadata, "handler": "h", **fields}
