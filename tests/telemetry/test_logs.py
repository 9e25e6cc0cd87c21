"""Log lines: one line each, in text and in JSON, whatever is in them."""

from __future__ import annotations

import io
import json
import logging

import pytest
from aiohttp.http_exceptions import BadHttpMessage

from webhook.telemetry.logs import FIELDS, configure_logs

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
