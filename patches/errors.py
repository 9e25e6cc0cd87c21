"""The failures of the engine, and the root of every failure of the program.

    DefaulterError
    └── InvalidObject    an object of Kubernetes has a wrong field; also a quantity that is malformed

`webhook.errors` hangs its own failures below the same root.
"""

from __future__ import annotations


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
        return InvalidObject(f"{parent}.{self.field}" if self.field else parent, self.problem)
