"""No server that runs without us stops running because of us, unless its creation says so: shown on a real node.

Each server, by what is known of its image, by the settings, and by whether Kubernetes enforces restricted too.
"""

from __future__ import annotations

import time
from typing import Final

import pytest

from tests.node.cells import CAUTIOUS, SKIP, USER_NAMESPACE, WARN, Cell, Fates
from tests.node.image_facts import Known
from tests.node.matrix import Matrix, Outcomes, tell_table
from tests.node.node import Node
from tests.node.outcomes import CONTAINER, State
from tests.node.servers import SERVERS, Server
from tests.node.telling import tell
from tests.shared_data import ROOT

pytestmark = pytest.mark.node

_ROOT: Final = "CreateContainerConfigError: container has runAsNonRoot and image will run as root"


@pytest.fixture(scope="module")
def matrix(node: Node, fates: Fates) -> Matrix:
    """What becomes of all servers."""
    started = time.monotonic()
    node.plane.namespace("plain")
    found = Matrix(node, fates)
    tell(f"{found.count} pods created, {fates.count} that differ run: {time.monotonic() - started:.0f} s")
    for known in Known:
        tell_table(found, known)
    return found


def _names(outcomes: Outcomes, state: State) -> set[str]:
    return {name for name, row in outcomes.items() if row.state is state}


def _of_root() -> set[str]:
    return {server.name for server in SERVERS if server.is_root}


def test_all_run_without_us(matrix: Matrix) -> None:
    """Pods that say nothing, where no webhook is asked."""
    assert _names(matrix.without_us, State.RUNS) == {server.name for server in SERVERS}


def test_all_run_with_the_defaults_where_images_are_known(matrix: Matrix) -> None:
    """With the defaults as they come, also where the number of a user or the file capabilities are not known."""
    assert _names(matrix.find(Known.ALL, Cell(SKIP)), State.RUNS) == {server.name for server in SERVERS}
    assert _names(matrix.find(Known.PARTLY, Cell(SKIP)), State.STOPPED) == set()


def test_none_hangs_where_kubernetes_enforces_restricted(matrix: Matrix) -> None:
    """An image that runs as root is refused at once; every other server runs."""
    outcomes = matrix.find(Known.ALL, Cell(SKIP, enforced=True))
    assert _names(outcomes, State.REFUSED) == _of_root()
    assert not _names(outcomes, State.STOPPED)


@pytest.mark.usefixtures("user_namespaces")
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
            f"({server.user_name}), cannot verify user is non-root"
        )
    if server.file_capabilities:
        return f"exit 255: exec /usr/bin/{server.command[0]}: operation not permitted"
    return ""


def test_unknown_images(matrix: Matrix) -> None:
    """Each that does not start does so for a reason that the documentation names, whatever the settings for others."""
    text = (ROOT / "docs" / "defaults.md").read_text(encoding="utf-8")
    documented = ("image will run as root", "image has non-numeric user", "operation not permitted")
    for known, cell, outcomes in matrix.items():
        if known is not Known.NOTHING or cell in CAUTIOUS:
            continue
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

    Where they give another number for a name, the server runs as that one, and in no group of the image: two of them
    do not bear that.
    """
    numeric = {server.name for server in SERVERS if not server.is_root and not server.has_user_name}
    assert _names(matrix.find(Known.STALE, Cell(SKIP)), State.STOPPED) == _of_root() | {"tor", "listener-group"}
    enforced = matrix.find(Known.STALE, Cell(SKIP, enforced=True))
    assert _names(enforced, State.REFUSED) == numeric
    assert _names(enforced, State.STOPPED) == _of_root() | {"tor", "listener-group"}
