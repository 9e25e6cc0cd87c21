"""The node that the tests of this folder share. Where it cannot run they are skipped, with the reason."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from patches.policy.policy import PREFIX
from tests.cluster.fixtures import connections_are_closed, print_lines, work
from tests.cluster.installed import MODE
from tests.node import requirements
from tests.node.cells import Fates, served
from tests.node.harms import HARMS
from tests.node.image_facts import Known, tagged
from tests.node.images import pause_image, server_image
from tests.node.layer import ServersLayer, servers_layer
from tests.node.node import Node, running_node
from tests.node.numeric import ADDED
from tests.node.oci import Image
from tests.node.product import OBSERVER, PREVIEW, SPACE, Product, installing
from tests.node.servers import SERVERS
from tests.node.stored import stored_images
from tests.node.telling import LINES, tell

__all__ = ["connections_are_closed", "work"]  # pytest finds them here


@pytest.fixture(scope="session")
def layer() -> ServersLayer:
    """What the images of all servers have in common."""
    requirements.require()
    return servers_layer()


@pytest.fixture(scope="session")
def in_registry(layer: ServersLayer) -> list[Image]:
    """Images of servers that a registry has too."""
    return stored_images(layer)


@pytest.fixture(scope="session")
def node(layer: ServersLayer, in_registry: list[Image], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node with the images of all servers, also of those that a default harms."""
    binaries = requirements.require()
    directory = tmp_path_factory.mktemp("node")
    started = time.monotonic()
    servers = {server.image: server for server in (*SERVERS, *(harm.server for harm in HARMS))}.values()
    images = [pause_image(binaries / "pause"), *(server_image(server, layer) for server in servers)]
    images += [
        server_image(server, layer)._replace(name=tagged(server, known)) for server in SERVERS for known in Known
    ]
    images += [server_image(server, layer) for server in ADDED]
    images += in_registry
    with running_node(directory, binaries, images) as running:
        tell(f"node ready after {time.monotonic() - started:.0f} s")
        yield running


@pytest.fixture
def user_namespaces(node: Node) -> None:
    """Skip the test where pods get none."""
    if not node.has_user_namespaces:
        pytest.skip("the kernel of this machine has no idmapped mounts: no pod gets a user namespace")


@pytest.fixture(scope="session")
def fates(node: Node, layer: ServersLayer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fates]:
    """What becomes of pods, in namespaces for all settings of images, with our servers in front of them."""
    with served(node, tmp_path_factory.mktemp("cells"), layer.uids):
        yield Fates(node)


@pytest.fixture(scope="module")
def product(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Base and the preview, from nothing until every replica is ready. None has failed a start."""
    with installing(node, tmp_path_factory.mktemp("product")) as product:
        started = time.monotonic()
        product.apply("base", ["preview"])
        product.wait()
        product.wait(PREVIEW)
        product.wait(OBSERVER)
        restarts = [row["status"]["containerStatuses"][0]["restartCount"] for row in product.replicas()]
        assert restarts == [0, 0]
        tell(f"product: all replicas ready {time.monotonic() - started:.0f} s after kubectl apply")
        node.plane.namespace(SPACE, {MODE: "enforce", f"{PREFIX}profile": "restricted"})
        yield product


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was found out."""
    print_lines(terminalreporter, "told by a real node", LINES)
