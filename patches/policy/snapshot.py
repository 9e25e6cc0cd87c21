"""What is known of one namespace, as gatherers report it. Every fact is known, absent or UNKNOWN.

A gatherer decides nothing: it reports the objects that it saw, and what it means that a name is not among them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final, Generic, Literal, NamedTuple, TypeAlias, TypeVar

from patches.model.images import NO_IMAGES, Images
from patches.policy.limits import LimitItem

T = TypeVar("T")


class Unknown(Enum):
    """The type of UNKNOWN."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN
"""A fact that could not be found out. The default that needs it is skipped, with the reason `unknown`."""

UnknownType: TypeAlias = Literal[Unknown.UNKNOWN]


class RuntimeClass(NamedTuple):
    """What a `node.k8s.io/v1` RuntimeClass adds to its pods, and the handler that runs them."""

    node_selector: Mapping[str, str]
    has_overhead: bool
    handler: str = ""


class ServiceAccount(NamedTuple):
    """What a `core/v1` ServiceAccount says of its token.

    Attributes:
        automount: whether its pods mount the token; None if it leaves that unset.
        cloud_identity: the annotation by which a cloud gives it an identity; "" for none.
    """

    automount: bool | None = None
    cloud_identity: str = ""


class ResourceQuota(NamedTuple):
    """The scopes of a `core/v1` ResourceQuota, and the resources that its `hard` names."""

    scopes: frozenset[str] = frozenset()
    resources: frozenset[str] = frozenset()


class Coverage(Enum):
    """What it means that a name is not among the objects of a snapshot."""

    COMPLETE = "complete"
    """No such object exists."""
    CACHED = "cached"
    """No such object is in the cache; the API server may have a newer one."""
    PARTIAL = "partial"
    """Nobody knows whether such an object exists."""


@dataclass(frozen=True, slots=True)
class Objects(Generic[T]):
    """The objects of one kind, by name. An unreadable object is UNKNOWN."""

    by_name: Mapping[str, T | UnknownType]
    coverage: Coverage = Coverage.COMPLETE

    def find(self, name: str) -> T | UnknownType | None:
        """Find the object of this name: None if it does not exist, or is in no cache; UNKNOWN if nobody knows."""
        return self.by_name.get(name, UNKNOWN if self.coverage is Coverage.PARTIAL else None)

    def all(self) -> Mapping[str, T] | UnknownType:
        """Return every object by name; UNKNOWN if one is unreadable or may be missing."""
        known = {name: value for name, value in self.by_name.items() if value is not UNKNOWN}
        return UNKNOWN if self.coverage is Coverage.PARTIAL or len(known) < len(self.by_name) else known

    def updated(self, by_name: Mapping[str, T | UnknownType]) -> Objects[T]:
        """Return these objects with those of `by_name` added; an object of the same name is replaced."""
        return replace(self, by_name={**self.by_name, **by_name}) if by_name else self


@dataclass(frozen=True, slots=True)
class Bindings:
    """The bindings that give rights to the ServiceAccounts of a namespace, each as `RoleBinding shop/reader`.

    Attributes:
        by_account: a binding of the account itself, by the account's name.
        of_all: a binding of the group of all accounts of the namespace; "" for none.
        complete: whether every binding of the cluster was seen.
    """

    by_account: Mapping[str, str] = field(default_factory=dict)
    of_all: str = ""
    complete: bool = True

    def find(self, account: str) -> str | UnknownType:
        """Find a binding that gives rights to this account: "" if there is none; UNKNOWN if nobody knows."""
        return self.by_account.get(account) or self.of_all or ("" if self.complete else UNKNOWN)

    def updated(self, more: Bindings) -> Bindings:
        """Return these bindings with those of `more` added. They stay as complete as they are."""
        by_account = {**self.by_account, **more.by_account}
        return Bindings(by_account, more.of_all or self.of_all, self.complete)


UNKNOWN_BINDINGS: Final = Bindings(complete=False)


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Snapshot:
    """What is known of one namespace at one moment.

    Attributes:
        name: name of the namespace.
        labels: its labels, at least those that `relevant_marks` keeps.
        annotations: its annotations, likewise.
        limit_ranges: the items of its LimitRanges.
        resource_quotas: its ResourceQuotas.
        service_accounts: its ServiceAccounts.
        runtime_classes: the RuntimeClasses of the cluster.
        images: what is known of images, in the whole cluster.
        bindings: which of its ServiceAccounts have rights.
        user_namespaces: the runtime handlers that offer user namespaces on every node of the cluster.
    """

    name: str
    labels: Mapping[str, str | None]
    annotations: Mapping[str, str | None]
    limit_ranges: Objects[Sequence[LimitItem]]
    resource_quotas: Objects[ResourceQuota]
    service_accounts: Objects[ServiceAccount]
    runtime_classes: Objects[RuntimeClass]
    images: Images = NO_IMAGES
    bindings: Bindings = UNKNOWN_BINDINGS
    user_namespaces: frozenset[str] | UnknownType = UNKNOWN


def empty_snapshot(name: str) -> Snapshot:
    """Return the snapshot of a namespace without manifests: it has no labels and no objects.

    Its RuntimeClasses and bindings are unknown, because files cannot say that one does not exist.
    """
    return Snapshot(
        name,
        labels={},
        annotations={},
        limit_ranges=Objects({}),
        resource_quotas=Objects({}),
        service_accounts=Objects({}),
        runtime_classes=Objects({}, Coverage.PARTIAL),
    )
