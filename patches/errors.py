"""The failures of the engine, and the root of every failure of the program.

    DefaulterError
    └── InvalidObject    an object of Kubernetes has a wrong field; also a quantity that is malformed
        └── ObjectTooLarge    it has more of something than a review looks at

`webhook.errors` hangs its own failures below the same root.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

_PATH: Final = re.compile(r" - at `(?:key` in `)?\$([^`]*)`\Z")
"""What msgspec adds to a message: where the value stands, or the map that has a wrong key. Without it: the root."""


class DefaulterError(Exception):
    """Root of all failures that the program knows by name."""


class InvalidObject(DefaulterError, ValueError):
    """An object of Kubernetes cannot be read.

    Attributes:
        field: path of the wrong field, as in `spec.containers[0].name`; "" for the value as a whole.
        problem: what is wrong with it, without the path.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}" if field else problem)
        self.field = field
        self.problem = problem

    def below(self, parent: str) -> InvalidObject:
        """The same failure, seen from an object in which the field lies below `parent`."""
        return type(self)(f"{parent}.{self.field}" if self.field else parent, self.problem)


class ObjectTooLarge(InvalidObject):
    """An object has more of something than a review looks at; `problem` names the count and the bound."""


def invalid_object(error: msgspec.DecodeError, parent: str = "") -> InvalidObject:
    """Return the InvalidObject that says what `error` says.

    Args:
        error: what msgspec raised for JSON that is malformed, or for a value that does not have the type asked for.
        parent: path of the value that msgspec was given; "" if the path of the field shall begin at that value.

    Returns:
        The failure to raise. Its field is the innermost one that msgspec names; for a wrong key of a map, the map.
    """
    message = str(error)
    path = _PATH.search(message)
    if path is None:
        return InvalidObject(parent, message)
    return InvalidObject((parent + path[1]).removeprefix("."), message[: path.start()])
