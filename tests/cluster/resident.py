"""A process that follows a cluster and tells what that costs: `resident.py KUBECONFIG`, for test_cache_memory.py.

Prints one line of JSON: MiB resident before and after the first lists and after as many again, seconds until synced,
objects by kind, milliseconds that another configuration takes.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from pathlib import Path

from patches.policy.configuration import DefaulterConfiguration, Mode
from tests.sources.live_faults import beside, until
from webhook.cluster.api import ClusterClient
from webhook.sources.live import LiveSource


def resident() -> float:
    """MiB of this process."""
    match = re.search(r"VmRSS:\s+([0-9]+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    assert match is not None
    return int(match[1]) / 1024


async def main(kubeconfig: Path) -> None:
    """Follow until synced, and once more from the start."""
    cluster = await ClusterClient.connect(kubeconfig)
    try:
        source = LiveSource(cluster, DefaulterConfiguration())
        empty, began = resident(), time.monotonic()
        async with beside(source.run()):
            await until(lambda: source.synced, 120)
        seconds, full = time.monotonic() - began, resident()
        for kind in source._kinds:
            kind.reflector.version = ""
        async with beside(source.run()):
            await until(lambda: all(kind.reflector.version for kind in source._kinds), 120)
        again = resident()
        began = time.perf_counter()
        source.configure(DefaulterConfiguration(mode=Mode.WARN))
        milliseconds = (time.perf_counter() - began) * 1000
        objects = {row.kind: row.objects for row in source.status()}
        row = {"empty": empty, "full": full, "again": again, "seconds": seconds, "configure": milliseconds}
        print(json.dumps({**row, "objects": objects}))
    finally:
        await cluster.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
