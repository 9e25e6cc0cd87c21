"""What the nodes of a cluster offer to every pod, whichever of them it lands on.

A kubelet starts a pod with `hostUsers: false` only if the handler of its RuntimeClass offers user namespaces, which the
node says in `status.runtimeHandlers`. Nobody knows at admission where a pod will be scheduled: so all of them count.
Source: `core/v1` NodeRuntimeHandler; `GetOrCreateUserNamespaceMappings` of the kubelet.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

DEFAULT_HANDLER: Final = ""
"""The name of the handler that runs pods without a RuntimeClass."""


class Node(NamedTuple):
    """What counts of a `core/v1` Node.

    Attributes:
        takes_linux_pods: whether it is ready and runs Linux.
        user_namespaces: names of the runtime handlers that offer user namespaces.
    """

    takes_linux_pods: bool
    user_namespaces: frozenset[str]


def user_namespaces_everywhere(nodes: Iterable[Node]) -> frozenset[str]:
    """Return the handlers that offer user namespaces on every node that takes Linux pods; none if no node does."""
    offers = [node.user_namespaces for node in nodes if node.takes_linux_pods]
    return frozenset.intersection(*offers) if offers else frozenset()
