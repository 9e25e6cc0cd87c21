"""No server that runs without us stops running because of us, unless its creation says so: shown on a real node.

Each server, by what is known of its image, by the settings, and by whether Kubernetes enforces restricted too.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeAlias

import pytest

from tests.node.cells import CAUTIOUS, CELLS, SKIP, USER_NAMESPACE, WARN, Cell, Fates, pod_of, trial_in
from tests.node.image_facts import Known
from tests.node.node import Node
from tests.node.outcomes import CONTAINER, Outcome, State, Trial
from tests.node.servers import SERVERS, Server
from tests.node.telling import tell
from tests.shared_data import ROOT

pytestmark = pytest.mark.node

Outcomes: TypeAlias = Mapping[str, Outcome]
"""By the server's name."""
_ROOT: Final = "CreateContainerConfigError: container has runAsNonRoot and image will run as root"


class Matrix:
    """The outcomes of all servers."""

    def __init__(self, node: Node, fates: Fates) -> None:
        """Create every pod, and run those that differ."""
        keys = [(known, cell) for known in Known for cell in CELLS]
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


@pytest.fixture(scope="module")
def matrix(node: Node, fates: Fates) -> Matrix:
    """What becomes of all servers."""
    started = time.monotonic()
    node.plane.namespace("plain")
    found = Matrix(node, fates)
    tell(f"{found.count} pods created, {fates.count} that differ run: {time.monotonic() - started:.0f} s")
    for known in Known:
        _tell_table(found, known)
    return found


def _tell_table(matrix: Matrix, known: Known) -> None:
    columns = [(("without us", ""), matrix.without_us)]
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


def _names(outcomes: Outcomes, state: State) -> set[str]:
    return {name for name, row in outcomes.items() if row.state is state}


def _of_root() -> set[str]:
    return {server.name for server in SERVERS if server.is_root}


def test_all_run_without_us(matrix: Matrix) -> None:
    """Pods that say nothing, where no webhook is asked."""
    assert _names(matrix.without_us, State.RUNS) == {server.name for server in SERVERS}


def test_all_run_with_the_defaults_where_images_are_known(matrix: Matrix) -> None:
    """With the defaults as they come, also where the number of a user is not known, if not which file capabilities."""
    assert _names(matrix.find(Known.ALL, Cell(SKIP)), State.RUNS) == {server.name for server in SERVERS}
    assert _names(matrix.find(Known.PARTLY, Cell(SKIP)), State.STOPPED) == {"caddy-number"}


def test_none_hangs_where_kubernetes_enforces_restricted(matrix: Matrix) -> None:
    """An image that runs as root is refused at once; every other server runs."""
    outcomes = matrix.find(Known.ALL, Cell(SKIP, enforced=True))
    assert _names(outcomes, State.REFUSED) == _of_root()
    assert not _names(outcomes, State.STOPPED)


def test_user_namespaces(matrix: Matrix) -> None:
    """All run. Where ALL is dropped because restricted is enforced, those do that need no capability of root."""
    assert _names(matrix.find(Known.ALL, Cell(USER_NAMESPACE)), State.RUNS) == {server.name for server in SERVERS}
    enforced = matrix.find(Known.ALL, Cell(USER_NAMESPACE, enforced=True))
    frugal = {server.name for server in SERVERS if set(server.needs) <= {"NET_BIND_SERVICE"}}
    assert _names(enforced, State.RUNS) == frugal
    assert not _names(enforced, State.REFUSED)


def test_runs_as_root_without_regard(matrix: Matrix) -> None:
    """`rootImages: warn` adds runAsNonRoot all the same: the kubelet starts none of them."""
    for enforced in (False, True):
        outcomes = matrix.find(Known.ALL, Cell(WARN, enforced))
        assert {name: row.text for name, row in outcomes.items() if row.state is not State.RUNS} == dict.fromkeys(
            _of_root(), _ROOT
        )


def test_what_does_not_run_is_warned_of(matrix: Matrix) -> None:
    """Where something is known of the image and it is true: a warning, at creation, names the container."""
    for known, cell, outcomes in matrix.items():
        if known in (Known.ALL, Known.PARTLY):
            silent = [
                name
                for name, row in outcomes.items()
                if row.state is not State.RUNS and not any(f'"{CONTAINER}"' in text for text in row.warnings)
            ]
            assert not silent, f"{known}, {cell}"


def _obstacle(server: Server) -> str:
    """Why a server of an unknown image does not start; empty: it does."""
    if server.is_root:
        return _ROOT
    if server.has_user_name:
        return (
            "CreateContainerConfigError: container has runAsNonRoot and image has non-numeric user "
            f"({server.user}), cannot verify user is non-root"
        )
    if server.file_capabilities:
        return f"exit 255: exec /usr/bin/{server.command[0]}: operation not permitted"
    return ""


def test_unknown_images(matrix: Matrix) -> None:
    """Each that does not start does so for a reason that the documentation names, whatever the settings for others."""
    text = (ROOT / "docs" / "defaults.md").read_text(encoding="utf-8")
    documented = ("image will run as root", "image has non-numeric user", "operation not permitted")
    for cell in CELLS:
        outcomes = matrix.find(Known.NOTHING, cell)
        assert {name: row.text for name, row in outcomes.items()} == {row.name: _obstacle(row) for row in SERVERS}
        for row in outcomes.values():
            assert row.state is State.RUNS or any(part in row.text and part in text for part in documented)


def test_unknown_images_that_are_left_alone(matrix: Matrix) -> None:
    """`unknownImages: skip`: all run; where Kubernetes enforces restricted, all are refused at once."""
    alone, enforced = (matrix.find(Known.NOTHING, cell) for cell in CAUTIOUS)
    assert _names(alone, State.RUNS) == {server.name for server in SERVERS}
    assert _names(enforced, State.REFUSED) == {server.name for server in SERVERS}


def test_stale_facts(matrix: Matrix) -> None:
    """They cost as much as if nothing were known; where they say root of a number, no more than an early refusal.

    Where they give another number for a name, the server runs as that one, which only tor does not bear.
    """
    numeric = {server.name for server in SERVERS if not server.is_root and not server.has_user_name}
    assert _names(matrix.find(Known.STALE, Cell(SKIP)), State.STOPPED) == _of_root() | {"tor"}
    enforced = matrix.find(Known.STALE, Cell(SKIP, enforced=True))
    assert _names(enforced, State.REFUSED) == numeric
    assert _names(enforced, State.STOPPED) == _of_root() | {"tor"}
