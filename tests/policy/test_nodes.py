"""What all nodes offer."""

from __future__ import annotations

import pytest

from patches.policy.nodes import Node, user_namespaces_everywhere


def _node(*offers: str, takes_linux_pods: bool = True) -> Node:
    return Node(takes_linux_pods, frozenset(offers))


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([], set()),
        ([_node("", "runsc")], {"", "runsc"}),
        ([_node("", "runsc"), _node("")], {""}),
        ([_node("", "runsc"), _node()], set()),
        ([_node("runsc"), _node("")], set()),
        ([_node(takes_linux_pods=False), _node("")], {""}),
        ([_node("", takes_linux_pods=False)], set()),
    ],
)
def test_what_every_node_offers(nodes: list[Node], expected: set[str]) -> None:
    """The handlers that offer user namespaces on each node that takes Linux pods; none where there is no such node."""
    assert user_namespaces_everywhere(nodes) == expected
