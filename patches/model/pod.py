"""The pod inside a document, and the one visitor of its containers.

A Pod and the pod template of a controller look alike from here: `prefix` is where the template sits, and every path is
a JSON Pointer (RFC 6901) rooted at the document. Nothing else in the package builds paths to containers.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Final, Literal, NamedTuple

from patches.errors import InvalidObject
from patches.model.bounds import check_bounds
from patches.model.shapes import (
    Container,
    Json,
    ObjectMeta,
    PodSecurityContext,
    PodSpec,
    SecurityContext,
    StringMap,
    check_claims,
    check_shape,
)

ContainerList = Literal["initContainers", "containers", "ephemeralContainers"]

CONTAINER_LISTS: Final[tuple[ContainerList, ...]] = ("initContainers", "containers", "ephemeralContainers")
"""The lists of containers in the order in which upstream visits them."""

TEMPLATES: Final = {
    ("", "Pod"): (),
    ("", "PodTemplate"): ("template",),
    ("", "ReplicationController"): ("spec", "template"),
    ("apps", "DaemonSet"): ("spec", "template"),
    ("apps", "Deployment"): ("spec", "template"),
    ("apps", "ReplicaSet"): ("spec", "template"),
    ("apps", "StatefulSet"): ("spec", "template"),
    ("batch", "CronJob"): ("spec", "jobTemplate", "spec", "template"),
    ("batch", "Job"): ("spec", "template"),
    ("extensions", "DaemonSet"): ("spec", "template"),  # no longer served, and still in many manifests
    ("extensions", "Deployment"): ("spec", "template"),
    ("extensions", "ReplicaSet"): ("spec", "template"),
}
"""Where each (API group, kind) keeps its pod template."""

IMMUTABLE_TEMPLATES: Final = frozenset({"Job"})
"""The kinds whose pod template an update may not change; all others of TEMPLATES may, each time.

Of a suspended Job an update may change where its pods run and, in newer API servers, their resources, never their
security. Source: `validatePodTemplateUpdate` of `batch/v1` Job, and the validation of updates of the other kinds.
"""


class Origin(StrEnum):
    """How a document reached us, which decides what "unset" can mean in it."""

    ADMISSION = "admission"
    """From an API server: its defaulting and its in-tree plugins have run."""
    MANIFEST = "manifest"
    """From a file or a person: nothing has run yet."""


class ContainerView(NamedTuple):
    """One container with its place in the document."""

    list_name: ContainerList
    position: int
    path: str
    name: str
    value: Container
    security: SecurityContext

    def is_placeholder(self, images: Collection[str]) -> bool:
        """Whether its image is one of these, and an injector fills it in: none does with an ephemeral container."""
        return self.value.get("image") in images and self.list_name != "ephemeralContainers"


_STATEFUL_SET: Final = "StatefulSet"
OS_LABELS: Final = ("kubernetes.io/os", "beta.kubernetes.io/os")
_NO_METADATA: Final[ObjectMeta] = {}
_NO_SPEC: Final[PodSpec] = {}
_NO_POD_SECURITY: Final[PodSecurityContext] = {}
_NO_SECURITY: Final[SecurityContext] = {}
_NO_ANNOTATIONS: Final[StringMap] = {}


class Pod:
    """A pod or pod template inside its document. Read-only: `view` gives one of a patched document."""

    __slots__ = (
        "annotations",
        "containers",
        "document",
        "kind",
        "metadata",
        "origin",
        "prefix",
        "security",
        "spec",
        "spec_path",
    )

    def __init__(self, document: Json, prefix: str, kind: str, origin: Origin) -> None:
        """View `document`, whose shape has been checked, at `prefix` ("" for a Pod)."""
        node = follow(document, prefix)
        self.document = document
        self.prefix = prefix
        self.kind = kind
        self.origin = origin
        self.metadata: ObjectMeta = node.get("metadata") or _NO_METADATA
        self.spec: PodSpec = node.get("spec") or _NO_SPEC
        self.security: PodSecurityContext = self.spec.get("securityContext") or _NO_POD_SECURITY
        self.annotations: StringMap = self.metadata.get("annotations") or _NO_ANNOTATIONS
        self.spec_path = spec_path = f"{prefix}/spec"  # the JSON Pointer of the pod spec
        spec = self.spec
        self.containers: list[ContainerView] = [
            ContainerView(
                name,
                position,
                f"{spec_path}/{name}/{position}",
                value.get("name") or "",  # Knative's may leave it out
                value,
                value.get("securityContext") or _NO_SECURITY,
            )
            for name in CONTAINER_LISTS
            for position, value in enumerate(spec.get(name) or ())
        ]

    @property
    def windows(self) -> bool:
        """Whether `spec.os.name` says windows, which forbids the Linux fields (validation of `core/v1` PodSpec)."""
        return (self.spec.get("os") or {}).get("name") == "windows"

    @property
    def selects_windows(self) -> bool:
        """Whether the nodeSelector says Windows, which real manifests write without `os`."""
        selector = self.spec.get("nodeSelector") or _NO_ANNOTATIONS
        return {selector[key] for key in OS_LABELS if key in selector} == {"windows"}

    @property
    def for_windows(self) -> bool:
        """Whether the pod runs on Windows nodes, by its `os` or by its nodeSelector."""
        return self.windows or (self.selects_windows and not self.spec.get("os"))

    @property
    def object_metadata(self) -> ObjectMeta:
        """The metadata of the whole document: for a template, those of its controller."""
        return self.document.get("metadata") or _NO_METADATA

    @property
    def owner(self) -> str:
        """The controller that owns the document, as `Kind/name`; "" for none."""
        for owner in self.object_metadata.get("ownerReferences") or ():
            if owner.get("controller"):
                return f"{owner.get('kind') or ''}/{owner.get('name') or ''}"
        return ""

    @property
    def is_template(self) -> bool:
        """Whether this is the template of a controller and not a pod itself."""
        return self.prefix != ""

    @property
    def host_namespaces(self) -> bool:
        """Whether the pod shares a namespace of its host: network, PID or IPC."""
        spec = self.spec
        return bool(spec.get("hostNetwork") or spec.get("hostPID") or spec.get("hostIPC"))

    @property
    def claim_names(self) -> frozenset[str]:
        """The names of the volumes that a StatefulSet gives each of its pods, by its `volumeClaimTemplates`."""
        if self.kind != _STATEFUL_SET:
            return frozenset()
        templates = self.document["spec"].get("volumeClaimTemplates") or ()
        return frozenset((template.get("metadata") or {}).get("name") or "" for template in templates)

    def user_of(self, container: ContainerView) -> int | None:
        """The `runAsUser` that counts for a container: its own, else the pod's. None if neither says one."""
        own = container.security.get("runAsUser")
        return self.security.get("runAsUser") if own is None else own

    def view(self, document: Json) -> Pod:
        """The pod at the same place in another version of the document."""
        return Pod(document, self.prefix, self.kind, self.origin)


