"""What a Pod Security check is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from patches.model.pod import Pod
from patches.model.shapes import Json
from patches.standards.levels import Level
from patches.standards.violations import Violation

CheckFunction: TypeAlias = Callable[[Pod], Violation | None]
"""One version of a check: returns what the pod violates, or None if it complies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One control of the Pod Security Standards.

    Attributes:
        id: upstream's name, which is also that of the module, the cases and the docs row.
        level: the least profile that has the check.
        versions: pairs of the Kubernetes minor version from which a rule holds and the rule, in ascending order.
        overrides: ids of the checks that this one replaces, from its own first version on.
        removable: fields whose removal can satisfy it, below the pod's spec; written as `Default.fields` are.
        removable_annotations: prefixes of annotations of which the same holds.
        settable: fields that satisfy it once they are set, below the pod's spec, each with the value.
        title: what a violation means, in a few words, for the page.
        asks: what it asks for, for docs/checks.md, in Markdown.
        fields: the fields to change, for warnings and refusals.
        fix: which value of which field satisfies it, for the page and docs/checks.md, in Markdown.
    """

    id: str
    level: Level
    versions: tuple[tuple[int, CheckFunction], ...]
    overrides: tuple[str, ...] = ()
    removable: tuple[str, ...]
    removable_annotations: tuple[str, ...] = ()
    settable: tuple[tuple[str, Json], ...] = ()
    title: str
    asks: str
    fields: str
    fix: str

    def at(self, minor: int) -> CheckFunction | None:
        """The rule in force at Kubernetes 1.`minor`, or None if the check is younger than that."""
        return next((function for since, function in reversed(self.versions) if since <= minor), None)
