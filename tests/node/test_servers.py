"""Which servers run without us, and which with us: real ones, on a real node."""

from __future__ import annotations

from pathlib import Path

import pytest

from patches.policy.policy import PREFIX
from tests.cluster.webhooks import defaulter, namespace
from tests.node.node import Node
from tests.node.outcomes import State, run_servers, table
from tests.node.servers import SERVERS
from tests.node.telling import tell

pytestmark = pytest.mark.node


def test_every_server_runs_without_us(node: Node) -> None:
    """Pods that say nothing, in a namespace that concerns nobody."""
    namespace = node.plane.namespace("without-us")
    outcomes = run_servers(node, node.plane.bypassing, namespace, SERVERS)
    tell(f"without us:\n{table(outcomes)}")
    running = [name for name, outcome in outcomes.items() if outcome.state is State.RUNS]
    assert len(running) == len(SERVERS), table(outcomes)


def test_with_us_as_it_comes(node: Node, work: Path) -> None:
    """The same pods in a namespace of profile restricted."""
    bare = namespace("with-us", {PREFIX + "profile": "restricted"})
    with defaulter(node.plane, work, "with-us", objects=[bare]):
        outcomes = run_servers(node, node.plane.admin, "with-us", SERVERS, seconds=5)
    tell(f"with us:\n{table(outcomes)}")
