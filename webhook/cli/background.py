"""Runs a server until it is told to end: its event loop, the tasks beside it, and what it reports."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol

from webhook.errors import DefaulterError, exit_status
from webhook.server.parts import Work
from webhook.telemetry.log_writer import LogHandler, LogWriter
from webhook.telemetry.logs import configure_logs

_LOG: Final = logging.getLogger("webhook.cli")

if sys.platform == "win32":  # uvloop has no wheels there
    _run = asyncio.run
else:
    from uvloop import run as _run


class LogOptions(Protocol):
    """The options of a command that serves."""

    @property
    def log_format(self) -> str:
        """`text` or `json`."""

    @property
    def log_level(self) -> str:
        """The lowest level to log."""


def run_to_end(options: LogOptions, work: Coroutine[Any, Any, None]) -> int:
    """Run a command until SIGTERM or SIGINT, and return the exit status."""
    writer = LogWriter(sys.stderr)
    configure_logs(options.log_format, options.log_level, LogHandler(writer))
    try:
        _run(work)
    except DefaulterError as error:
        _report_failure(options, str(error))
        return exit_status(error)
    except OSError as error:
        _report_failure(options, error.strerror or str(error))
        return 2
    finally:
        writer.close()
    return 0


def report(options: LogOptions, text: str) -> None:
    """Print a line for people, or log it for log collectors."""
    if options.log_format == "json":
        _LOG.info("%s", text)
    else:
        print(text, flush=True)


def _report_failure(options: LogOptions, problem: str) -> None:
    if options.log_format == "json":
        _LOG.critical("%s", problem)
    else:
        print(f"error: {problem}", file=sys.stderr)


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
