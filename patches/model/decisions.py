"""What the engine says about one pod: a state and a reason for each default, or why the whole pod gets no patch."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, Self

from patches.model.shapes import Json


class State(StrEnum):
    """What became of one default at one path."""

    APPLIED = "applied"
    KEPT = "kept"
    SKIPPED = "skipped"
    CONFLICT = "conflict"


class Reason(StrEnum):
    """Why a default has its state. A closed set: each has a row in docs/reasons.md.

    `states` are those that the reason can accompany; docs/reasons.md lists it under the first.
    """

    UNSET = "unset", State.APPLIED
    ENFORCED = "enforced", State.APPLIED
    INJECTED_TOKEN = "injected-token", State.APPLIED

    AUTHOR = "author", State.KEPT
    LIMIT_RANGE = "limit-range", State.KEPT
    LIMIT_RANGE_ORDER = "limit-range-order", State.KEPT
    REQUEST_EQUALS_LIMIT = "request-equals-limit", State.KEPT
    EVERY_CONTAINER = "every-container", State.KEPT

    APPARMOR_ANNOTATION = "apparmor-annotation", State.SKIPPED
    AUTHOR_VOLUME = "author-volume", State.SKIPPED
    CAP_SYS_ADMIN = "cap-sys-admin", State.SKIPPED
    HOST_NAMESPACES = "host-namespaces", State.SKIPPED
    ITEM_BOUNDS = "item-bounds", State.SKIPPED
    LIMIT_RANGE_BOUNDS = "limit-range-bounds", State.SKIPPED
    LINUX_FIELD = "linux-field", State.SKIPPED
    OPTED_IN = "opted-in", State.SKIPPED, State.KEPT
    POD_LEVEL_RESOURCES = "pod-level-resources", State.SKIPPED
    PRIVILEGED = "privileged", State.SKIPPED
    PROFILE_VERSION = "profile-version", State.SKIPPED
    QUOTA_SCOPE = "quota-scope", State.SKIPPED
    RAW_BLOCK_VOLUME = "raw-block-volume", State.SKIPPED
    REQUEST_ABOVE_LIMIT = "request-above-limit", State.SKIPPED
    RUNTIME_CLASS_ABSENT = "runtime-class-absent", State.SKIPPED
    RUNTIME_CLASS_EXEMPT = "runtime-class-exempt", State.SKIPPED
    RUNTIME_CLASS_OVERHEAD = "runtime-class-overhead", State.SKIPPED
    RUNTIME_CLASS_SELECTOR = "runtime-class-selector", State.SKIPPED
    SECCOMP_ANNOTATION = "seccomp-annotation", State.SKIPPED
    SERVICE_ACCOUNT = "service-account", State.SKIPPED
    SKIP_ANNOTATION = "skip-annotation", State.SKIPPED
    SYS_ADMIN = "sys-admin", State.SKIPPED
    TMP_IN_USE = "tmp-in-use", State.SKIPPED
    TOO_MANY_CONTAINERS = "too-many-containers", State.SKIPPED
    UNKNOWN = "unknown", State.SKIPPED
    USER_NAMESPACE = "user-namespace", State.SKIPPED
    WINDOWS = "windows", State.SKIPPED

    ADDED_CAPABILITIES = "added-capabilities", State.CONFLICT
    EXPLICIT_VALUE = "explicit-value", State.CONFLICT
    RUNS_AS_ROOT = "runs-as-root", State.CONFLICT

    states: tuple[State, ...]

    def __new__(cls, code: str, *states: State) -> Self:
        """A member that is its code."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.states = states
        return member


class Withheld(StrEnum):
    """Why an object gets no patch. A closed set: each has a row in docs/reasons.md."""

    DELETING = "deleting"
    MIRROR_POD = "mirror-pod"
    MODE = "mode"
    OFF = "off"
    OWNED_TEMPLATE = "owned-template"
    TEMPLATE = "template"
    UPDATE = "update"

    @property
    def judged(self) -> bool:
        """Whether the object is judged all the same."""
        return self not in (Withheld.DELETING, Withheld.OFF, Withheld.UPDATE)

    @property
    def evaluated(self) -> bool:
        """Whether the defaults are tried all the same, to say what they would add."""
        return self in (Withheld.MODE, Withheld.OWNED_TEMPLATE, Withheld.TEMPLATE)

    @property
    def deferred(self) -> bool:
        """Whether the pods of this template get the patch when they are created: it is judged as they will be."""
        return self in (Withheld.OWNED_TEMPLATE, Withheld.TEMPLATE)


class Decision(NamedTuple):
    """One default at one path (a JSON Pointer). `value` is what was added, or what the author set."""

    id: str
    path: str
    state: State
    reason: Reason
    value: Json = None
