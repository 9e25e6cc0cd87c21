"""What a policy did to the values of a pod's author: compares the pod as it comes back without and with the policy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

_IDENTITY: Final = ("name", "mountPath", "containerPort", "protocol")
"""The fields by which elements of a pod's lists are found again if something was put before them."""
_NOTHING: Final[tuple[Any, ...]] = (None, {}, [])
_ABSENT: Final = object()


def overwritten(sent: Any, before: Any, after: Any, field: str = "") -> Iterator[str]:
    """Yield the field of each value that its author wrote and a policy changed or took away.

    A list of plain values may grow: what the author wrote has to be in it still, in its order.

    Args:
        sent: the pod as its author wrote it: only what stands in it counts.
        before: the pod as the API server returned it without the policy: quantities, for example, read otherwise there.
        after: the same with the policy.
        field: where in the pod these are.
    """
    if sent in _NOTHING:
        return
    if isinstance(sent, dict) and isinstance(before, dict):
        for key in sent.keys() & before.keys():
            value = after.get(key, _ABSENT) if isinstance(after, dict) else _ABSENT
            yield from overwritten(sent[key], before[key], value, f"{field}.{key}".removeprefix("."))
    elif isinstance(sent, list) and isinstance(before, list):
        yield from _of_list(sent, before, after if isinstance(after, list) else [], field)
    elif before != after and before not in _NOTHING:
        yield field


def _of_list(sent: list[Any], before: list[Any], after: list[Any], field: str) -> Iterator[str]:
    if not any(isinstance(value, dict) for value in before):
        rest = iter(after)
        if not all(value in rest for value in before):
            yield field
        return
    for index, (written, value) in enumerate(zip(sent, before, strict=False)):
        yield from overwritten(written, value, _same(value, index, after), f"{field}[{index}]")


def _same(element: Any, index: int, others: list[Any]) -> Any:
    """The element of another list that has this one's identity; if nothing identifies it, the one at its index."""
    identity = _identity(element)
    if identity:
        return next((other for other in others if _identity(other) == identity), _ABSENT)
    return others[index] if index < len(others) else _ABSENT


def _identity(element: Any) -> tuple[Any, ...]:
    return tuple((key, element[key]) for key in _IDENTITY if key in element) if isinstance(element, dict) else ()
