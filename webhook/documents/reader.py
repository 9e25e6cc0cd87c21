"""Reads YAML and JSON as kubectl 1.37 does, with the line of every field, and one bad document never hides the others.

Where kubectl would refuse a stream that YAML allows, or would skip a part of it, the document is read and says so in
a warning.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from webhook.documents.bounds import MAX_DOCUMENTS, AliasBudget
from webhook.documents.builder import Builder
from webhook.documents.document import Document, DocumentWarning, flatten
from webhook.documents.errors import Origin
from webhook.documents.json_text import NotJson, is_meant_as_json, may_be_json, read_json
from webhook.documents.positions import position_of
from webhook.documents.splitting import Chunk, count_lines, split, to_utf8
from webhook.documents.yaml_text import read_yaml
from webhook.errors import BrokenDocument, DocumentTooLarge

__all__ = ["BrokenDocument", "Document", "DocumentTooLarge", "DocumentWarning", "flatten", "read_documents"]


def read_documents(data: bytes, source: str, *, limit: int | None = None) -> Iterator[Document | BrokenDocument]:
    """Yield the documents of `data`, YAML or JSON, in their order; documents without content, or null, are left out.

    `source` names the input in errors. UTF-8 or, with a byte order mark, UTF-16. Input of more than `limit` bytes is
    not read at all: one DocumentTooLarge says so. What is wrong is yielded in the document's place, never raised.
    """
    if limit is not None and len(data) > limit:
        yield Origin(source, 1, 0).too_large(f"the input has {len(data)} bytes, of at most {limit}", 0, 0)
        return
    try:
        text = to_utf8(data)
    except UnicodeDecodeError as error:
        line = count_lines(data[: error.start].decode("utf-16", "replace").encode())
        yield Origin(source, 1, 0).broken("the byte order mark says UTF-16, but the text is not", line, 0)
        return
    stream = _Stream(source, AliasBudget())
    for chunk in split(text):
        yield from stream.read(chunk)
        if stream.is_full:
            return


@dataclass(slots=True)
class _Stream:
    """What the documents of one input share. `number` is that of the next document; empty ones are chunks only."""

    source: str
    budget: AliasBudget
    number: int = 1
    chunks: int = 0

    @property
    def is_full(self) -> bool:
        """Whether there are more documents than an input may have."""
        return max(self.number - 1, self.chunks) > MAX_DOCUMENTS

    def read(self, chunk: Chunk) -> Iterator[Document | BrokenDocument]:
        """The documents of a chunk, and after the first that is broken no other."""
        self.chunks += 1
        try:
            for builder in self._builders(self._text(chunk), chunk.first_line):
                if builder.value is not None:
                    self._check_number(chunk)
                    yield self._document(builder, chunk)
                    self.number += 1
        except BrokenDocument as error:
            yield error
            self.number += 1

    def _check_number(self, chunk: Chunk) -> None:
        if max(self.number, self.chunks) > MAX_DOCUMENTS:
            message = f"the input has more than {MAX_DOCUMENTS} documents"
            raise self._origin(chunk.first_line).too_large(message, 0, 0)

    def _text(self, chunk: Chunk) -> str:
        self._check_number(chunk)
        try:
            return chunk.data.decode()
        except UnicodeDecodeError as error:
            line = count_lines(chunk.data[: error.start])
            message = f"byte 0x{chunk.data[error.start]:02x} is not valid UTF-8"
            raise self._origin(chunk.first_line).broken(message, line, _column(chunk.data, error.start)) from None

    def _builders(self, text: str, first_line: int) -> Iterator[Builder]:
        if may_be_json(text):
            try:
                yield from read_json(text, lambda: self._builder(first_line))
            except NotJson as error:
                # After one object kubectl takes the rest for YAML, after several no longer.
                if error.documents > 1 or (error.documents == 0 and is_meant_as_json(text) and not _is_yaml(text)):
                    raise self._origin(first_line).broken(f"not JSON: {error}", *error.where) from None
                first_line += position_of(text, error.rest).line
                text = text[error.rest :]
            else:
                return
        yield from read_yaml(text, lambda: self._builder(first_line))

    def _origin(self, first_line: int) -> Origin:
        return Origin(self.source, self.number, first_line)

    def _builder(self, first_line: int) -> Builder:
        return Builder(self._origin(first_line), self.budget)

    def _document(self, builder: Builder, chunk: Chunk) -> Document:
        warnings = sorted(builder.warnings, key=lambda warning: warning.line)
        if chunk.warning:
            warnings.insert(0, DocumentWarning(chunk.first_line + 1, chunk.warning))
        return Document(self.source, self.number, builder.value, builder.place, tuple(warnings))


def _column(data: bytes, offset: int) -> int:
    """The column, from 0, of the byte at `offset`, before which all is valid."""
    begin = max(data.rfind(b"\n", 0, offset), data.rfind(b"\r", 0, offset)) + 1
    return len(data[begin:offset].decode())


def _is_yaml(text: str) -> bool:
    """Whether text that is not JSON is a YAML mapping in flow style all the same, or one beyond a bound."""
    try:
        list(read_yaml(text, lambda: Builder(Origin("", 1, 0), AliasBudget())))
    except BrokenDocument as error:
        return isinstance(error, DocumentTooLarge)
    return True
