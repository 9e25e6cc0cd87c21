"""The servers that the node runs: real ones of Debian, each in an image with the user and the start of its usual image.

An image's own USER is "" (root), a name or a number. What stands in `needs` are the capabilities that its start makes
use of, by what the programs are known to do: to give files away (CHOWN), to become another user (SETUID, SETGID).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from tests.node import server_files as texts
from tests.node.layer import APP_UID
from tests.node.questions import HTTP, Question, dns

_BECOMES: Final = ("SETGID", "SETUID")
_APP: Final = str(APP_UID)


class Server(NamedTuple):
    """An image of a server: what a Dockerfile would say, and how to tell that it works."""

    name: str
    command: tuple[str, ...]
    user: str = ""
    ports: tuple[int, ...] = ()
    question: Question | None = None
    needs: tuple[str, ...] = ()
    file_capabilities: bool = False
    files: Mapping[str, str] = {}
    owned: Mapping[str, str] = {}
    """Directories that the image gives to a user."""
    volumes: tuple[str, ...] = ()
    directory: str = "/"
    environment: Mapping[str, str] = {}

    @property
    def image(self) -> str:
        """Its reference."""
        return f"localhost/{self.name}:1"

    @property
    def is_root(self) -> bool:
        """Whether the image runs as root."""
        return self.user == ""

    @property
    def has_user_name(self) -> bool:
        """Whether the image's user is a name."""
        return not self.is_root and not self.user_name.isdecimal()

    @property
    def user_name(self) -> str:
        """The image's user, without a group."""
        return self.user.partition(":")[0]


_HTTP_SERVER: Final = Server(
    "listener", ("python3", "-m", "http.server", "8080"), ports=(8080,), question=HTTP.at(8080), directory="/srv"
)
_NGINX: Final = Server("nginx", ("nginx", "-g", "daemon off;"), ports=(80,), question=HTTP.at(80))
_REDIS: Final = Server(
    "redis",
    ("/entrypoint", "redis-server", "--bind", "*", "--protected-mode", "no"),
    ports=(6379,),
    question=Question(6379, b"PING\r\n", b"+PONG"),
    needs=_BECOMES,
    files={"/entrypoint": texts.REDIS_START},
    owned={"/data": "redis"},
    volumes=("/data",),
    directory="/data",
)
_HAPROXY: Final = Server("haproxy", ("haproxy", "-W", "-db", "-f", "/etc/haproxy/haproxy.cfg"))
_APACHE: Final = Server(
    "apache",
    ("apache2", "-D", "FOREGROUND"),
    ports=(80,),
    question=HTTP.at(80),  # one that cannot become www-data says so, and serves as root
    owned={"/run/apache2": "root", "/run/lock/apache2": "www-data"},
    environment={
        "APACHE_RUN_USER": "www-data",
        "APACHE_RUN_GROUP": "www-data",
        "APACHE_PID_FILE": "/run/apache2/apache2.pid",
        "APACHE_RUN_DIR": "/run/apache2",
        "APACHE_LOCK_DIR": "/run/lock/apache2",
        "APACHE_LOG_DIR": "/var/log/apache2",
    },
)
_POSTGRESQL: Final = Server(
    "postgresql",
    ("/entrypoint", "postgres", "-c", "listen_addresses=*", "-c", "fsync=off"),
    ports=(5432,),
    question=Question(5432, bytes.fromhex("0000000804d2162f"), b"N"),
    needs=_BECOMES,
    files={"/entrypoint": texts.POSTGRESQL_START},
    owned={"/var/lib/postgresql/data": "postgres", "/run/postgresql": "postgres"},
    volumes=("/var/lib/postgresql/data",),
    environment={"PGDATA": "/var/lib/postgresql/data", "PATH": "/usr/lib/postgresql/15/bin:/usr/bin:/bin"},
)
_CADDY: Final = Server(
    "caddy",
    ("caddy", "run", "--config", "/etc/caddy/Caddyfile"),
    ports=(80, 443, 2019),
    question=HTTP.at(80),
    needs=("NET_BIND_SERVICE",),
    file_capabilities=True,
    files={"/etc/caddy/Caddyfile": texts.CADDY},
    owned={"/config": "root", "/data": "root"},
    environment={"XDG_CONFIG_HOME": "/config", "XDG_DATA_HOME": "/data"},
)


def _nginx_number(name: str, port: int) -> Server:
    files = {"/etc/nginx/nginx.conf": texts.NGINX.replace("PORT", str(port))}
    return _NGINX._replace(name=name, user=_APP, ports=(port,), question=HTTP.at(port), files=files)


def _haproxy(name: str, port: int, user: str = "", line: str = "") -> Server:
    text = texts.HAPROXY.replace("PORT", str(port)).replace("USER", line)
    files = {"/etc/haproxy/haproxy.cfg": text}
    return _HAPROXY._replace(name=name, user=user, ports=(port,), question=HTTP.at(port), files=files)


