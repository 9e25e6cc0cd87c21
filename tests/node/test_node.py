"""The node itself: what the kubelet says that it can do, and that it does."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.cluster.client import pods
from tests.cluster.installed import eventually
from tests.node.node import Node
from tests.node.servers import SERVERS
from tests.node.telling import tell
from webhook.gatherers.objects import node as read_node

pytestmark = pytest.mark.node

_IMAGE: Final = next(server.image for server in SERVERS if server.name == "listener")


def _run(node: Node, namespace: str, command: str, **spec: Any) -> list[str]:
    """What a pod prints that runs a shell command to its end, past our webhooks."""
    container = {"name": "c", "image": _IMAGE, "command": ["sh", "-c", command]}
    value = {"metadata": {"generateName": "p-"}, "spec": {"containers": [container], "restartPolicy": "Never", **spec}}
    answer = node.create(node.plane.bypassing, namespace, value)
    assert answer.ok, answer.message
    path = f"{pods(namespace)}/{answer.body['metadata']['name']}"

    def has_ended() -> bool:
        status = node.plane.admin.must("GET", path)["status"]
        assert status["phase"] != "Failed", f"{status}, {node.log(answer.body)}"
        return bool(status["phase"] == "Succeeded")

    eventually(has_ended, f"{command!r} ends")
    lines = node.log(answer.body)
    node.delete(namespace, answer.body["metadata"]["name"])
    return lines


def test_a_pod_runs_as_the_image_says(node: Node) -> None:
    """As root of the machine, with the capabilities that containerd gives."""
    namespace = node.plane.namespace("node-root")
    lines = _run(node, namespace, "id -u; cat /proc/self/uid_map; grep CapBnd /proc/self/status")
    assert lines[0] == "0"
    assert lines[1].split() == ["0", "0", str(2**32 - 1)]
    assert lines[2].split() == ["CapBnd:", "00000000a80425fb"]


@pytest.mark.usefixtures("user_namespaces")
def test_a_pod_with_a_user_namespace_is_not_root(node: Node) -> None:
    """It believes so; of the machine its root is another user."""
    namespace = node.plane.namespace("node-user")
    lines = _run(node, namespace, "id -u; cat /proc/self/uid_map", hostUsers=False)
    first, outside, length = map(int, lines[1].split())
    assert lines[0] == "0"
    assert (first, length) == (0, 65536)
    assert outside >= 65536
    tell(f"hostUsers false: root is user {outside} of the machine")


def test_what_the_node_offers_is_read(node: Node) -> None:
    """The kubelet says it of the default handler as well, which has no name."""
    offers = read_node({"status": node.status()})
    assert offers.takes_linux_pods
    handlers = {row["name"]: row["features"]["userNamespaces"] for row in node.status()["runtimeHandlers"]}
    assert "" in handlers
    assert offers.user_namespaces == {name for name, offered in handlers.items() if offered}
