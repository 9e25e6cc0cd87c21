"""Follows the Nodes of a cluster while a configuration asks what they offer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from patches import UNKNOWN, Node, UnknownType, user_namespaces_everywhere
from webhook.cluster.api import ClusterClient
from webhook.cluster.items import Item
from webhook.cluster.reflector import Reflector
from webhook.gatherers import objects
from webhook.gatherers.on_demand import OnDemand

NODES: Final = "/api/v1/nodes"
_UNREADABLE: Final = Node(takes_linux_pods=True, user_namespaces=frozenset())


class NodeFollower(OnDemand):
    """Keeps what the nodes offer while `run` runs and it is needed.

    Attributes:
        user_namespaces: the runtime handlers that offer user namespaces on every node; UNKNOWN while they are not
            followed, and before the first list.
    """

    def __init__(self, client: ClusterClient, on_change: Callable[[], None]) -> None:
        """Start without nodes. `on_change` is called after each change of `user_namespaces`."""
        self.user_namespaces: frozenset[str] | UnknownType = UNKNOWN
        self._on_change = on_change
        self._nodes: dict[str, Node] = {}
        self._reflector = Reflector(client, NODES, objects.node, _Sink(self._nodes, self._update))
        super().__init__((self._reflector,), self._forget_all)

    def __len__(self) -> int:
        return len(self._nodes)

    @property
    def last_contact(self) -> float | None:
        """When the API server last sent something about nodes, on the monotonic clock; None if it never has."""
        return self._reflector.last_contact

    def _update(self) -> None:
        found = user_namespaces_everywhere(self._nodes.values())
        if found != self.user_namespaces:
            self.user_namespaces = found
            self._on_change()

    def _forget_all(self) -> None:
        self._nodes.clear()
        self.user_namespaces = UNKNOWN
        self._on_change()


class _Sink:
    """Keeps the nodes of a reflector by name. One that cannot be read offers nothing."""

    def __init__(self, nodes: dict[str, Node], on_change: Callable[[], None]) -> None:
        self._nodes = nodes
        self._on_change = on_change

    def replace(self, items: Sequence[Item[Node]]) -> None:
        """Keep these nodes only."""
        self._nodes.clear()
        self._nodes.update((item.name, item.value or _UNREADABLE) for item in items)
        self._on_change()

    def put(self, item: Item[Node]) -> None:
        """Add or replace a node."""
        value = item.value or _UNREADABLE
        if self._nodes.get(item.name) != value:
            self._nodes[item.name] = value
            self._on_change()

    def delete(self, item: Item[Node]) -> None:
        """Forget a node."""
        if self._nodes.pop(item.name, None) is not None:
            self._on_change()
