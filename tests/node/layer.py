"""The layer that all servers of the node's tests share: a Debian in which they are installed, kept in the cache."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import tarfile
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Final, NamedTuple

from tests.cluster.assets.build import cache_directory
from tests.image.buildah import ALONE
from tests.image.debian import SUITE, debootstrap, make_archive
from tests.node.oci import Layer
from tests.node.telling import tell

_PACKAGES: Final = (
    "apache2",
    "bind9",
    "caddy",
    "cron",
    "dnsmasq-base",
    "docker-registry",
    "haproxy",
    "iputils-ping",
    "libcap2-bin",
    "lighttpd",
    "memcached",
    "mosquitto",
    "nginx",
    "openssh-server",
    "postgresql",
    "privoxy",
    "prometheus-node-exporter",
    "python3",
    "redis-server",
    "squid",
    "stunnel4",
    "sudo",
    "tor",
    "unbound",
)
APP_UID: Final = 1001
"""The user `app`, for images whose own USER is a number or the name of an application."""
_PREPARE: Final = f"""set -e
useradd --uid {APP_UID} --no-create-home --home-dir / app
setcap cap_net_bind_service=+ep /usr/bin/caddy
rm -rf /var/lib/postgresql/15 /usr/share/doc /usr/share/man /usr/share/locale /usr/share/info
rm /usr/lib/*/libLLVM* /usr/lib/*/libz3* /usr/lib/postgresql/15/lib/llvm*
find /var/log -type f -delete
"""


class ServersLayer(NamedTuple):
    """The layer, and the numbers of its users."""

    layer: Layer
    uids: dict[str, int]


def servers_layer() -> ServersLayer:
    """The layer. Skips the test where the packages cannot be had."""
    recipe = hashlib.sha256("\n".join((*_PACKAGES, _PREPARE)).encode()).hexdigest()[:12]
    archive = cache_directory().parent / "node" / f"servers-{SUITE}-{os.uname().machine}-{recipe}.tar"
    if not archive.exists():
        tell(f"layer of the servers made by debootstrap in {make_archive(archive, _make):.0f} s")
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return ServersLayer(Layer(archive, digest), _uids(archive))


def picked(base: Layer, names: Sequence[str]) -> Layer:
    """A small layer of these files of a large one, with their links and file capabilities; `*` is any text."""
    buffer = io.BytesIO()
    assert isinstance(base.content, Path)
    with tarfile.open(base.content) as source, tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for entry in source:
            if any(fnmatch(entry.name, name) for name in names):
                tar.addfile(entry, source.extractfile(entry) if entry.isreg() else None)
    return Layer(buffer.getvalue(), hashlib.sha256(buffer.getvalue()).hexdigest())


def _make(tree: Path) -> None:
    debootstrap(tree, _PACKAGES)
    subprocess.run([*ALONE, "chroot", tree, "/bin/sh", "-c", _PREPARE], check=True, capture_output=True)


def _uids(archive: Path) -> dict[str, int]:
    with tarfile.open(archive) as tar:
        passwd = tar.extractfile("./etc/passwd")
        assert passwd is not None
        rows = [line.split(":") for line in passwd.read().decode().splitlines()]
    return {row[0]: int(row[2]) for row in rows}
