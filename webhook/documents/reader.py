"""Reads YAML and JSON as kubectl 1.37 does, with the line of every field. One bad document never hides the others.

An input becomes chunks, a chunk becomes events, events become the trees of documents. What kubectl would refuse or skip
although YAML allows it is read all the same, with a warning.
"""

from __future__ import annotations

from collections.abc import Iterator

from webhook.documents.bounds import MAX_DOCUMENTS, AliasBudget
from webhook.documents.composer import Tree, compose
from webhook.documents.document import Document, DocumentWarning
from webhook.documents.events import Event, Problem, position_of
from webhook.documents.json_events import is_meant_as_json, may_be_json, parse_json
from webhook.documents.lists import flatten
from webhook.documents.splitting import Chunk, split, to_utf8
from webhook.documents.yaml_events import parse_yaml
from webhook.errors import BrokenDocument, DocumentTooLarge

__all__ = ["BrokenDocument", "Document", "DocumentTooLarge", "DocumentWarning", "flatten", "read_documents"]


def read_documents(data: bytes, source: str, *, limit: int | None = None) -> Iterator[Document | BrokenDocument]:
    """Read the documents of an input one by one, in their order. Leaves out those without content, or with null.

    Args:
        data: YAML or JSON in UTF-8 or, with a byte order mark, UTF-16.
        source: name of the input, for errors.
        limit: the most bytes that are read; of larger input nothing is. None for no limit.

    Yields:
        Each document. In place of one that cannot be read the error, which is never raised.
    """
    if limit is not None and len(data) > limit:
        message = f"the input has {len(data)} bytes, of at most {limit}"
        yield DocumentTooLarge(message, source=source, number=1, line=1, column=1)
        return
    try:
        text = to_utf8(data)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-16", "replace")
        line, _ = position_of(before, len(before), 1)
        message = "the byte order mark says UTF-16, but the text is not"
        yield BrokenDocument(message, source=source, number=1, line=line, column=1)
        return
    yield from _read(text, source)


def _read(text: bytes, source: str) -> Iterator[Document | BrokenDocument]:
    budget = AliasBudget()
    number = 1  # of the next document; chunks count the empty ones too
    for chunks, chunk in enumerate(split(text), start=1):
        try:
            _check_number(number, chunks, source, chunk)
            events = _events(chunk)
            while tree := compose(events, source=source, number=number, budget=budget):
                if tree.value is not None:
                    _check_number(number, chunks, source, chunk)
                    yield Document(source, number, tree.value, tree.place, _warnings(tree, chunk))
                    number += 1
        except BrokenDocument as error:
            yield error
            number += 1
        if max(number - 1, chunks) > MAX_DOCUMENTS:
            return


def _check_number(number: int, chunks: int, source: str, chunk: Chunk) -> None:
    if max(number, chunks) > MAX_DOCUMENTS:
        message = f"the input has more than {MAX_DOCUMENTS} documents"
        raise DocumentTooLarge(message, source=source, number=number, line=chunk.first_line, column=1)


def _events(chunk: Chunk) -> Iterator[Event]:
    """Parse a chunk."""
    try:
        text = chunk.data.decode()
    except UnicodeDecodeError as error:
        before = chunk.data[: error.start].decode()
        message = f"byte 0x{chunk.data[error.start]:02x} is not valid UTF-8"
        return iter([Problem(*position_of(before, len(before), chunk.first_line), message)])
    parse = _parse_json_first if may_be_json(text) else parse_yaml
    return parse(text, chunk.first_line)


def _parse_json_first(text: str, first_line: int) -> Iterator[Event]:
    """Parse as JSON as much as kubectl does so, and the rest as YAML."""
    end = yield from parse_json(text, first_line)
    if end is None:
        return
    # After one object kubectl takes the rest for YAML, after several no longer.
    if end.documents > 1 or (end.documents == 0 and is_meant_as_json(text) and not _is_yaml(text)):
        yield Problem(end.line, end.column, f"not JSON: {end.message}")
    else:
        yield from parse_yaml(text[end.rest :], end.rest_line)


def _is_yaml(text: str) -> bool:
    """Whether text that is not JSON is a YAML mapping in flow style all the same, or one beyond a bound."""
    events = parse_yaml(text, first_line=1)
    try:
        while compose(events, source="", number=1, budget=AliasBudget()):
            pass
    except BrokenDocument as error:
        return isinstance(error, DocumentTooLarge)
    return True


def _warnings(tree: Tree, chunk: Chunk) -> tuple[DocumentWarning, ...]:
    """The warnings about a document, in the order of the lines; that about its chunk comes first."""
    warnings = sorted(tree.warnings, key=lambda warning: warning.line)
    return (DocumentWarning(chunk.first_line, chunk.warning), *warnings) if chunk.warning else tuple(warnings)
