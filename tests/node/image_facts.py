"""What a file of kind ImageFacts says of the servers' images: all, some, or what was true once.

An image has a tag for each; of one of them nothing is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from tests.node.layer import APP_UID
from tests.node.servers import SERVERS, Server

OTHER_UID: Final = 4242
"""A user that no image has."""


class Known(StrEnum):
    """What is known of an image, and the tag that such an image has."""

    ALL = "known"
    """All that there is to know."""
    PARTLY = "partly"
    """USER as it is written, and whether there are file capabilities, but not which."""
    NOTHING = "unknown"
    STALE = "stale"
    """What was true before the tag was moved."""


def tagged(server: Server, known: Known) -> str:
    """The reference of a server's image of which so much is known."""
    return f"{server.image.rpartition(':')[0]}:{known}"


def facts_of(server: Server, known: Known, uids: Mapping[str, int]) -> dict[str, Any]:
    """What the file says of an image."""
    facts: dict[str, Any] = {"user": server.user, "fileCapabilities": server.file_capabilities}
    match known:
        case Known.ALL:
            facts |= {"exposedPorts": list(server.ports), "volumes": list(server.volumes)}
            if server.has_user_name:
                facts["uid"] = uids[server.user_name]
            if server.file_capabilities:
                facts["fileCapabilities"] = ["NET_BIND_SERVICE"]
        case Known.STALE:
            facts["fileCapabilities"] = False
            if server.is_root:
                facts["user"] = str(APP_UID)
            elif server.has_user_name:
                facts["uid"] = OTHER_UID
            else:
                facts["user"] = ""
    return facts


def known_images(uids: Mapping[str, int]) -> dict[str, Any]:
    """What the file says of the images of all servers, by their tags."""
    return {
        tagged(server, known): facts_of(server, known, uids)
        for server in SERVERS
        for known in Known
        if known is not Known.NOTHING
    }
