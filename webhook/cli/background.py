"""Runs the event loop of a server, and tasks beside it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from webhook.server.parts import Work

if sys.platform == "win32":  # uvloop has no wheels there
    run_loop = asyncio.run
else:
    import uvloop

    run_loop = uvloop.run


@asynccontextmanager
async def run_background(background: Sequence[Work]) -> AsyncIterator[None]:
    """Run tasks beside the server. A bug in one ends the process, so that someone sees it and it is restarted."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work()) for work in background]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None
