"""Log lines as text or JSON: one record on one line, with fields of its own beside time, level, logger and message."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from time import localtime, strftime, time
from typing import Any, Final

import msgspec
from aiohttp.http_exceptions import HttpProcessingError

from webhook.telemetry.log_writer import LogHandler

FIELDS: Final = "fields"
"""The attribute of a record that has its own fields: `log.info("…", extra={FIELDS: {…}})`."""

_encoder: Final = msgspec.json.Encoder()


@lru_cache(2)
def _local_second(timestamp: int) -> str:
    """A Unix time as `logging` writes it."""
    return strftime("%Y-%m-%d %H:%M:%S", localtime(timestamp))


@lru_cache(2)
def _second(timestamp: int) -> str:
    """A Unix time as ISO 8601 writes it, without zone. Many lines have the same one."""
    return datetime.fromtimestamp(timestamp, UTC).replace(tzinfo=None).isoformat()


class LineFormatter(ABC, logging.Formatter):
    """Format a message with fields of its own as one line."""

    def line(self, seconds: float, level: str, logger: str, message: str, fields: Mapping[str, Any]) -> bytes:
        """Return a line, without its newline. What UTF-8 cannot say, such as a file's name of other bytes, is escaped.

        Args:
            seconds: Unix time.
            level: as `logging` names it.
            logger: name of the logger.
            message: what happened.
            fields: the values of its own, by name.
        """
        try:
            return self._encode(seconds, level, logger, message, fields)
        except UnicodeEncodeError:
            escaped = {key: _escape(value) if isinstance(value, str) else value for key, value in fields.items()}
            return self._encode(seconds, level, logger, _escape(message), escaped)

    def _line_of(self, record: logging.LogRecord, fields: Mapping[str, Any]) -> str:
        """Return the line of a record."""
        return self.line(record.created, record.levelname, record.name, record.getMessage(), fields).decode()

    @abstractmethod
    def _encode(self, seconds: float, level: str, logger: str, message: str, fields: Mapping[str, Any]) -> bytes:
        """Return a line, or raise UnicodeEncodeError."""


class JsonFormatter(LineFormatter):
    """Format a line as one JSON object, at the time in UTC. Control characters are escaped: nothing forges a line."""

    def _encode(self, seconds: float, level: str, logger: str, message: str, fields: Mapping[str, Any]) -> bytes:
        at = f"{_second(int(seconds))}.{int(seconds * 1000) % 1000:03}+00:00"
        return _encoder.encode({"time": at, "level": level.lower(), "logger": logger, "message": message, **fields})

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record, without its newline."""
        fields: dict[str, Any] = getattr(record, FIELDS, {})
        if record.exc_info:
            fields = {**fields, "exception": self.formatException(record.exc_info)}
        return self._line_of(record, fields)


class TextFormatter(LineFormatter):
    """Format a line for people, at the time as `logging` writes it: the message, then the fields as JSON values."""

    def _encode(self, seconds: float, level: str, logger: str, message: str, fields: Mapping[str, Any]) -> bytes:
        head = f"{_local_second(int(seconds))},{int(seconds * 1000) % 1000:03} {level} {logger}: {message}".encode()
        return b" ".join([head, *(b"%b=%b" % (key.encode(), _encoder.encode(value)) for key, value in fields.items())])

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's own name)
        """Return the line of a record, without exception and newline."""
        return self._line_of(record, getattr(record, FIELDS, {}))


def _escape(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


class FieldLog:
    """Logs messages with fields, thousands a second.

    Where our own handler is the only one, it gets their lines as they are: to make a record of each and to pass it on
    would take half as much again, 7 µs instead of 5 for an admission in JSON. No filter on the way sees them.
    """

    def __init__(self, name: str) -> None:
        """Log as the logger of this name, at level `info`."""
        self._logger = logging.getLogger(name)

    @property
    def enabled(self) -> bool:
        """Whether anybody reads it."""
        return self._logger.isEnabledFor(logging.INFO)

    def write(self, message: str, fields: Mapping[str, Any]) -> None:
        """Log a message with fields, if anybody reads it. Never raises."""
        if not self.enabled:
            return
        handlers = logging.root.handlers
        handler = handlers[0] if len(handlers) == 1 else None
        if isinstance(handler, LogHandler) and isinstance(handler.formatter, LineFormatter):
            try:
                handler.put(handler.formatter.line(time(), "INFO", self._logger.name, message, fields))
            except Exception:  # noqa: BLE001 (the next line says it as every handler of the standard library does)
                self._logger.info(message, extra={FIELDS: fields})
        else:
            self._logger.info(message, extra={FIELDS: fields})


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
