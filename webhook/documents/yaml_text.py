"""Reads YAML text with PyYAML's parser, in C where PyYAML was built with it; what scalars mean is our own matter."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import yaml

from webhook.documents.builder import MERGE, Builder
from webhook.documents.positions import LINE_END, At, position_of
from webhook.documents.scalars import Raw, resolve
from webhook.errors import BrokenDocument

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MERGE_TAG: Final = "tag:yaml.org,2002:merge"

_TEMPLATE: Final = "; this looks like a template, which has to be rendered first"

# Everything but what YAML 1.1 allows in a stream.
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read_yaml(text: str, new_builder: Callable[[], Builder]) -> Iterator[Builder]:
    """Yield the filled builder of each document in `text`, as a rule one.

    `new_builder` is called for each document, after the one before it was yielded. Raises BrokenDocument.
    """
    builder = new_builder()
    bad = _FORBIDDEN.search(text)
    if bad:
        where = position_of(text, bad.start())
        raise builder.broken(f"the control character U+{ord(bad[0]):04X} is not allowed", where)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            if isinstance(event, yaml.DocumentEndEvent):
                yield builder
                builder = new_builder()
            else:
                _feed(event, builder, text)
    except yaml.MarkedYAMLError as error:
        raise _explained(error, builder, text) from None


def _feed(event: Any, builder: Builder, text: str) -> None:
    mark = event.start_mark
    where = At(mark.line, mark.column)
    if isinstance(event, yaml.ScalarEvent):
        builder.scalar(_resolved(event, builder, where), where, event.anchor)
    elif isinstance(event, yaml.MappingStartEvent):
        if text.startswith("{{", mark.index):
            raise builder.broken(f'a value cannot begin with "{{{{"{_TEMPLATE}', where)
        builder.open({}, where, event.anchor)
    elif isinstance(event, yaml.SequenceStartEvent):
        builder.open([], where, event.anchor)
    elif isinstance(event, yaml.CollectionEndEvent):
        builder.close(where)
    elif isinstance(event, yaml.AliasEvent):
        builder.alias(str(event.anchor), where)


def _resolved(event: yaml.ScalarEvent, builder: Builder, where: At) -> Raw | object:
    plain: bool = event.implicit[0]  # or with the tag "!", which makes it a string, but "<<" a merge key
    if event.value == "<<" and (plain or event.tag == _MERGE_TAG):
        return MERGE
    if event.tag is None and not plain:
        return event.value
    try:
        return resolve(event.tag, event.value)
    except ValueError as error:
        raise builder.broken(str(error), where) from None


def _explained(error: yaml.MarkedYAMLError, builder: Builder, text: str) -> BrokenDocument:
    """The parser's message, with what it was doing, and a hint where one mistake is the usual cause."""
    mark: Any = error.problem_mark or error.context_mark
    where = At(mark.line, mark.column) if mark else At(0, 0)
    message = error.problem or error.context or "the text is not YAML"
    lines = LINE_END.split(text)
    line = lines[where.line] if where.line < len(lines) else ""
    if "cannot start any token" in message:
        character = line[where.column : where.column + 1]
        message = f'quote values that begin with "{character}"'
        if character == "\t":
            message = "a tab cannot indent; use spaces"
    elif error.problem and error.context:
        message += f", {error.context}"
        if error.context_mark and error.context_mark.line != where.line:
            message += f" that begins on line {builder.line_at(error.context_mark.line)}"
    if "{{" in text:
        message += _TEMPLATE
    return builder.broken(message, where)
