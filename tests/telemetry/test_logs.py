"""Log lines: one line each, in text and in JSON, whatever is in them."""

from __future__ import annotations

import io
import json
import logging
import re
from typing import Any

import pytest
from aiohttp.http_exceptions import BadHttpMessage

from webhook.telemetry.log_writer import LogHandler, LogWriter
from webhook.telemetry.logs import FIELDS, FieldLog, configure_logs

pytestmark = pytest.mark.usefixtures("root_logger")


def _lines(style: str, level: str = "info") -> tuple[logging.Logger, io.StringIO]:
    stream = io.StringIO()
    configure_logs(style, level, logging.StreamHandler(stream))
    return logging.getLogger("test.logs"), stream


def test_json_is_one_object_a_line() -> None:
    """Time, level, logger, message and the record's own fields; a newline or a control character is escaped."""
    log, stream = _lines("json")
    log.info("hello\n%s", "world", extra={FIELDS: {"uid": 'a"\u0007\n', "seconds": 0.5}})
    (line,) = stream.getvalue().splitlines()
    value = json.loads(line)
    assert value.pop("time").endswith("+00:00")
    assert value == {
        "level": "info",
        "logger": "test.logs",
        "message": "hello\nworld",
        "uid": 'a"\u0007\n',
        "seconds": 0.5,
    }


def test_an_exception_stays_on_the_line() -> None:
    """Its traceback is a field."""
    log, stream = _lines("json")
    try:
        int("gone")
    except ValueError:
        log.exception("it failed")
    (line,) = stream.getvalue().splitlines()
    assert "ValueError: invalid literal" in json.loads(line)["exception"]


def test_text_is_for_people() -> None:
    """The message, then the fields; a caller's newline cannot forge a second line."""
    log, stream = _lines("text")
    log.info("admission", extra={FIELDS: {"uid": "a\nb", "decision": "patched"}})
    (line,) = stream.getvalue().splitlines()
    assert line.endswith(r'INFO test.logs: admission uid="a\nb" decision="patched"')


def test_the_level_is_kept() -> None:
    """From `warning` on, no line for each review."""
    log, stream = _lines("json", "warning")
    log.info("quiet")
    log.warning("loud")
    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == ["loud"]


def test_what_is_no_request_is_not_shown() -> None:
    """A request that is broken is told with its bytes, which may be a token: they stay out of the log."""
    _, stream = _lines("json")
    log = logging.getLogger("aiohttp.server")
    error = BadHttpMessage("Invalid header: b'Authorization : Bearer secret'")
    log.error("Error handling request from %s", "::1", exc_info=error)
    value = json.loads(stream.getvalue())
    assert (value["level"], value["logger"]) == ("info", "aiohttp.server")
    assert value["message"] == "Error handling request from ::1: 400, what it sent is no request"
    assert "secret" not in stream.getvalue()
    log.error("another", exc_info=ValueError("kept"))
    assert "kept" in stream.getvalue()


def _written(style: str, level: str, *, directly: bool, fields: dict[str, Any]) -> str:
    """What our own handler writes of a message with fields, as a line of FieldLog or as a record."""
    stream = io.TextIOWrapper(io.BytesIO())
    writer = LogWriter(stream)
    configure_logs(style, level, LogHandler(writer))
    if directly:
        FieldLog("test.logs").write("admission", fields)
    else:
        logging.getLogger("test.logs").info("admission", extra={FIELDS: fields})
    writer.close()
    line = stream.buffer.getvalue().decode()
    return re.sub(r"\d\d:\d\d:\d\d[.,]\d{3}", "TIME", line)


@pytest.mark.parametrize("style", ["json", "text"])
@pytest.mark.parametrize("fields", [{"uid": "a\nb", "seconds": 0.5}, {"name": "\udc80"}, {"": None}], ids=str)
def test_a_line_that_is_no_record_looks_like_one(style: str, fields: dict[str, Any]) -> None:
    """Whether a message came as a record or not, its line is the same; what UTF-8 cannot say is escaped."""
    line = _written(style, "info", directly=True, fields=fields)
    assert line == _written(style, "info", directly=False, fields=fields)
    assert line.count("\n") == 1
    assert "admission" in line


def test_a_line_that_is_no_record_has_a_level() -> None:
    """From `warning` on, none."""
    assert _written("json", "warning", directly=True, fields={}) == ""


def test_a_line_that_cannot_be_made_fails_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    """It is told on standard error, as of every handler of the standard library."""
    assert _written("json", "info", directly=True, fields={"value": object()}) == ""
    assert "--- Logging error ---" in capsys.readouterr().err


@pytest.mark.parametrize("style", ["json", "text"])
def test_a_message_that_utf_8_cannot_say(style: str) -> None:
    """A file's name may have any bytes; what is said about the file arrives all the same."""
    log, stream = _lines(style)
    log.error("conf/b\udc80.yaml: %s", "mode", extra={FIELDS: {"file": "b\udc80"}})
    (line,) = stream.getvalue().splitlines()
    assert r"conf/b\udc80.yaml: mode" in line.replace(r"\\", "\\")
