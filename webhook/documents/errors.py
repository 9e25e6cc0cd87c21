"""What can be wrong with a document, read or written. Every message begins with where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar


class DocumentError(Exception):
    """Root of all failures of this package."""


class BrokenDocument(DocumentError):
    """One document of a stream cannot be read. It is yielded in the document's place, or raised by whoever wants that.

    Attributes:
        message: what is wrong, without the place.
        source: the name the reader was given, such as a file's.
        number: which document of the stream, from 1; documents without content do not count.
        line: line in the whole input, from 1.
        column: column in that line, from 1.
        field: the field that was being read, as in `spec.containers[0].image`; "" where unknown or the whole document.
    """

    def __init__(  # noqa: PLR0913 (the parts of a place, all by name)
        self,
        message: str,
        *,
        source: str,
        number: int,
        line: int,
        column: int,
        field: str = "",
    ) -> None:
        self.message = message
        self.source = source
        self.number = number
        self.line = line
        self.column = column
        self.field = field
        place = f"{source}: document {number}, line {line}, column {column}"
        super().__init__(f"{place}, {field}: {message}" if field else f"{place}: {message}")


class DocumentTooLarge(BrokenDocument):
    """The input exceeds a bound: bytes, depth, values, or what its aliases expand to."""


class UnwritableValue(DocumentError):
    """A value has no YAML form that reads back the same. `field` names the offending part ("": the whole value)."""

    def __init__(self, message: str, *, field: str) -> None:
        self.message = message
        self.field = field
        super().__init__(f"{field}: {message}" if field else message)


_Broken = TypeVar("_Broken", bound=BrokenDocument)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a document stands: makes errors that say so. `first_line` is how many lines stand before its text."""

    source: str
    number: int
    first_line: int

    def broken(self, message: str, line: int, column: int, field: str = "") -> BrokenDocument:
        """An error at `line` and `column` of the document's text, both from 0."""
        return self._at(BrokenDocument, message, line, column, field)

    def too_large(self, message: str, line: int, column: int, field: str = "") -> DocumentTooLarge:
        """As `broken`, for a bound."""
        return self._at(DocumentTooLarge, message, line, column, field)

    def _at(self, kind: type[_Broken], message: str, line: int, column: int, field: str) -> _Broken:
        return kind(
            message,
            source=self.source,
            number=self.number,
            line=self.first_line + line + 1,
            column=column + 1,
            field=field,
        )
