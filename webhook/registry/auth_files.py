"""The credentials for registries that a user has: auth files of docker and podman, and their credential helpers.

Sources: docker-login(1), `docker-credential-helpers`; containers-auth.json(5).
"""

from __future__ import annotations

import binascii
import os
import re
import subprocess
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from patches import ImageReference
from webhook.errors import InputError, RegistryError
from webhook.registry.authentication import Credentials

_HUB: Final = "docker.io"
_HUB_KEYS: Final = ("https://index.docker.io/v1/", "index.docker.io", "registry-1.docker.io")
_HELPER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HELPER_SECONDS: Final = 10.0
_NO_CREDENTIALS: Final = "credentials not found"
_IDENTITY: Final = "<token>"


class _Auth(msgspec.Struct):
    auth: str = ""
    username: str = ""
    password: str = ""
    identitytoken: str = ""


class AuthFile(msgspec.Struct):
    """The content of an auth file, or of a Secret of the type kubernetes.io/dockerconfigjson."""

    auths: Mapping[str, _Auth] = {}
    cred_helpers: Mapping[str, str] = msgspec.field(default_factory=dict, name="credHelpers")
    creds_store: str = msgspec.field(default="", name="credsStore")

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts of the registries that it names."""
        return frozenset(_host(key) for key in (*self.auths, *self.cred_helpers))

    def find(self, reference: ImageReference) -> Credentials | None:
        """Find the credentials for an image without asking a helper; None if there are none.

        A key may name a repository, or a part of its path; the longest that fits counts.
        """
        rows = {_without_scheme(key): auth for key, auth in self.auths.items()}
        for key in _keys(reference):
            auth = rows.get(_without_scheme(key))
            credentials = None if auth is None else _credentials(auth)
            if credentials is not None:
                return credentials
        return None

    def helper_for(self, host: str) -> str:
        """The name of the credential helper to ask for a host; "" for none."""
        return self.cred_helpers.get(host, self.creds_store)


def read_auth_file(data: bytes | str, name: str) -> AuthFile:
    """Read an auth file. Raises InputError if it cannot be read; no content of it is in the message."""
    try:
        return msgspec.json.decode(data, type=AuthFile)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise InputError(f"{name}: this is no auth file of docker or podman") from None


class UserCredentials:
    """What a user has logged in to, with docker or podman."""

    def __init__(self, files: Iterable[AuthFile]) -> None:
        """Use these files; the first that knows a registry counts."""
        self._files = tuple(files)
        self._helped: dict[tuple[str, str], Credentials | None] = {}

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts of the registries that the files name."""
        return frozenset(host for file in self._files for host in file.hosts)

    def find(self, reference: ImageReference) -> Credentials | None:
        """Find the credentials for an image; None if there are none. May run a credential helper: blocks for seconds.

        Raises:
            RegistryError: if a credential helper fails.
        """
        for file in self._files:
            found = file.find(reference)
            if found is not None:
                return found
            helper = file.helper_for(reference.host)
            if helper:
                key = helper, reference.host
                if key not in self._helped:
                    self._helped[key] = _ask_helper(*key)
                if self._helped[key] is not None:
                    return self._helped[key]
        return None


def load_user_credentials(environment: Mapping[str, str] = os.environ) -> UserCredentials:
    """Read the auth files where podman and docker keep them. Raises InputError if one cannot be read."""
    files = []
    for path in _paths(environment):
        try:
            files.append(read_auth_file(path.read_bytes(), str(path)))
        except FileNotFoundError:
            continue
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from None
    return UserCredentials(files)


def _paths(environment: Mapping[str, str]) -> Iterator[Path]:
    if named := environment.get("REGISTRY_AUTH_FILE"):
        yield Path(named)
    if runtime := environment.get("XDG_RUNTIME_DIR"):
        yield Path(runtime, "containers", "auth.json")
    home = Path(environment.get("HOME") or Path.home())
    yield Path(environment.get("XDG_CONFIG_HOME") or home / ".config", "containers", "auth.json")
    yield Path(environment.get("DOCKER_CONFIG") or home / ".docker", "config.json")


def _keys(reference: ImageReference) -> Iterator[str]:
    """The keys under which credentials for an image may stand, the most particular first."""
    path = f"{reference.host}/{reference.repository}"
    while "/" in path:
        yield path
        path = path.rpartition("/")[0]
    yield reference.host
    if reference.host == _HUB:
        yield from _HUB_KEYS


def _without_scheme(key: str) -> str:
    """Docker once wrote keys as URLs: `https://host/v1/`."""
    _, scheme, rest = key.partition("://")
    key = (rest if scheme else key).rstrip("/")
    return key.removesuffix("/v1").removesuffix("/v2") if scheme else key


def _host(key: str) -> str:
    host = _without_scheme(key).partition("/")[0]
    return _HUB if host in _HUB_KEYS else host


def _credentials(auth: _Auth) -> Credentials | None:
    username, password = auth.username, auth.password
    if auth.auth:
        try:
            username, _, password = b64decode(auth.auth, validate=True).decode().rstrip("\0").partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
    if auth.identitytoken:
        return Credentials(username, identity_token=auth.identitytoken)
    return Credentials(username, password) if username else None


class _Helped(msgspec.Struct, rename="pascal"):
    username: str = ""
    secret: str = ""


def _ask_helper(name: str, host: str) -> Credentials | None:
    if not _HELPER.fullmatch(name):
        raise RegistryError(f"{name!r} is no name of a credential helper")
    server = _HUB_KEYS[0] if host == _HUB else host
    program = f"docker-credential-{name}"
    try:
        ended = subprocess.run(  # noqa: S603 (its name is checked, and the user's own file names it)
            [program, "get"], input=server.encode(), capture_output=True, check=False, timeout=_HELPER_SECONDS
        )
    except FileNotFoundError:
        raise RegistryError(f"the credential helper {program} is not installed") from None
    except (OSError, subprocess.TimeoutExpired):
        raise RegistryError(f"the credential helper {program} does not answer") from None
    if ended.returncode != 0:
        if _NO_CREDENTIALS in ended.stdout.decode(errors="replace"):
            return None
        raise RegistryError(f"the credential helper {program} fails for {host}")
    try:
        found = msgspec.json.decode(ended.stdout, type=_Helped)
    except msgspec.MsgspecError:
        raise RegistryError(f"the credential helper {program} answers what cannot be read") from None
    if found.username == _IDENTITY:
        return Credentials(identity_token=found.secret)
    return Credentials(found.username, found.secret)