SERVERS: Final = (
    _NGINX._replace(needs=("CHOWN", *_BECOMES)),
    _nginx_number("nginx-number", 8080),
    _nginx_number("nginx-number-80", 80),
    _REDIS,
    _REDIS._replace(name="redis-number", user=_APP, needs=(), owned={"/data": "app"}),
    Server(
        "memcached",
        ("memcached",),
        user="memcache",
        ports=(11211,),
        question=Question(11211, b"version\r\n", b"VERSION"),
    ),
    _haproxy("haproxy", 8080, user="haproxy"),
    _haproxy("haproxy-root", 80, line="user haproxy")._replace(needs=("SETUID",)),
    _APACHE,
    _APACHE._replace(
        name="apache-number",
        user=_APP,
        ports=(8080,),
        question=HTTP.at(8080),
        files={"/etc/apache2/ports.conf": "Listen 8080\n"},
        owned={"/run/apache2": "app", "/run/lock/apache2": "app", "/var/log/apache2": "app"},
    ),
    _POSTGRESQL,
    _POSTGRESQL._replace(
        name="postgresql-number",
        user=_APP,
        needs=(),
        owned={"/var/lib/postgresql/data": "app", "/run/postgresql": "app"},
    ),
    Server(
        "mosquitto",
        ("/entrypoint", "mosquitto", "-c", "/mosquitto/mosquitto.conf"),
        ports=(1883,),
        question=Question(1883, bytes.fromhex("100c00044d51545404 02003c0000"), b"\x20\x02"),
        needs=_BECOMES,
        files={"/entrypoint": texts.MOSQUITTO_START, "/mosquitto/mosquitto.conf": texts.MOSQUITTO},
        owned={"/mosquitto": "mosquitto", "/mosquitto/data": "mosquitto"},
        volumes=("/mosquitto/data",),
    ),
    _CADDY,
    _CADDY._replace(name="caddy-number", user=_APP, owned={"/config": "app", "/data": "app"}),
    Server("cron", ("cron", "-f")),
    _HTTP_SERVER,
    _HTTP_SERVER._replace(name="listener-name", user="app"),
    _HTTP_SERVER._replace(name="listener-number", user=_APP),
    _HTTP_SERVER._replace(
        name="listener-group",
        command=("sh", "-c", 'test "$(id -gn)" = app && exec python3 -m http.server 8080'),  # a kubelet drops the group
        user="app:www-data",
    ),
    Server(
        "squid",
        ("/entrypoint",),
        ports=(3128,),
        question=HTTP.at(3128),
        needs=("CHOWN", *_BECOMES),
        files={"/entrypoint": texts.SQUID_START},
    ),
    Server(
        "unbound",
        ("unbound", "-d", "-c", "/etc/unbound/all.conf"),
        ports=(53,),
        question=dns("here"),
        needs=_BECOMES,
        files={"/etc/unbound/all.conf": texts.UNBOUND},
    ),
    Server(
        "dnsmasq",
        ("dnsmasq", "--keep-in-foreground", "--log-facility=-", "--no-resolv", "--address=/here/127.0.0.1"),
        ports=(53,),
        question=dns("here"),
        needs=_BECOMES,
    ),
    Server(
        "named",
        ("named", "-g", "-u", "bind"),
        ports=(53,),
        question=dns("localhost"),
        needs=_BECOMES,
        owned={"/run/named": "bind"},
    ),
    Server(
        "sshd",
        ("/usr/sbin/sshd", "-D", "-e"),
        ports=(22,),
        question=Question(22, b"SSH-2.0-test\r\n", b"curve25519-sha256"),
        needs=(*_BECOMES, "SYS_CHROOT"),
        owned={"/run/sshd": "root"},
    ),
    Server(
        "tor",
        ("tor", "-f", "/etc/tor/all"),
        user="debian-tor",
        ports=(9050,),
        question=Question(9050, b"\x05\x01\x00", b"\x05\x00"),
        files={"/etc/tor/all": texts.TOR},
    ),
    Server(
        "privoxy",
        ("privoxy", "--no-daemon", "/etc/privoxy/all"),
        user="privoxy",
        ports=(8118,),
        question=HTTP.at(8118),
        files={"/etc/privoxy/all": texts.PRIVOXY},
    ),
    Server(
        "stunnel",
        ("stunnel4", "/etc/stunnel/all.conf"),
        ports=(8443,),
        question=Question(8443, b"", b""),
        needs=_BECOMES,
        files={"/etc/stunnel/all.conf": texts.STUNNEL},
    ),
    Server(
        "lighttpd",
        ("lighttpd", "-D", "-f", "/etc/lighttpd/lighttpd.conf"),
        ports=(80,),
        question=HTTP.at(80),
        needs=_BECOMES,
    ),
    Server("node-exporter", ("prometheus-node-exporter",), user="nobody", ports=(9100,), question=HTTP.at(9100)),
    Server(
        "registry",
        ("docker-registry", "serve", "/etc/registry.yml"),
        ports=(5000,),
        question=HTTP.at(5000),
        files={"/etc/registry.yml": texts.REGISTRY},
        owned={"/var/lib/registry": "root"},
    ),
)
