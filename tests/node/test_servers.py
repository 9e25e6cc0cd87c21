"""Which servers run without us, and which with us: real ones, on a real node."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from patches.policy.policy import PREFIX
from tests.cluster.webhooks import defaulter, namespace
from tests.node.node import Node
from tests.node.outcomes import CONTAINER, Outcome, State, bare_pod, run_servers, table
from tests.node.servers import SERVERS, Server
from tests.node.telling import tell

pytestmark = pytest.mark.node


def _obstacle(server: Server) -> str:
    """Why a server does not start under runAsNonRoot and drop ALL, in the words of who says so; empty: it does."""
    if server.is_root:
        return "CreateContainerConfigError: container has runAsNonRoot and image will run as root"
    if server.has_user_name:
        return (
            "CreateContainerConfigError: container has runAsNonRoot and image has non-numeric user "
            f"({server.user}), cannot verify user is non-root"
        )
    if server.file_capabilities:
        return f"exit 255: exec /usr/bin/{server.command[0]}: operation not permitted"
    return ""


def _tell(title: str, outcomes: Mapping[str, Outcome], started: float) -> None:
    states = Counter(row.state for row in outcomes.values())
    counts = ", ".join(f"{count} {state}" for state, count in states.items())
    tell(f"{title}, {len(outcomes)} servers: {counts} ({time.monotonic() - started:.0f} s)\n{table(outcomes)}")


def test_every_server_runs_without_us(node: Node) -> None:
    """Pods that say nothing, where no webhook is asked."""
    started = time.monotonic()
    outcomes = run_servers(node, node.plane.bypassing, node.plane.namespace("without-us"), SERVERS)
    _tell("without us", outcomes, started)
    assert {name for name, row in outcomes.items() if row.state is not State.RUNS} == set()


def test_with_us_only_images_with_a_numeric_user_start(node: Node, work: Path) -> None:
    """The same pods at profile restricted: the kubelet refuses to start the others, for reasons that docs name."""
    started = time.monotonic()
    restricted = namespace("with-us", {f"{PREFIX}profile": "restricted", f"{PREFIX}mode": "enforce"})
    with defaulter(node.plane, work, "with-us", objects=[restricted]):
        outcomes = run_servers(node, node.plane.admin, "with-us", SERVERS, seconds=5)
    _tell("with us, profile restricted", outcomes, started)
    assert {name: row.text for name, row in outcomes.items()} == {row.name: _obstacle(row) for row in SERVERS}


def test_what_a_server_needs_of_root(node: Node) -> None:
    """With ALL dropped, just those start whose start needs no capability: `needs` of the table of servers is true."""

    def pod(server: Server) -> Any:
        value = bare_pod(server)
        (container,) = value["spec"]["containers"]
        assert container["name"] == CONTAINER
        container["securityContext"] = {"capabilities": {"drop": ["ALL"]}}
        return value

    started = time.monotonic()
    outcomes = run_servers(node, node.plane.bypassing, node.plane.namespace("dropped"), SERVERS, pod=pod, seconds=5)
    _tell("ALL dropped", outcomes, started)
    running = {name for name, row in outcomes.items() if row.state is State.RUNS}
    assert running == {server.name for server in SERVERS if not server.needs}
