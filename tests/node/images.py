"""The images of the servers and of the pause container, made of the shared layer and a few files each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.node.layer import ServersLayer
from tests.node.oci import File, Image, layer
from tests.node.programs import PAUSE
from tests.node.servers import Server


def pause_image(program: Path) -> Image:
    """The image of the first container of each pod: one program."""
    return Image(PAUSE, (layer({"/pause": File(program.read_bytes())}),), {"Entrypoint": ["/pause"]})


def server_image(server: Server, base: ServersLayer) -> Image:
    """The image of a server."""
    files = {path: File(text.encode()) for path, text in server.files.items()}
    directories = {path: File(uid=base.uids[user]) for path, user in server.owned.items()}
    config: dict[str, Any] = {
        "User": server.user,
        "Entrypoint": list(server.command),
        "ExposedPorts": {f"{port}/tcp": {} for port in server.ports},
        "WorkingDir": server.directory,
    }
    environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", **server.environment}
    config["Env"] = [f"{name}={value}" for name, value in environment.items()]
    if server.volumes:
        config["Volumes"] = {path: {} for path in server.volumes}
    return Image(server.image, (base.layer, layer({**directories, **files})), config)
