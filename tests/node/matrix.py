"""What becomes of every server in every cell, and the table of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from tests.node.cells import CAUTIOUS, Cell, Fates, cells_of, pod_of, trial_in
from tests.node.image_facts import Known
from tests.node.node import Node
from tests.node.outcomes import Outcome, State, Trial
from tests.node.servers import SERVERS
from tests.node.telling import tell

Outcomes: TypeAlias = Mapping[str, Outcome]
"""By the server's name."""


class Matrix:
    """The outcomes of all servers."""

    def __init__(self, node: Node, fates: Fates) -> None:
        """Create every pod, and run those that differ."""
        keys = [(known, cell) for known in Known for cell in cells_of(node)]
        keys += [(Known.NOTHING, cell) for cell in CAUTIOUS]
        plain = [Trial(server, node.plane.bypassing, "plain", pod_of(server, server.image)) for server in SERVERS]
        rest = [trial_in(cell, node.plane.admin, server, known) for known, cell in keys for server in SERVERS]
        found = iter(fates.find([*plain, *rest]))
        self.without_us = {server.name: next(found) for server in SERVERS}
        self._by_cell = {key: {server.name: next(found) for server in SERVERS} for key in keys}
        self.count = len(plain) + len(rest)

    def find(self, known: Known, cell: Cell) -> Outcomes:
        """The outcomes in a cell."""
        return self._by_cell[known, cell]

    def items(self) -> Iterator[tuple[Known, Cell, Outcomes]]:
        """All of them."""
        return ((known, cell, outcomes) for (known, cell), outcomes in self._by_cell.items())


def tell_table(matrix: Matrix, known: Known) -> None:
    """Tell the outcomes where so much is known of images, and the words of those that do not start."""
    columns: list[tuple[tuple[str, str], Outcomes]] = [(("without us", ""), matrix.without_us)]
    for of, cell, outcomes in matrix.items():
        if of is known:
            title = cell.root_images if cell.unknown_images == "add" else f"unknown: {cell.unknown_images}"
            columns.append(((title, "enforced" if cell.enforced else "not enforced"), outcomes))
    counts = [Counter(row.state for row in outcomes.values()) for _, outcomes in columns]
    tell(f"\nfacts of images {known}; by rootImages, and whether Kubernetes enforces restricted")
    tell(_line("", [title for (title, _), _ in columns]))
    tell(_line("", [enforced for (_, enforced), _ in columns]))
    for server in SERVERS:
        tell(_line(server.name, [outcomes[server.name].state for _, outcomes in columns]))
    tell(_line("", [f"{count[State.RUNS]} run" for count in counts]))
    for text, names in _grouped(outcomes for _, outcomes in columns).items():
        tell(f"  {text}: {', '.join(names)}")


def _line(first: str, rest: Iterable[str]) -> str:
    return f"{first:18}" + "".join(f"{text:15}" for text in rest).rstrip()


def _grouped(some: Iterable[Outcomes]) -> dict[str, list[str]]:
    """The servers that do not start, by what was said."""
    found: dict[str, list[str]] = {}
    for outcomes in some:
        for name, row in outcomes.items():
            names = found.setdefault(row.text, []) if row.state is State.STOPPED else []
            if name not in names:
                names.append(name)
    return found
