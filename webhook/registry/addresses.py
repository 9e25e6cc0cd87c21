"""Which hosts and addresses may be asked. A manifest of anyone names hosts: none of them leads into our own network."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Final
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from webhook.errors import RegistryError

_HTTPS: Final = 443
_HUB_HOSTS: Final = {"registry-1.docker.io": "docker.io"}
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


class AllowedHosts:
    """The hosts of registries that may be asked.

    A host that is named in full may have any address. One that only a pattern names has to have a public one, and so
    has a host that a registry sends us to.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        """Take globs over `host` or `host:port`, such as `*.example.com`."""
        lowered = tuple(pattern.lower() for pattern in patterns)
        self._named = frozenset(pattern for pattern in lowered if not set(pattern) & set("*?"))
        self._patterns = tuple(pattern.replace("[", "[[]") for pattern in lowered)  # brackets are of IPv6 addresses

    def allows(self, host: str) -> bool:
        """Whether a registry may be asked: `host` or `host:port`, as in a reference."""
        return any(fnmatchcase(host.lower(), pattern) for pattern in self._patterns)

    def names(self, host: str, port: int = _HTTPS) -> bool:
        """Whether a host is named in full."""
        host = _HUB_HOSTS.get(host.lower(), host.lower())
        host = f"[{host}]" if ":" in host else host
        return f"{host}:{port}" in self._named or (port == _HTTPS and host in self._named)


def is_public(text: str) -> bool:
    """Whether an address is one of the public internet, whatever it is written or mapped as."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return address.is_global and not address.is_multicast


def check_address(url: str, hosts: AllowedHosts) -> None:
    """Raise RegistryError if the host of a URL is an address that may not be asked. Names are for `PublicResolver`."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        public = is_public(host)
    except ValueError:
        return
    if not public and not hosts.names(host, parts.port or _HTTPS):
        raise RegistryError(f"{host} is no public address, and not allowed by name")


class PublicResolver(AbstractResolver):
    """Resolves names, and leaves out addresses that may not be asked. The connection goes to what is left."""

    def __init__(self, hosts: AllowedHosts, proxy: str | None = None) -> None:
        """Prepare to resolve. The name of the `proxy`, a URL, may have any address."""
        self._hosts = hosts
        self._proxy = None if proxy is None else urlsplit(proxy).hostname
        self._inner = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Resolve a name. Raises OSError if it has no address that may be asked."""
        found = await self._inner.resolve(host, port, family)
        if host == self._proxy or self._hosts.names(host, port):
            return found
        allowed = [row for row in found if is_public(row["host"])]
        if not allowed:
            raise OSError(None, f"{host} has no public address, and is not allowed by name")
        return allowed

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""