def follow(document: Json, prefix: str) -> Json:
    """The value where a template stands; `prefix` is a JSON Pointer without escapes, "" for the document itself."""
    for token in prefix.split("/")[1:]:
        document = document[int(token)] if isinstance(document, list) else document[token]
    return document


def field_path(pointer: str) -> str:
    """A JSON Pointer as the API server writes field paths: `spec.containers[0].name`."""
    return "".join(f"[{token}]" if token.isdecimal() else f".{token}" for token in pointer[1:].split("/")).lstrip(".")


def locate(document: Json, origin: Origin) -> Pod | None:
    """Find the pod, or the pod template, in a document.

    Args:
        document: decoded JSON of any kind.
        origin: how the document reached us.

    Returns:
        The pod, or None if the kind has none or its optional template is unset.

    Raises:
        InvalidObject: a field that leads to the pod, or a field of the pod that a rule reads, has a wrong type.
        ObjectTooLarge: the object has more of something than a review looks at.
    """
    if not isinstance(document, dict):
        raise InvalidObject("", f"Expected `object`, got `{_json_type(document)}`")
    kind, api_version = document.get("kind"), document.get("apiVersion")
    if not isinstance(kind, str) or not isinstance(api_version, str):
        return None
    tokens = TEMPLATES.get((api_version.rpartition("/")[0], kind))
    if tokens is None:
        return None
    node: Json = document
    for depth, token in enumerate(tokens, start=1):
        node = node.get(token)
        if node is None:
            return None
        if not isinstance(node, dict):
            raise InvalidObject(".".join(tokens[:depth]), f"Expected `object`, got `{_json_type(node)}`")
    if tokens:
        check_pod({"metadata": document.get("metadata")})
        if kind == _STATEFUL_SET:
            check_claims(document)
    check_pod(node, ".".join(tokens))
    return Pod(document, "".join(f"/{token}" for token in tokens), kind, origin)


def check_pod(value: dict[str, Json], at: str = "") -> None:
    """Check the bounds and the shape of a pod or pod template, which stands at `at` in its document.

    Raises:
        InvalidObject: a field that a rule reads has a wrong type.
        ObjectTooLarge: it has more of something than a review looks at.
    """
    check_bounds(value, at)
    check_shape(value, at)


_JSON_TYPES: Final = {str: "str", bool: "bool", int: "int", float: "float", list: "array", type(None): "null"}


def _json_type(value: Json) -> str:
    return _JSON_TYPES.get(type(value), "unknown")
