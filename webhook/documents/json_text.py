"""Reads JSON text: one object or several, one after the other.

Python's own parser checks the syntax; a pass over the tokens then finds duplicate keys and the line of each field.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Final, NoReturn

from webhook.documents.builder import Builder
from webhook.documents.positions import LINE_END, At, position_of
from webhook.documents.scalars import Raw

_TOKEN: Final = re.compile(rf'[{{}}\[\]]|("(?:[^"\\]|\\.)*")|([-0-9][-+.0-9eE]*)|(true|false|null)|{LINE_END.pattern}')
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_OBJECT: Final = re.compile(r"[ \t\r\n]*\{")
_JSON_OBJECT: Final = re.compile(r'[ \t\r\n]*\{[ \t\r\n]*["}]')
_CONSTANTS: Final = {"true": True, "false": False, "null": None}
_LONGEST_INTEGER: Final = 19


class NotJson(Exception):
    """From `rest` on the text is not JSON; `documents` objects before that were. `where` is what is wrong."""

    def __init__(self, message: str, where: At, *, rest: int, documents: int) -> None:
        super().__init__(message)
        self.where = where
        self.rest = rest
        self.documents = documents


def may_be_json(text: str) -> bool:
    """Whether kubectl tries JSON first: it does so where an object's brace comes first."""
    return _OBJECT.match(text) is not None


def is_meant_as_json(text: str) -> bool:
    """Whether the author meant JSON rather than a YAML mapping in flow style, so that errors should speak of JSON."""
    return _JSON_OBJECT.match(text) is not None


def read_json(text: str, new_builder: Callable[[], Builder]) -> Iterator[Builder]:
    """Yield the filled builder of each value in `text`; `new_builder` is called for each, after the one before.

    Raises NotJson where the text is not JSON, BrokenDocument where it is and a bound or kubectl refuses it.
    """
    begin, documents = _skip_space(text, 0), 0
    first_line = position_of(text, begin).line
    while begin < len(text):
        builder = new_builder()
        try:
            end = _end_of_value(text, begin)
        except json.JSONDecodeError as error:
            raise NotJson(error.msg, position_of(text, error.pos), rest=begin, documents=documents) from None
        first_line = _feed(text, begin, end, builder, first_line)
        yield builder
        begin, documents = end, documents + 1


def _end_of_value(text: str, begin: int) -> int:
    """Where the next value begins. Raises JSONDecodeError."""
    decoder = json.JSONDecoder(parse_constant=_refuse, parse_int=str, parse_float=str)  # numbers are read later
    try:
        return _skip_space(text, decoder.raw_decode(text, begin)[1])
    except RecursionError:
        return len(text)  # deeper than the bound, as the builder is about to find


def _feed(text: str, begin: int, end: int, builder: Builder, line: int) -> int:
    """Hand the tokens between `begin`, on `line`, and `end` to the builder; returns the line of `end`."""
    line_begin = text.rfind("\n", 0, begin) + 1
    for token in _TOKEN.finditer(text, begin, end):
        where = At(line, token.start() - line_begin)
        match token[0]:
            case "{":
                builder.open({}, where)
            case "[":
                builder.open([], where)
            case "}" | "]":
                builder.close(where)
            case "\n" | "\r" | "\r\n":
                line, line_begin = line + 1, token.end()
            case _:
                builder.scalar(_scalar(token), where)
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
