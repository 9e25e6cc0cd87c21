"""`bench.creates --kubeconfig`: what admission adds to a create on a cluster that runs already.

Whoever has Kyverno or Gatekeeper there, with the policies of bench/peers or others, names a namespace in which these
act, and first one in which nobody does. This takes the right to create pods there, which it does as dry runs, and to
read /metrics of the API server, without which it does not say how long each webhook took.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench.figures import percentiles
from bench.histograms import Asked, Webhook, read_asked, waited
from webhook.cluster.api import ClusterClient
from webhook.cluster.connection import connect
from webhook.cluster.options import ConnectionOptions
from webhook.errors import ClusterError

SEQUENTIAL: Final = 1
AT_ONCE: Final = 32
CHUNK: Final = 64
"""Creates in one namespace before the next takes its turn."""


def measure(
    kubeconfig: Path, context: str | None, spaces: Mapping[str, str], pods: Sequence[Any], rounds: int
) -> dict[str, Any]:
    """Measure, and return the report.

    Args:
        kubeconfig: of the cluster.
        context: in it; None for the current one.
        spaces: a namespace for each who is asked; nobody is asked in the first.
        pods: to be created. Those that one of the namespaces refuses are left out.
        rounds: turns of each namespace, at least one.

    Raises:
        ClusterError: if the API server does not answer, accepts none of the pods everywhere, or one only at first.
    """
    return asyncio.run(_measure(ConnectionOptions(kubeconfig=kubeconfig, context=context), spaces, pods, rounds))


async def _measure(
    options: ConnectionOptions, spaces: Mapping[str, str], pods: Sequence[Any], rounds: int
) -> dict[str, Any]:
    results: dict[str, dict[str, Any]] = {name: {} for name in spaces}
    webhooks: dict[str, dict[str, Any]] = {}
    async with connect(options) as client:
        accepted = [pod for pod in pods if all([await _create(client, space, pod) for space in spaces.values()])]
        if not accepted:
            raise ClusterError(0, "no pod is accepted in all of these namespaces")
        for connections in (SEQUENTIAL, AT_ONCE):
            times: dict[str, list[float]] = {name: [] for name in spaces}
            for space in spaces.values():  # the first creates, which connect, do not count
                await _create_all(client, space, accepted[:1] * CHUNK, connections)
            before = await _asked(client)
            for turn in range(rounds):
                chunk = [accepted[(turn * CHUNK + number) % len(accepted)] for number in range(CHUNK)]
                for name, space in spaces.items():
                    times[name] += await _create_all(client, space, chunk, connections)
            for name, found in times.items():
                found.sort()
                p50, p99 = percentiles(found)
                results[name][str(connections)] = {"p50 ms": round(p50, 2), "p99 ms": round(p99, 2)}
            for webhook, asked in (await _asked(client)).items():
                if webhook in before and asked.buckets[-1][1] > before[webhook].buckets[-1][1]:
                    name = f"{webhook.name} ({webhook.type})"
                    webhooks.setdefault(name, {})[str(connections)] = waited(before[webhook], asked)
    return {"pods": len(accepted), "results": results, "webhooks": webhooks}


async def _create_all(client: ClusterClient, space: str, pods: Sequence[Any], connections: int) -> list[float]:
    """Create pods, some at once; the milliseconds that each took."""
    left = iter(pods)
    times: list[float] = []

    async def work() -> None:
        for pod in left:
            began = time.perf_counter()
            if not await _create(client, space, pod):
                raise ClusterError(0, f"a pod that {space} has accepted is refused now")
            times.append((time.perf_counter() - began) * 1000)

    await asyncio.gather(*(work() for _ in range(connections)))
    return times


async def _create(client: ClusterClient, space: str, pod: Any) -> bool:
    """Create a pod as a dry run; whether it was accepted."""
    try:
        await client.send("POST", f"/api/v1/namespaces/{space}/pods", pod, query={"dryRun": "All"})
    except ClusterError as error:
        if not error.status:
            raise
        return False
    return True


async def _asked(client: ClusterClient) -> dict[Webhook, Asked]:
    """What the API server says of each webhook; nothing without the right to ask."""
    try:
        return read_asked((await client.get("/metrics")).decode())
    except ClusterError as error:
        if not error.status:
            raise
        return {}


def print_report(report: Mapping[str, Any]) -> None:
    """Print what `measure` returned."""
    print(f"{report['pods']} pods, as dry runs")
    for key in map(str, (SEQUENTIAL, AT_ONCE)):
        print(f"{key + ' at once':<40}{'p50 ms':>8}{'added':>8}{'p99 ms':>8}{'added':>8}")
        nobody = next(iter(report["results"].values()))[key]
        for name, row in report["results"].items():
            p50, p99 = (f"{row[key][field]:>8.2f}{row[key][field] - nobody[field]:>+8.2f}" for field in nobody)
            print(f"  {name:<38}{p50}{p99}")
    for name, rows in report["webhooks"].items():
        took = "; ".join(f"{key} at once: mean {row['mean ms']} ms, p99 {row['p99 ms']}" for key, row in rows.items())
        print(f"the API server waited for {name}: {took}")
