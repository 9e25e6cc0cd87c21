"""How a server runs whose image runs as root or as a user by name: as a user that it supports, or from another image.

What its image's documentation would say; a warning of ours names it as the edit to make.
"""

from __future__ import annotations

from typing import Final

from tests.node import server_files as texts
from tests.node.layer import APP_UID
from tests.node.servers import SERVERS

_APP: Final = str(APP_UID)
_BY_NAME: Final = {server.name: server for server in SERVERS}

SUPPORTED: Final = {
    "redis": "redis",
    "haproxy-root": "haproxy",
    "postgresql": "postgres",
    "mosquitto": "mosquitto",
    "caddy": "app",
    "listener": "app",
    "unbound": "unbound",
    "dnsmasq": "dnsmasq",
    "named": "bind",
    "registry": "app",
    **{server.name: server.user_name for server in SERVERS if server.has_user_name},
}
"""A user by server, other than root, as whom the image works."""

ADDED: Final = (
    _BY_NAME["squid"]._replace(
        name="squid-number",
        command=("squid", "-N", "-f", "/etc/squid/all.conf"),
        user=_APP,
        needs=(),
        files={"/etc/squid/all.conf": texts.SQUID},
    ),
    _BY_NAME["sshd"]._replace(
        name="sshd-number",
        command=("/entrypoint",),
        user=_APP,
        ports=(2222,),
        question=_BY_NAME["sshd"].question and _BY_NAME["sshd"].question.at(2222),
        needs=(),
        files={"/entrypoint": texts.SSHD_START},
    ),
    _BY_NAME["stunnel"]._replace(
        name="stunnel-number",
        user=_APP,
        needs=(),
        files={"/etc/stunnel/all.conf": texts.STUNNEL.replace("setuid = stunnel4\nsetgid = stunnel4\n", "")},
    ),
    _BY_NAME["lighttpd"]._replace(
        name="lighttpd-number",
        command=("lighttpd", "-D", "-f", "/etc/lighttpd/all.conf"),
        user=_APP,
        ports=(8080,),
        question=_BY_NAME["lighttpd"].question and _BY_NAME["lighttpd"].question.at(8080),
        needs=(),
        files={"/etc/lighttpd/all.conf": texts.LIGHTTPD},
    ),
)
"""Images that are there for this alone."""

NUMERIC: Final = {
    "nginx": _BY_NAME["nginx-number"],
    "apache": _BY_NAME["apache-number"],
    **{server.name.removesuffix("-number"): server for server in ADDED},
}
"""An image by server with a numeric USER, where the server's own works as root only."""

ROOT_ONLY: Final = frozenset({"cron"})
"""Servers that work as root only, whatever the image: a cron that is not root cannot become its users."""
