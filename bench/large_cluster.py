"""`python -m bench.large_cluster`: what a server costs in a cluster of 10,000 namespaces, beside one of ten.

A played API server lists namespaces, a LimitRange and five ServiceAccounts in each, in pages as a real one does. A
process of its own imports what a server in a pod imports, follows the cluster and reviews pods of all namespaces. It
prints resident memory, seconds until ready (the start of Python included) and CPU µs per review.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import msgspec
from aiohttp import web

from bench.admission.servers import machine
from bench.reviews import review_of

_SMALL: Final = 10
_LARGE: Final = 10_000
_ACCOUNTS: Final = ("default", "builder", "deployer", "web", "worker")
_LIMITS: Final = [{"type": "Container", "default": {"cpu": "1", "memory": "1Gi"}, "max": {"cpu": "4"}}]
_SAMPLE: Final = 1_000
_ROUNDS: Final = 3


class Row(NamedTuple):
    """What one process found."""

    imported: float
    full: float
    seconds: float
    micros: float


def main() -> int:
    """Measure both clusters in turn, and print."""
    if sys.argv[1:]:
        asyncio.run(_follow(sys.argv[1], float(sys.argv[2])))
        return 0
    rows: dict[int, list[Row]] = {_SMALL: [], _LARGE: []}
    for _ in range(_ROUNDS):
        for count, found in rows.items():
            found.append(asyncio.run(_play(count)))
    print(f"{machine()}; medians of {_ROUNDS} processes each")
    print(f"{'namespaces':>10}{'MiB imported':>14}{'MiB full':>10}{'s until ready':>15}{'µs per review':>15}")
    for count, found in rows.items():
        row = Row(*(statistics.median(column) for column in zip(*found, strict=True)))
        print(f"{count:>10}{row.imported:>14.1f}{row.full:>10.1f}{row.seconds:>15.2f}{row.micros:>15.1f}")
    ratios = [large.micros / small.micros for small, large in zip(rows[_SMALL], rows[_LARGE], strict=True)]
    print(f"a review among {_LARGE} namespaces costs {statistics.median(ratios):.2f} x one among {_SMALL}")
    return 0


async def _play(count: int) -> Row:
    """Play a cluster, and have a process follow it."""
    stopped = asyncio.Event()
    objects = {kind: list(_objects(kind, count)) for kind in ("namespaces", "limitranges", "serviceaccounts")}

    async def answer(request: web.Request) -> web.StreamResponse:
        if "watch" in request.query:
            response = web.StreamResponse()
            await response.prepare(request)
            await stopped.wait()
            return response
        if request.path == "/version":
            return web.json_response({"major": "1", "minor": "36"})
        start, size = int(request.query.get("continue") or 0), int(request.query.get("limit") or 500)
        items = objects.get(request.path.rpartition("/")[2], [])[start : start + size]
        more = {"continue": str(start + size)} if len(items) == size else {}
        page = {"metadata": {"resourceVersion": "7", **more}, "items": items}
        return web.Response(body=msgspec.json.encode(page), content_type="application/json")

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    command = [sys.executable, "-m", "bench.large_cluster", url, str(time.time())]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    output, _ = await process.communicate()
    stopped.set()
    await runner.cleanup()
    return Row(*json.loads(output))


def _objects(plural: str, count: int) -> Iterator[dict[str, Any]]:
    """The objects of a kind; none of those that no team makes."""
    for number in range(count):
        name = f"team-{number}"
        match plural:
            case "namespaces":
                labels = {"team": name, "pod-security.kubernetes.io/enforce": ("baseline", "restricted")[number % 2]}
                yield {"metadata": {"name": name, "uid": f"{number:036}", "labels": labels}}
            case "limitranges":
                yield {"metadata": {"name": "limits", "namespace": name}, "spec": {"limits": _LIMITS}}
            case "serviceaccounts":
                for account in _ACCOUNTS:
                    yield {"metadata": {"name": account, "namespace": name, "uid": f"{number:036}"}}


async def _follow(url: str, began: float) -> None:
    """Follow the cluster until synced, and review pods of its namespaces."""
    import webhook.cli.serve  # noqa: PLC0415 (what counts is what a server loads, and that it is loaded here)
    import webhook.server.build  # noqa: F401, PLC0415
    from bench.__main__ import answer_at_once  # noqa: PLC0415
    from bench.admission.servers import resident  # noqa: PLC0415
    from patches import DefaulterConfiguration  # noqa: PLC0415
    from webhook.cluster.api import ClusterClient  # noqa: PLC0415
    from webhook.cluster.credentials import Credentials  # noqa: PLC0415
    from webhook.gatherers.live import LiveGatherer  # noqa: PLC0415
    from webhook.review.codec import decode_review, encode_review  # noqa: PLC0415
    from webhook.review.namespace_cache import NamespaceCache  # noqa: PLC0415
    from webhook.review.reviewer import Reviewer  # noqa: PLC0415
    from webhook.server.app import tune_collector  # noqa: PLC0415

    imported = resident(os.getpid())
    tune_collector()
    client = ClusterClient(Credentials(url))
    gatherer = LiveGatherer(client)
    follower = asyncio.create_task(gatherer.run())
    while not gatherer.synced:  # noqa: ASYNC110 (the gatherer has no event for it)
        await asyncio.sleep(0.005)
    seconds = time.time() - began
    reviewer = Reviewer(NamespaceCache(gatherer, DefaulterConfiguration()))
    (count,) = [status.objects for status in gatherer.status() if status.kind == "namespaces"]

    def review_all(bodies: Iterable[bytes]) -> None:
        for body in bodies:
            encode_review(answer_at_once(reviewer, decode_review(body)))

    review_all(_body(f"team-{number}") for number in range(count))  # the first review of a namespace compiles it
    full = resident(os.getpid())
    every = max(1, count // _SAMPLE)
    sample = [_body(f"team-{number}") for number in range(0, count, every)]
    sample *= _SAMPLE // len(sample)
    times = []
    for _ in range(_ROUNDS):
        began = time.process_time()
        review_all(sample)
        times.append((time.process_time() - began) / len(sample) * 1e6)
    follower.cancel()
    await asyncio.wait([follower])
    await client.close()
    print(json.dumps(Row(imported, full, seconds, min(times))))


def _body(namespace: str) -> bytes:
    review = review_of(1)
    review["request"]["namespace"] = namespace
    return msgspec.json.encode(review)


if __name__ == "__main__":
    sys.exit(main())
