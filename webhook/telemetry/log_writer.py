"""Writes log lines in a thread, so that neither a slow reader nor the calls themselves keep the event loop waiting.

A line waits a few milliseconds for others, to be written with them: to wake the thread and to write cost more than to
make a line. If the process is killed, these are lost; SIGTERM loses none. If the reader stalls, lines are kept up to a
bound; beyond it they are dropped and counted.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from io import FileIO
from typing import BinaryIO, Final, TextIO

_MOST_BYTES: Final = 8 * 1024 * 1024
"""Of lines that wait: some 20,000 admissions."""
_GATHER_SECONDS: Final = 0.02
_CLOSE_SECONDS: Final = 2.0


_dropped: Final[Counter[str]] = Counter()


def dropped_lines() -> int:
    """The number of lines that were dropped, because too many waited or nobody reads them."""
    return _dropped["lines"]


class LogWriter:
    """Writes lines to a stream."""

    def __init__(self, stream: TextIO, most_bytes: int = _MOST_BYTES) -> None:
        """Start the thread; `most_bytes` of lines may wait."""
        self._file = _unbuffered(stream)
        self._most_bytes = most_bytes
        self._lines: list[bytes] = []
        self._size = 0
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def put(self, line: bytes) -> None:
        """Have a line written soon, at once after `close`. It ends with a newline."""
        if self._closed.is_set():
            self._write([line])
            return
        with self._lock:
            if self._size + len(line) > self._most_bytes:
                _dropped["lines"] += 1
                return
            self._lines.append(line)
            self._size += len(line)
            is_first = len(self._lines) == 1
        if is_first:
            self._wake.set()

    def close(self, seconds: float = _CLOSE_SECONDS) -> None:
        """Write what waits and end; what a reader that stalls has not taken within `seconds` is lost."""
        self._closed.set()
        self._wake.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._closed.is_set() or self._lines:
            self._wake.wait()
            self._closed.wait(_GATHER_SECONDS)
            self._wake.clear()
            with self._lock:
                lines, self._lines, self._size = self._lines, [], 0
            self._write(lines)

    def _write(self, lines: list[bytes]) -> None:
        rest = memoryview(b"".join(lines))
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError:  # nobody reads any more
            _dropped["lines"] += len(lines)


def _unbuffered(stream: TextIO) -> BinaryIO | FileIO:
    """The file of a stream: the lock of its buffer is not to be held while a reader stalls."""
    try:
        return FileIO(stream.fileno(), "wb", closefd=False)
    except OSError:  # it is none of the system's
        return stream.buffer


class LogHandler(logging.Handler):
    """Hands records to a writer as lines."""

    def __init__(self, writer: LogWriter) -> None:
        """Write by `writer`."""
        super().__init__()
        self._writer = writer

    def put(self, line: bytes) -> None:
        """Have a line written. It has no newline yet."""
        self._writer.put(line + b"\n")

    def emit(self, record: logging.LogRecord) -> None:
        """Format a record and have it written."""
        try:
            self.put(self.format(record).encode(errors="backslashreplace"))
        except Exception:  # noqa: BLE001 (as every handler of the standard library)
            self.handleError(record)
