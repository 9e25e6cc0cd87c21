"""Reads the fields that count of each kind of object, for every gatherer.

A `value` is a parsed document, or an object's JSON as bytes or `msgspec.Raw`. Each function raises InvalidObject if a
field of it is invalid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from patches import (
    LimitItem,
    Node,
    Quantity,
    ResourceQuota,
    RuntimeClass,
    ServiceAccount,
    find_cloud_identity,
    invalid_object,
    nanos,
    relevant_marks,
)
from webhook.errors import InvalidObject

_DISTINCT_MARKS: Final = 4096
_DISTINCT_QUOTAS: Final = 256
_DISTINCT_LIMITS: Final = 256
_DISTINCT_SUBJECTS: Final = 256
_GROUP: Final = "system:serviceaccounts:"
_USER: Final = "system:serviceaccount:"
_DISTINCT_HANDLERS: Final = 64


class Metadata(msgspec.Struct):
    """`meta/v1` ObjectMeta, as far as it counts."""

    name: str
    namespace: str | None = None
    labels: dict[str, str | None] | None = None
    annotations: dict[str, str | None] | None = None


class ClusterObject(msgspec.Struct, rename="camel"):
    """An object's identity."""

    api_version: str
    kind: str
    metadata: Metadata


class Marks(NamedTuple):
    """The labels and annotations of a Namespace that its policy depends on."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]


class _NamespaceMetadata(msgspec.Struct):
    labels: dict[str, str | None] | None = None
    annotations: dict[str, str | None] | None = None


class _Namespace(msgspec.Struct):
    metadata: _NamespaceMetadata


class _Item(msgspec.Struct, rename="camel"):
    type: str
    default: dict[str, Quantity] | None = None
    default_request: dict[str, Quantity] | None = None
    min: dict[str, Quantity] | None = None
    max: dict[str, Quantity] | None = None
    max_limit_request_ratio: dict[str, Quantity] | None = None


class _LimitRangeSpec(msgspec.Struct):
    limits: list[_Item] | None = None


class _LimitRange(msgspec.Struct):
    spec: _LimitRangeSpec | None = None


class _Expression(msgspec.Struct, rename="camel"):
    scope_name: str


class _Selector(msgspec.Struct, rename="camel"):
    match_expressions: list[_Expression] | None = None


class _QuotaSpec(msgspec.Struct, rename="camel"):
    hard: dict[str, Any] | None = None
    scopes: list[str] | None = None
    scope_selector: _Selector | None = None


class _Quota(msgspec.Struct):
    spec: _QuotaSpec | None = None


class Subject(NamedTuple):
    """A ServiceAccount to which a binding gives rights; `account` is "" for all accounts of the namespace."""

    namespace: str
    account: str


class _AccountMetadata(msgspec.Struct):
    annotations: dict[str, str | None] | None = None


class _ServiceAccount(msgspec.Struct, rename="camel"):
    metadata: _AccountMetadata | None = None
    automount_service_account_token: bool | None = None


class _Subject(msgspec.Struct):
    kind: str = ""
    name: str = ""
    namespace: str | None = None


class _BindingMetadata(msgspec.Struct):
    namespace: str | None = None


class _Binding(msgspec.Struct):
    metadata: _BindingMetadata | None = None
    subjects: list[_Subject] | None = None


class _Scheduling(msgspec.Struct, rename="camel"):
    node_selector: dict[str, str] | None = None


class _Overhead(msgspec.Struct, rename="camel"):
    pod_fixed: dict[str, Quantity] | None = None


class _RuntimeClass(msgspec.Struct):
    handler: str = ""
    scheduling: _Scheduling | None = None
    overhead: _Overhead | None = None


class _Features(msgspec.Struct, rename="camel"):
    user_namespaces: bool | None = None


class _Handler(msgspec.Struct):
    name: str = ""
    features: _Features | None = None


class _Condition(msgspec.Struct):
    type: str
    status: str


class _NodeInfo(msgspec.Struct, rename="camel"):
    operating_system: str = ""


class _NodeStatus(msgspec.Struct, rename="camel"):
    conditions: list[_Condition] | None = None
    node_info: _NodeInfo | None = None
    runtime_handlers: list[_Handler] | None = None


class _Node(msgspec.Struct):
    status: _NodeStatus | None = None


def identify(value: Any) -> ClusterObject:
    """Read the identity of an object."""
    return _read(value, ClusterObject)


def marks(value: Any) -> Marks:
    """Read the labels and annotations of a Namespace that count. Equal ones share one Marks object."""
    metadata = _read(value, _Namespace).metadata
    return _shared_marks(relevant_marks(metadata.labels or {}), relevant_marks(metadata.annotations or {}))


@lru_cache(_DISTINCT_MARKS)
def _shared_marks(labels: tuple[tuple[str, str], ...], annotations: tuple[tuple[str, str], ...]) -> Marks:
    return Marks(dict(labels), dict(annotations))


def limit_items(value: Any) -> Sequence[LimitItem]:
    """Read the items of a LimitRange. Equal ones share theirs: platforms give many namespaces the same."""
    spec = _read(value, _LimitRange).spec
    return _shared_items(msgspec.json.encode(spec.limits if spec else None))


@lru_cache(_DISTINCT_LIMITS)
def _shared_items(encoded: bytes) -> Sequence[LimitItem]:
    items = []
    for index, item in enumerate(msgspec.json.decode(encoded, type=list[_Item] | None) or ()):
        for info in msgspec.structs.fields(_Item)[1:]:
            _check_quantities(f"spec.limits[{index}].{info.encode_name}", getattr(item, info.name))
        items.append(
            LimitItem(
                item.type,
                item.default or {},
                item.default_request or {},
                item.min or {},
                item.max or {},
                item.max_limit_request_ratio or {},
            ),
        )
    return tuple(items)


def resource_quota(value: Any) -> ResourceQuota:
    """Read a ResourceQuota: its scopes, from `scopes` and `scopeSelector`, and its resources. Equal ones share one."""
    spec = _read(value, _Quota).spec or _QuotaSpec()
    selector = spec.scope_selector or _Selector()
    scopes = [*(spec.scopes or ()), *(row.scope_name for row in selector.match_expressions or ())]
    return _shared_quota(frozenset(scopes), frozenset(spec.hard or ()))


@lru_cache(_DISTINCT_QUOTAS)
def _shared_quota(scopes: frozenset[str], resources: frozenset[str]) -> ResourceQuota:
    return ResourceQuota(scopes, resources)


def service_account(value: Any) -> ServiceAccount:
    """Read a ServiceAccount. Equal ones share one object."""
    read = _read(value, _ServiceAccount)
    annotations = read.metadata.annotations if read.metadata else None
    return _shared_account(
        automount=read.automount_service_account_token, cloud_identity=find_cloud_identity(annotations or {}, {})
    )


@cache
def _shared_account(*, automount: bool | None, cloud_identity: str) -> ServiceAccount:
    return ServiceAccount(automount, cloud_identity)


def bound_accounts(value: Any) -> frozenset[Subject]:
    """Read the ServiceAccounts to which a RoleBinding or ClusterRoleBinding gives rights. Equal sets are shared.

    The groups that every account is in, `system:serviceaccounts` and `system:authenticated`, do not count.
    """
    read = _read(value, _Binding)
    own = (read.metadata.namespace if read.metadata else None) or ""
    subjects = frozenset(subject for subject in (_account(row, own) for row in read.subjects or ()) if subject)
    return _shared_subjects(subjects)


def _account(row: _Subject, own_namespace: str) -> Subject | None:
    """The account, or all accounts of a namespace, that a subject is. Kinds as in `rbac/v1`."""
    if row.kind == "ServiceAccount":
        return Subject(row.namespace or own_namespace, row.name)
    if row.kind == "Group" and row.name.startswith(_GROUP):
        return Subject(row.name.removeprefix(_GROUP), "")
    namespace, colon, name = row.name.removeprefix(_USER).partition(":")
    return Subject(namespace, name) if row.kind == "User" and row.name.startswith(_USER) and colon else None


@lru_cache(_DISTINCT_SUBJECTS)
def _shared_subjects(subjects: frozenset[Subject]) -> frozenset[Subject]:
    return subjects


def runtime_class(value: Any) -> RuntimeClass:
    """Read what a RuntimeClass adds to its pods, and its handler."""
    read = _read(value, _RuntimeClass)
    overhead = read.overhead.pod_fixed if read.overhead else None
    selector = read.scheduling.node_selector if read.scheduling else None
    return RuntimeClass(selector or {}, bool(overhead), read.handler)


def node(value: Any) -> Node:
    """Read whether a Node takes Linux pods, and which of its runtime handlers offer user namespaces."""
    status = _read(value, _Node).status or _NodeStatus()
    ready = any(row.type == "Ready" and row.status == "True" for row in status.conditions or ())
    handlers = (row for row in status.runtime_handlers or () if row.features and row.features.user_namespaces)
    windows = status.node_info is not None and status.node_info.operating_system == "windows"
    return Node(ready and not windows, _shared_names(frozenset(handler.name for handler in handlers)))


@lru_cache(_DISTINCT_HANDLERS)
def _shared_names(names: frozenset[str]) -> frozenset[str]:
    return names


_Shape = TypeVar("_Shape")


def _read(value: Any, shape: type[_Shape]) -> _Shape:
    try:
        if isinstance(value, bytes | msgspec.Raw):
            return msgspec.json.decode(value, type=shape)
        return msgspec.convert(value, shape)
    except msgspec.DecodeError as error:
        raise invalid_object(error) from None


def _check_quantities(field: str, amounts: dict[str, Quantity] | None) -> None:
    for resource, quantity in (amounts or {}).items():
        try:
            nanos(quantity)
        except InvalidObject as error:
            raise InvalidObject(f"{field}[{resource}]", str(error)) from None
