"""Parses YAML with PyYAML, in C where PyYAML was built with it. What scalars mean is our own matter.

Only PyYAML's parser is used. Its next step, to nodes, recurses in C without a bound: deep nesting kills the process.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import yaml

from webhook.documents.events import (
    LINE_END,
    Alias,
    DocumentEnd,
    End,
    Event,
    ListStart,
    MappingStart,
    Problem,
    Scalar,
    position_of,
)
from webhook.documents.scalars import read_plain
from webhook.documents.tags import resolve

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MERGE_TAG: Final = "tag:yaml.org,2002:merge"

_TEMPLATE: Final = "; this looks like a template, which has to be rendered first"

# Everything but what YAML 1.1 allows in a stream.
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def parse_yaml(text: str, first_line: int) -> Iterator[Event]:
    """Yield the events of all documents in `text`, which begins on `first_line` of the input.

    As kubectl's reader does, it ends the last line where the text does not: a block scalar there keeps a line end.
    """
    bad = _FORBIDDEN.search(text)
    if bad:
        message = f"the control character U+{ord(bad[0]):04X} is not allowed"
        yield Problem(*position_of(text, bad.start(), first_line), message)
        return
    try:
        for found in yaml.parse(text if text.endswith("\n") else text + "\n", Loader=_LOADER):
            mark: Any = found.start_mark
            line, column = mark.line + first_line, mark.column + 1
            if isinstance(found, yaml.ScalarEvent):
                yield _scalar(found, line, column)
            elif isinstance(found, yaml.CollectionEndEvent):
                yield End(line, column)
            elif isinstance(found, yaml.DocumentEndEvent):
                yield DocumentEnd(line, column)
            elif isinstance(found, yaml.NodeEvent):
                yield _node(found, line, column, text)
    except yaml.MarkedYAMLError as error:
        yield _problem(error, text, first_line)


def _node(found: yaml.NodeEvent, line: int, column: int, text: str) -> Event:
    """The event of an alias, or of the beginning of a mapping or list."""
    if isinstance(found, yaml.AliasEvent):
        return Alias(line, column, str(found.anchor))
    if isinstance(found, yaml.SequenceStartEvent):
        return ListStart(line, column, found.anchor)
    mark: Any = found.start_mark
    if text.startswith("{{", mark.index):
        return Problem(line, column, f'a value cannot begin with "{{{{"{_TEMPLATE}')
    return MappingStart(line, column, found.anchor)


def _scalar(found: yaml.ScalarEvent, line: int, column: int) -> Scalar | Problem:
    plain: bool = found.implicit[0]  # or with the tag "!", which makes it a string, but "<<" a merge key
    text, tag = found.value, found.tag
    if text == "<<" and (plain or tag == _MERGE_TAG):
        return Scalar(line, column, text, found.anchor, merges=True)
    if tag is None:
        return Scalar(line, column, read_plain(text) if plain else text, found.anchor)
    try:
        return Scalar(line, column, resolve(tag, text), found.anchor)
    except ValueError as error:
        return Problem(line, column, str(error))


def _problem(error: yaml.MarkedYAMLError, text: str, first_line: int) -> Problem:
    """The parser's message, with what it was doing, and a hint where one mistake is the usual cause."""
    mark: Any = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    if mark and mark.index > len(text):  # behind the line end that the parser was given in addition
        end, after = position_of(text, len(text), first_line=0)
        line, column = end, after - 1
    message = error.problem or error.context or "the text is not YAML"
    if "cannot start any token" in message:
        lines = LINE_END.split(text)
        character = lines[line][column : column + 1] if line < len(lines) else ""
        message = f'quote values that begin with "{character}"'
        if character == "\t":
            message = "a tab cannot indent; use spaces"
    elif error.problem and error.context:
        message += f", {error.context}"
        if error.context_mark and error.context_mark.line < line:
            message += f" that begins on line {error.context_mark.line + first_line}"
    if "{{" in text:
        message += _TEMPLATE
    return Problem(line + first_line, column + 1, message)
