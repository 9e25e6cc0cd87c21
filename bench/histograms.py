"""How long an API server says that it waited for its webhooks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

_ASKED: Final = re.compile(
    r"apiserver_admission_webhook_admission_duration_seconds_(bucket|sum)"
    r'{name="([^"]+)"[^}]*?,type="(\w+)"(?:,le="(.*?)")?} (\S+)'
)


class Asked(NamedTuple):
    """How long an API server has waited for a webhook so far.

    Attributes:
        seconds: of all requests.
        buckets: upper bounds in seconds, and how many requests took no longer.
    """

    seconds: float
    buckets: list[tuple[float, float]]


class Webhook(NamedTuple):
    """A webhook by its name, and what for it is asked: `admit` to change, `validating` to judge."""

    name: str
    type: str


def read_asked(metrics: str) -> dict[Webhook, Asked]:
    """What an API server says of each webhook that it has asked. `metrics`: its page.

    The operations of one webhook are added up.
    """
    buckets: dict[Webhook, dict[float, float]] = {}
    sums: dict[Webhook, float] = {}
    for part, name, kind, bound, value in _ASKED.findall(metrics):
        webhook = Webhook(name, kind)
        if part == "sum":
            sums[webhook] = sums.get(webhook, 0.0) + float(value)
        else:
            rows = buckets.setdefault(webhook, {})
            rows[float(bound)] = rows.get(float(bound), 0.0) + float(value)
    return {webhook: Asked(sums[webhook], sorted(rows.items())) for webhook, rows in buckets.items()}


def waited(before: Asked, after: Asked) -> dict[str, float]:
    """The milliseconds that a request took between two looks: those of the API server, to and fro included."""
    buckets = [(bound, late - early) for (bound, late), (_, early) in zip(after.buckets, before.buckets, strict=True)]
    mean = (after.seconds - before.seconds) / buckets[-1][1]
    quantiles = {f"p{part} ms": quantile(buckets, part / 100) for part in (50, 99)}
    return {name: round(seconds * 1000, 2) for name, seconds in {"mean ms": mean, **quantiles}.items()}


def quantile(buckets: Sequence[tuple[float, float]], part: float) -> float:
    """Of a histogram, as PromQL's histogram_quantile() has it: evenly spread within a bucket.

    Args:
        buckets: their upper bounds, and how many values are not above it.
        part: between 0 and 1.
    """
    rank = part * buckets[-1][1]
    lower, below = 0.0, 0.0
    for upper, upto in buckets:
        if upto >= rank:
            return lower if upper == float("inf") else lower + (upper - lower) * (rank - below) / (upto - below)
        lower, below = upper, upto
    raise ValueError("the last bucket holds all values")
