"""What decisions carry, and a boundary that mutation testing found unwatched."""

from __future__ import annotations

from typing import Any

from patches.evaluation import evaluate
from patches.model.decisions import Decision, Reason, State
from patches.model.pod import Origin
from patches.policy.configuration import DefaulterConfiguration
from patches.policy.policy import resolve
from tests.patches.build import namespace
from tests.pods import view


def _decisions(default: str, **container: Any) -> list[Decision]:
    document = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", **container}]},
    }
    outcome = evaluate(view(document, Origin.MANIFEST), namespace(resolve(DefaulterConfiguration(), {}, {})))
    return [decision for decision in outcome.decisions if decision.id == default]


def test_a_conflict_carries_the_authors_value() -> None:
    """Preview shows what stands against the profile, not only where."""
    path = "/spec/containers/0/securityContext/runAsNonRoot"
    assert _decisions("runAsNonRoot", securityContext={"runAsNonRoot": False}) == [
        Decision("runAsNonRoot", path, State.CONFLICT, Reason.EXPLICIT_VALUE, value=False),
    ]


def test_the_lowest_port_is_a_low_port() -> None:
    """Ports 1 to 1023 need NET_BIND_SERVICE; 1024 does not."""
    added = "/spec/containers/0/securityContext/capabilities/add"
    for port, wanted in ((1, True), (1023, True), (1024, False)):
        paths = [decision.path for decision in _decisions("capabilities", ports=[{"containerPort": port}])]
        assert (added in paths) is wanted, port
