"""Cluster objects as the engine's facts: what counts of each kind. Manifests and a live cluster read them alike.

A value is a parsed document, or an object's JSON as bytes or `msgspec.Raw`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from patches.model.quantities import nanos
from patches.model.shapes import Quantity
from patches.policy.limits import LimitItem
from patches.policy.policy import PREFIX, PSA_PREFIX
from patches.policy.snapshot import RuntimeClass
from webhook.errors import InvalidObject

_MARKS: Final = (PREFIX, PSA_PREFIX)


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
    """The labels and annotations of a Namespace that a policy is made of."""

    labels: tuple[tuple[str, str | None], ...] = ()
    annotations: tuple[tuple[str, str | None], ...] = ()


class Account(NamedTuple):
    """What a ServiceAccount says about mounting its token."""

    automount: bool | None = None


class _Labelled(msgspec.Struct):
    labels: dict[str, str | None] | None = None
    annotations: dict[str, str | None] | None = None


class _Namespace(msgspec.Struct):
    metadata: _Labelled


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
    scopes: list[str] | None = None
    scope_selector: _Selector | None = None


class _Quota(msgspec.Struct):
    spec: _QuotaSpec | None = None


class _ServiceAccount(msgspec.Struct, rename="camel"):
    automount_service_account_token: bool | None = None


class _Scheduling(msgspec.Struct, rename="camel"):
    node_selector: dict[str, str] | None = None


class _Overhead(msgspec.Struct, rename="camel"):
    pod_fixed: dict[str, Quantity] | None = None


class _RuntimeClass(msgspec.Struct):
    scheduling: _Scheduling | None = None
    overhead: _Overhead | None = None


def identify(value: Any) -> ClusterObject:
    """The identity of an object. Raises InvalidObject."""
    return _read(value, ClusterObject)


def marks(value: Any) -> Marks:
    """What a Namespace says to us, in the order of names. Raises InvalidObject."""
    metadata = _read(value, _Namespace).metadata
    return Marks(_marked(metadata.labels), _marked(metadata.annotations))


def _marked(values: dict[str, str | None] | None) -> tuple[tuple[str, str | None], ...]:
    return tuple(sorted((key, text or "") for key, text in (values or {}).items() if key.startswith(_MARKS)))


def limit_items(value: Any) -> Sequence[LimitItem]:
    """The items of a LimitRange. Raises InvalidObject."""
    spec = _read(value, _LimitRange).spec
    items = []
    for index, item in enumerate((spec.limits if spec else None) or ()):
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
    return items


def quota_scopes(value: Any) -> frozenset[str]:
    """The scopes that a ResourceQuota names, in either field. Raises InvalidObject."""
    spec = _read(value, _Quota).spec or _QuotaSpec()
    selector = spec.scope_selector or _Selector()
    return frozenset([*(spec.scopes or ()), *(row.scope_name for row in selector.match_expressions or ())])


def automount(value: Any) -> bool | None:
    """What a ServiceAccount says about mounting its token. Raises InvalidObject."""
    return _read(value, _ServiceAccount).automount_service_account_token


def account(value: Any) -> Account:
    """A ServiceAccount, all of which that say the same being one object. Raises InvalidObject."""
    return _ACCOUNTS[automount(value)]


_ACCOUNTS: Final = {said: Account(said) for said in (True, False, None)}


def runtime_class(value: Any) -> RuntimeClass:
    """What a RuntimeClass adds to its pods. Raises InvalidObject."""
    read = _read(value, _RuntimeClass)
    overhead = read.overhead.pod_fixed if read.overhead else None
    selector = read.scheduling.node_selector if read.scheduling else None
    return RuntimeClass(selector or {}, bool(overhead))


_Shape = TypeVar("_Shape")


def _read(value: Any, shape: type[_Shape]) -> _Shape:
    try:
        if isinstance(value, bytes | msgspec.Raw):
            return msgspec.json.decode(value, type=shape)
        return msgspec.convert(value, shape)
    except msgspec.DecodeError as error:
        problem, _, path = str(error).partition(" - at `$")
        raise InvalidObject(path.removesuffix("`").lstrip("."), problem) from None


def _check_quantities(field: str, amounts: dict[str, Quantity] | None) -> None:
    for resource, quantity in (amounts or {}).items():
        try:
            nanos(quantity)
        except InvalidObject as error:
            raise InvalidObject(f"{field}[{resource}]", str(error)) from None
