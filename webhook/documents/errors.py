"""What can be wrong with a document, read or written. Every message begins with where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from webhook.errors import BrokenDocument, DocumentTooLarge

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
