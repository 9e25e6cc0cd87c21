"""Parses JSON: one object or several, one after the other.

Python's own parser checks the syntax of a value; a pass over its tokens then finds duplicate keys and lines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from typing import Final, NamedTuple, NoReturn

from webhook.documents.events import (
    LINE_END,
    DocumentEnd,
    End,
    Event,
    ListStart,
    MappingStart,
    Scalar,
    position_of,
)
from webhook.documents.scalars import Raw

_TOKEN: Final = re.compile(rf'[{{}}\[\]]|("(?:[^"\\]|\\.)*")|([-0-9][-+.0-9eE]*)|(true|false|null)|{LINE_END.pattern}')
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_OBJECT: Final = re.compile(r"[ \t\r\n]*\{")
_JSON_OBJECT: Final = re.compile(r'[ \t\r\n]*\{[ \t\r\n]*["}]')
_CONSTANTS: Final = {"true": True, "false": False, "null": None}
_LONGEST_INTEGER: Final = 19


class NotJson(NamedTuple):
    """Why the text stops being JSON.

    Attributes:
        line: the line of what is wrong, in the whole input, from 1.
        column: its column, from 1.
        message: what is wrong.
        documents: how many documents before it were JSON.
        rest: the offset behind them in the text.
        rest_line: the line of `rest`.
    """

    line: int
    column: int
    message: str
    documents: int
    rest: int
    rest_line: int


def may_be_json(text: str) -> bool:
    """Whether kubectl tries JSON first: it does so where an object's brace comes first."""
    return _OBJECT.match(text) is not None


def is_meant_as_json(text: str) -> bool:
    """Whether the author meant JSON rather than a YAML mapping in flow style, so that errors should speak of JSON."""
    return _JSON_OBJECT.match(text) is not None


def parse_json(text: str, first_line: int) -> Generator[Event, None, NotJson | None]:
    """Yield the events of each value in `text`, which begins on `first_line` of the input.

    No event comes of a value that is not JSON.

    Returns:
        Why it ended before the text did; None if all of it is JSON.
    """
    begin, documents = _skip_space(text, 0), 0
    line, _ = position_of(text, begin, first_line)
    while begin < len(text):
        try:
            end = _end_of_value(text, begin)
        except json.JSONDecodeError as error:
            return NotJson(*position_of(text, error.pos, first_line), error.msg, documents, begin, line)
        line = yield from _value(text, begin, end, line)
        begin, documents = end, documents + 1
    return None


def _end_of_value(text: str, begin: int) -> int:
    """Where the next value begins. Raises JSONDecodeError."""
    decoder = json.JSONDecoder(parse_constant=_refuse, parse_int=str, parse_float=str)  # numbers are read later
    try:
        return _skip_space(text, decoder.raw_decode(text, begin)[1])
    except RecursionError:
        return len(text)  # deeper than the bound, as the composer is about to find


def _value(text: str, begin: int, end: int, line: int) -> Generator[Event, None, int]:
    """Yield the events of the value between `begin`, on `line`, and `end`. Returns the line of `end`."""
    line_begin = text.rfind("\n", 0, begin) + 1
    for token in _TOKEN.finditer(text, begin, end):
        column = token.start() - line_begin + 1
        match token[0]:
            case "{":
                yield MappingStart(line, column)
            case "[":
                yield ListStart(line, column)
            case "}" | "]":
                yield End(line, column)
            case "\n" | "\r" | "\r\n":
                line, line_begin = line + 1, token.end()
            case _:
                yield Scalar(line, column, _scalar(token))
    yield DocumentEnd(line, end - line_begin + 1)
    return line


def _scalar(token: re.Match[str]) -> Raw:
    string, number, constant = token.groups()
    if constant:
        return _CONSTANTS[constant]
    if number:
        digits = number.lstrip("-")
        return int(number) if digits.isdecimal() and len(digits) <= _LONGEST_INTEGER else float(number)
    if "\\" not in string:
        return string[1:-1]
    return _SURROGATE.sub("\ufffd", json.loads(string))  # as Go reads half a pair


def _skip_space(text: str, offset: int) -> int:
    space = _SPACE.match(text, offset)
    return space.end() if space else offset


def _refuse(constant: str) -> NoReturn:
    """Python knows NaN and Infinity, JSON does not."""
    raise json.JSONDecodeError(f"{constant} is no JSON number", constant, 0)
