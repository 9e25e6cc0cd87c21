"""A process that follows a cluster and tells what that costs: `resident.py KUBECONFIG`, for test_cache_memory.py.

Prints one line of JSON. MiB resident: before, with every namespace listed and compiled, and after as much again;
seconds until synced; objects by kind; milliseconds that another configuration takes, and that it takes to compile every
namespace, at first and by that configuration.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from pathlib import Path

from patches.policy.configuration import DefaulterConfiguration, Mode
from tests.gatherers.live_faults import beside, until
from webhook.cluster.api import ClusterClient
from webhook.gatherers.live import LiveGatherer
from webhook.review.namespace_cache import NamespaceCache


def resident() -> float:
    """MiB of this process."""
    match = re.search(r"VmRSS:\s+([0-9]+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    assert match is not None
    return int(match[1]) / 1024


async def compile_all(gatherer: LiveGatherer, namespaces: NamespaceCache, mode: Mode) -> float:
    """Ask for every namespace once, as its first review does. The milliseconds that it took."""
    names = tuple(gatherer._namespaces.rows)
    began = time.perf_counter()
    modes = {(await namespaces.find(name, "")).policy.mode for name in names}
    milliseconds = (time.perf_counter() - began) * 1000
    assert mode in modes
    assert len(namespaces._compiled) == len(names)
    return milliseconds


async def main(kubeconfig: Path) -> None:
    """Follow until synced, and once more from the start."""
    client = await ClusterClient.connect(kubeconfig)
    try:
        gatherer = LiveGatherer(client)
        namespaces = NamespaceCache(gatherer, DefaulterConfiguration())
        empty, began = resident(), time.monotonic()
        async with beside(gatherer.run()):
            await until(lambda: gatherer.synced, 120)
        seconds = time.monotonic() - began
        compiled = await compile_all(gatherer, namespaces, Mode.ENFORCE)
        full = resident()
        for kind in gatherer._kinds:
            kind.reflector.version = ""
        async with beside(gatherer.run()):
            await until(lambda: all(kind.reflector.version for kind in gatherer._kinds), 120)
        await compile_all(gatherer, namespaces, Mode.ENFORCE)
        again = resident()
        began = time.perf_counter()
        namespaces.configure(DefaulterConfiguration(mode=Mode.AUDIT))
        configured = (time.perf_counter() - began) * 1000
        compiled_anew = await compile_all(gatherer, namespaces, Mode.AUDIT)
        objects = {row.kind: row.objects for row in gatherer.status()}
        row = {"empty": empty, "full": full, "again": again, "seconds": seconds, "configure": configured}
        print(json.dumps({**row, "compile": compiled, "compile_anew": compiled_anew, "objects": objects}))
    finally:
        await client.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
