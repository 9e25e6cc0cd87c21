"""What a default is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from patches.defaults.draft import Draft
from patches.model.needs import Need
from patches.standards.levels import Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Default:
    """One default.

    Attributes:
        id: the name in settings, annotations and reports; also that of the module, the cases and the docs section.
        level: the least profile at which it acts.
        title: what it brings about, in a few words, for the page.
        adds: what it adds, for the table in docs/defaults.md, in Markdown.
        fields: every field that it may write, below the pod's spec; `container` stands for each entry of
            initContainers, containers and ephemeralContainers, `[*]` for each entry of a list, `*` for any key.
        apply: look at the draft, add what is unset, and note a decision for each path.
        needs: the kinds of objects that it must know.
        per_container: whether it can leave a single container alone, by `Draft.containers_for`. Else it leaves the
            whole pod alone if one of its containers is excepted.
    """

    id: str
    level: Level
    title: str
    adds: str
    fields: tuple[str, ...]
    apply: Callable[[Draft], None]
    needs: frozenset[Need] = frozenset()
    per_container: bool = False
