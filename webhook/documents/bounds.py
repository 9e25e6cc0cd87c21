"""What one input may cost. Within these bounds, hostile input takes seconds and megabytes, not hours and gigabytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_DEPTH: Final = 100
"""How deep mappings and lists nest. The deepest real objects, schemas of custom resources, stay below; and recursion
over a value, by us or by a library, stays far from Python's own limit of 1000 calls."""

MAX_DOCUMENTS: Final = 20_000
"""How many documents an input has, empty ones included."""

MAX_VALUES: Final = 2_000_000
"""How many values (of mappings and of lists) one document has. The API server takes objects of some 3 MiB; this is a
List of ten thousand of pods."""

MAX_ALIASED: Final = 400_000
"""How many values all aliases of an input may stand for: about what go-yaml allows small documents."""

MAX_ALIASED_CHARACTERS: Final = 16 * 1024 * 1024
"""How many characters those values may have. Here they would be shared, in the output they are not."""

MAX_WARNINGS: Final = 100
"""How many warnings a document gets; one more says that there are others."""


@dataclass(slots=True)
class AliasBudget:
    """What the aliases of an input may still stand for."""

    values: int = MAX_ALIASED
    characters: int = MAX_ALIASED_CHARACTERS

    def spend(self, text: str = "") -> bool:
        """Take one value, or key, of `text`; False where the budget is used up."""
        self.values -= 1
        self.characters -= len(text)
        return self.values >= 0 and self.characters >= 0
