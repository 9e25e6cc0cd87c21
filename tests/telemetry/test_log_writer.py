"""Lines are written in their order by a thread: nobody waits for the reader, and what is lost is counted."""

from __future__ import annotations

import io
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import pytest

from webhook.telemetry.log_writer import LogHandler, LogWriter, dropped_lines
from webhook.telemetry.metrics import Metrics

_LINE = b"x" * 999 + b"\n"
_PIPE = 64 * 1024
"""Bytes that a pipe holds until somebody reads."""


@contextmanager
def _pipe() -> Iterator[tuple[int, TextIO]]:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w", encoding="utf-8") as stream:
        yield reader, stream


def _read_all(reader: int) -> bytes:
    with os.fdopen(reader, "rb") as file:
        return file.read()


def test_every_line_arrives_in_order() -> None:
    """Close writes what waits."""
    lines = [b"%d\n" % number for number in range(5000)]
    with _pipe() as (reader, stream):
        writer = LogWriter(stream)
        for line in lines:
            writer.put(line)
        writer.close()
        writer.put(b"after the end\n")
    assert _read_all(reader) == b"".join(lines) + b"after the end\n"


def test_a_line_does_not_wait_for_others() -> None:
    """It is there a moment later, without another one and without the end."""
    with _pipe() as (reader, stream):
        writer = LogWriter(stream)
        for line in (b"first\n", b"second\n"):
            writer.put(line)
            assert os.read(reader, 100) == line
        writer.close()
        os.close(reader)


def test_a_reader_that_stalls_keeps_nobody_waiting() -> None:
    """What exceeds the bound is dropped and counted, on the metrics page too; the rest arrives when it reads again."""
    before = dropped_lines()
    with _pipe() as (reader, stream):
        writer = LogWriter(stream, most_bytes=20 * len(_LINE))
        began = time.monotonic()
        for _ in range(500):
            writer.put(_LINE)
        writer.close(seconds=0.1)  # it waits for the reader no longer than that
        assert time.monotonic() - began < 10
        dropped = dropped_lines() - before
        assert dropped >= 500 - 20 - _PIPE // len(_LINE) - 20  # those on their way beside those that wait
        assert f"psd_log_lines_dropped_total {dropped_lines()}.0\n".encode() in Metrics().page()
        arrived = b""
        while len(arrived) < (500 - dropped) * len(_LINE):
            arrived += os.read(reader, 1 << 20)
        writer.close()
    assert arrived == _LINE * (500 - dropped)
    os.close(reader)


def test_nobody_reads_any_more() -> None:
    """That ends nothing."""
    before = dropped_lines()
    with _pipe() as (reader, stream):
        os.close(reader)
        writer = LogWriter(stream)
        writer.put(b"lost\n")
        writer.close()
    assert dropped_lines() == before + 1


def test_a_stream_of_python() -> None:
    """One that is no file of the system, as in tests."""
    stream = io.TextIOWrapper(io.BytesIO())
    writer = LogWriter(stream)
    writer.put(b"line\n")
    writer.close()
    assert stream.buffer.getvalue() == b"line\n"


def test_a_record_that_cannot_be_formatted(capsys: pytest.CaptureFixture[str]) -> None:
    """It is told on standard error, as by every handler; others arrive, also with half a character."""
    stream = io.TextIOWrapper(io.BytesIO())
    writer = LogWriter(stream)
    handler = LogHandler(writer)
    for args in (("a", "b"), ("\ud800",)):
        handler.emit(logging.LogRecord("test", logging.INFO, __file__, 1, "%s", args, None))
    writer.close()
    assert stream.buffer.getvalue() == b"\\ud800\n"
    assert "not all arguments converted" in capsys.readouterr().err
