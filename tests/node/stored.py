"""The servers with file capabilities as a registry has them, which the observer can reach.

A layer that all servers share is larger than what is read of one, so these images have little more than the program.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.cluster.pki import Authority
from tests.node.images import server_image
from tests.node.layer import ServersLayer, picked
from tests.node.oci import Image, Layer, documents
from tests.node.programs import BRIDGE_ADDRESS
from tests.node.servers import SERVERS, Server
from tests.registry.conftest import Registry, running_registry
from tests.registry.content import OCI_MANIFEST, Blob, StoredImage

_PORT: Final = 5000
HOST: Final = f"{BRIDGE_ADDRESS}:{_PORT}"
_TAG: Final = "1"
_FILES: Final = ("./usr/bin/caddy", "./bin", "./lib", "./lib64", "*/ld-linux*", "*/libc.so.6", "*/libzstd.so.1*")


def stored_name(server: Server) -> str:
    """The reference of a server's image in the registry."""
    return f"{HOST}/{server.name}:{_TAG}"


def stored_images(base: ServersLayer) -> list[Image]:
    """The images, for the node too: their pods ran before."""
    small = base._replace(layer=picked(base.layer, _FILES))
    capable = [server for server in SERVERS if server.file_capabilities]
    return [server_image(server, small)._replace(name=stored_name(server)) for server in capable]


@contextmanager
def stored(images: list[Image], directory: Path) -> Iterator[Path]:
    """A registry that has the images, until the end of the block; the certificate of whom to trust."""
    authority = Authority(directory, [BRIDGE_ADDRESS])
    with running_registry(authority, directory, address=f"0.0.0.0:{_PORT}") as registry:
        for image in images:
            _push(registry, image)
        yield authority.cert


def _push(registry: Registry, image: Image) -> None:
    manifest, config = documents(image)
    blobs = (_blob(config), *map(_blob, image.layers))
    repository = image.name.removeprefix(f"{HOST}/").removesuffix(f":{_TAG}")
    registry.push(repository, _TAG, StoredImage(_blob(manifest, OCI_MANIFEST), blobs))


def _blob(layer: Layer, media_type: str = "") -> Blob:
    assert isinstance(layer.content, bytes)
    return Blob(layer.content, media_type)
