"""What emptyDirs do to servers whose root is read-only: those that write there start, some that looked there do not."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from patches.policy.policy import IDS, PREFIX
from tests.cluster.webhooks import defaulter, namespace
from tests.node.node import Node
from tests.node.outcomes import AT_ONCE_WITHOUT_REQUESTS, Outcome, State, Trial, bare_pod, run_trials, table
from tests.node.servers import SERVERS, Server
from tests.node.telling import tell

pytestmark = pytest.mark.node

_NAMES: Final = ("cron", "dnsmasq", "mosquitto", "nginx-number", "postgresql-number", "redis-number", "sshd")
_SERVERS: Final = [server for server in SERVERS if server.name in _NAMES]
_DEFAULT: Final = "readOnlyRootFilesystem"
_CONFIGURATION: Final = {
    "apiVersion": f"{PREFIX}v1alpha1",
    "kind": "DefaulterConfiguration",
    "settings": {**{name: {"enabled": False} for name in IDS}, _DEFAULT: {"enabled": True, "writableTmp": True}},
}
"""Nothing else acts. So the API token stays mounted, below /run."""
_BEFORE: Final = {
    "cron": "cron: can't open or create /var/run/crond.pid: Read-only file system",
    "dnsmasq": "dnsmasq: failed to open pidfile /var/run/dnsmasq.pid: Read-only file system",
}
"""What ends those that write to /run while nothing is known of their images."""
_AFTER: Final = {
    "sshd": "Missing privilege separation directory: /run/sshd",
    "postgresql-number": "/var/lib/postgresql/data",
}
"""What ends those that need what the emptyDirs hide. initdb says "could not change permissions of directory"."""


def _pod(server: Server) -> Any:
    """A pod that starts the server as its image does; PostgreSQL keeps its socket in /tmp, so only its data matters."""
    value = bare_pod(server)
    socket = ("-c", "unix_socket_directories=/tmp") if server.name == "postgresql-number" else ()
    value["spec"]["containers"][0]["command"] = [*server.command, *socket]
    return value


def _stopped(outcomes: dict[str, Outcome], title: str) -> dict[str, str]:
    tell(f"{title}\n{table(outcomes)}")
    return {name: row.text for name, row in outcomes.items() if row.state is not State.RUNS}


def test_what_is_known_of_an_image_makes_its_paths_writable(node: Node, work: Path) -> None:
    """At /tmp alone without facts, also at /run and its VOLUMEs with them; of a VOLUME its pod's creation warns."""
    labels = {f"{PREFIX}profile": "restricted", f"{PREFIX}mode": "enforce"}
    images = {server.image: {"user": server.user, "volumes": list(server.volumes)} for server in _SERVERS}
    knowledge = {"writable-unknown": None, "writable-known": images}
    trials = [Trial(server, node.plane.admin, name, _pod(server)) for name in knowledge for server in _SERVERS]
    with ExitStack() as stack:
        for name, known in knowledge.items():
            objects = [namespace(name, labels)]
            asked = defaulter(node.plane, work / name, name, objects=objects, config=_CONFIGURATION, images=known)
            stack.enter_context(asked)
        outcomes = run_trials(node, trials, seconds=5, at_once=AT_ONCE_WITHOUT_REQUESTS)
    found: dict[str, dict[str, Outcome]] = {name: {} for name in knowledge}
    for trial, outcome in zip(trials, outcomes, strict=True):
        found[trial.namespace][trial.server.name] = outcome
    before = _stopped(found["writable-unknown"], "read-only, /tmp writable")
    after = _stopped(found["writable-known"], "read-only, and what is known of images counts")
    assert before.keys() == _BEFORE.keys()
    assert all(text in before[name] for name, text in _BEFORE.items())
    assert after.keys() == _AFTER.keys()
    assert all(text in after[name] for name, text in _AFTER.items())
    warned = {name for name, row in found["writable-known"].items() if "an emptyDir hides" in " ".join(row.warnings)}
    assert warned == {server.name for server in _SERVERS if server.volumes}
