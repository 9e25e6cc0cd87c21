"""What the engine says: decisions, and the outcome of one pod. Codes and values only; prose belongs to the printers."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from patches.model.shapes import Json


class State(StrEnum):
    """What became of one default at one path."""

    APPLIED = "applied"
    KEPT = "kept"
    SKIPPED = "skipped"
    CONFLICT = "conflict"


class Reason(StrEnum):
    """Why. A closed set: each has a row in docs/reasons.md."""

    UNSET = "unset"
    ENFORCED = "enforced"
    INJECTED_TOKEN = "injected-token"  # noqa: S105 (a reason code)

    AUTHOR = "author"
    LIMIT_RANGE = "limit-range"
    LIMIT_RANGE_ORDER = "limit-range-order"
    REQUEST_EQUALS_LIMIT = "request-equals-limit"
    EVERY_CONTAINER = "every-container"

    APPARMOR_ANNOTATION = "apparmor-annotation"
    AUTHOR_VOLUME = "author-volume"
    CAP_SYS_ADMIN = "cap-sys-admin"
    HOST_NAMESPACES = "host-namespaces"
    ITEM_BOUNDS = "item-bounds"
    LIMIT_RANGE_BOUNDS = "limit-range-bounds"
    LINUX_FIELD = "linux-field"
    OPTED_IN = "opted-in"
    POD_LEVEL_RESOURCES = "pod-level-resources"
    PRIVILEGED = "privileged"
    PROFILE_VERSION = "profile-version"
    QUOTA_SCOPE = "quota-scope"
    RAW_BLOCK_VOLUME = "raw-block-volume"
    REQUEST_ABOVE_LIMIT = "request-above-limit"
    RUNTIME_CLASS_ABSENT = "runtime-class-absent"
    RUNTIME_CLASS_EXEMPT = "runtime-class-exempt"
    RUNTIME_CLASS_OVERHEAD = "runtime-class-overhead"
    RUNTIME_CLASS_SELECTOR = "runtime-class-selector"
    SECCOMP_ANNOTATION = "seccomp-annotation"
    SERVICE_ACCOUNT = "service-account"
    SKIP_ANNOTATION = "skip-annotation"
    SYS_ADMIN = "sys-admin"
    TMP_IN_USE = "tmp-in-use"
    TOO_MANY_CONTAINERS = "too-many-containers"
    UNKNOWN = "unknown"
    USER_NAMESPACE = "user-namespace"
    WINDOWS = "windows"

    ADDED_CAPABILITIES = "added-capabilities"
    EXPLICIT_VALUE = "explicit-value"
    RUNS_AS_ROOT = "runs-as-root"

    DELETING = "deleting"
    MIRROR_POD = "mirror-pod"
    MODE = "mode"
    OFF = "off"
    OWNED_TEMPLATE = "owned-template"
    TEMPLATE = "template"
    UPDATE = "update"


class Decision(NamedTuple):
    """One default at one path (a JSON Pointer). `value` is what was added, or what the author set."""

    id: str
    path: str
    state: State
    reason: Reason
    value: Json = None
