"""Log lines as text or JSON: one record on one line, with fields of its own beside time, level, logger and message."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import msgspec
from aiohttp.http_exceptions import HttpProcessingError

FIELDS: Final = "fields"
"""The attribute of a record that has its own fields: `log.info("…", extra={FIELDS: {…}})`."""

_encoder: Final = msgspec.json.Encoder()


@lru_cache(2)
def _second(timestamp: int) -> str:
    """A Unix time as ISO 8601 writes it, without zone. Many lines have the same one."""
    return datetime.fromtimestamp(timestamp, UTC).replace(tzinfo=None).isoformat()


class JsonFormatter(logging.Formatter):
    """Format a record as one JSON object. Control characters are escaped, so that no record forges a second line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its newline."""
        line: dict[str, Any] = {
            "time": f"{_second(int(record.created))}.{int(record.msecs):03}+00:00",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, FIELDS, {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _encoder.encode(line).decode()


class TextFormatter(logging.Formatter):
    """Format a record for people: the message, then the fields as JSON values."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's own name)
        """Return the line, without exception and newline."""
        fields: dict[str, Any] = getattr(record, FIELDS, {})
        return " ".join(
            [
                super().formatMessage(record),
                *(f"{key}={_encoder.encode(value).decode()}" for key, value in fields.items()),
            ]
        )


def configure_logs(style: str, level: str, handler: logging.Handler) -> None:
    """Set up logging for the whole process.

    Args:
        style: `json` or `text`.
        level: the least level that is logged, such as `info`.
        handler: takes the records.
    """
    # What no formatter of ours shows is not looked up for each record: https://docs.python.org/3/howto/logging.html
    logging._srcfile = None  # noqa: SLF001 (as "Optimization" there says)
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("aiohttp.server").addFilter(_strip_request)  # adding the same filter twice has no effect


def _strip_request(record: logging.LogRecord) -> bool:
    """Shorten the record of a request that is not HTTP: its traceback shows the bytes, which may include a token."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, HttpProcessingError):
        record.msg, record.args = f"{record.getMessage()}: {error.code}, what it sent is no request", ()
        record.exc_info = None
        record.levelno, record.levelname = logging.INFO, "INFO"
    return True
