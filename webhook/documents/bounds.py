"""The most that one input may cost. Within these bounds hostile input takes seconds, not hours, and little memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_DEPTH: Final = 100
"""How deep mappings and lists may nest. The deepest real objects, schemas of custom resources, stay below it; and
recursion over a value, ours or a library's, stays below Python's limit of 1000 calls."""

MAX_DOCUMENTS: Final = 20_000
"""How many documents an input may have, empty ones included."""

MAX_VALUES: Final = 2_000_000
"""How many values one document may have, at all depths. The API server takes objects of some 3 MiB; this is a List of
ten thousand pods."""

MAX_ALIASED: Final = 400_000
"""How many values and keys all aliases of an input may stand for: about what go-yaml allows in small documents."""

MAX_ALIASED_CHARACTERS: Final = 16 * 1024 * 1024
"""How many characters those may have. In memory copies would share them; in the output they cannot."""

MAX_WARNINGS: Final = 100
"""How many warnings one document may have; one more says that there are others."""


@dataclass(slots=True)
class AliasBudget:
    """How much the aliases of an input may still stand for."""

    values: int = MAX_ALIASED
    characters: int = MAX_ALIASED_CHARACTERS

    def spend(self, text: str = "") -> bool:
        """Spend one value or key with that text. Returns False once there is nothing left to spend."""
        self.values -= 1
        self.characters -= len(text)
        return self.values >= 0 and self.characters >= 0
