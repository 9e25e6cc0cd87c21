"""A real registry, over TLS, one without and one with a user and a password."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.cluster.pki import Authority
from tests.cluster.processes import free_ports
from tests.leftovers import bound
from tests.registry.content import Blob, StoredImage
from webhook.registry.authentication import Credentials

USER: Final = Credentials("puller", "pa:ss word")
_COMMANDS: Final = {"docker-registry": "docker-registry", "htpasswd": "apache2-utils"}
_SECONDS: Final = 30


class Registry(NamedTuple):
    """A registry that runs: `host` is `localhost:PORT`."""

    host: str
    context: ssl.SSLContext
    credentials: Credentials | None = None

    def push(self, repository: str, tag: str, stored: StoredImage) -> None:
        """Store an image by its tag."""
        for blob in stored.blobs:
            self._push_blob(repository, blob)
        self.push_manifest(repository, tag, stored.manifest)

    def push_manifest(self, repository: str, name: str, manifest: Blob) -> None:
        """Store a manifest or an index whose parts are there."""
        self._send("PUT", f"https://{self.host}/v2/{repository}/manifests/{name}", manifest.data, manifest.media_type)

    def _push_blob(self, repository: str, blob: Blob) -> None:
        place = self._send("POST", f"https://{self.host}/v2/{repository}/blobs/uploads/")
        where = f"{place}{'&' if '?' in place else '?'}digest={blob.digest}"
        self._send("PUT", where, blob.data, "application/octet-stream")

    def _send(self, method: str, url: str, data: bytes = b"", kind: str = "") -> str:
        headers = {"Content-Type": kind} if kind else {}
        if self.credentials is not None:
            headers["Authorization"] = self.credentials.basic
        request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 (a registry of the test)
        with urllib.request.urlopen(request, timeout=_SECONDS, context=self.context) as response:  # noqa: S310
            return response.headers.get("Location") or ""


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who signs for this machine."""
    return Authority(tmp_path_factory.mktemp("registry-ca"))


@pytest.fixture(scope="module")
def registry(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that everyone may push to."""
    with running_registry(authority, tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture(scope="module")
def private_registry(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that asks for a user and a password."""
    with running_registry(authority, tmp_path_factory.mktemp("private-registry"), USER) as running:
        yield running


@contextmanager
def running_registry(
    authority: Authority, directory: Path, user: Credentials | None = None, *, address: str = ""
) -> Iterator[Registry]:
    """A registry until the end of the block. Skips where there is no program for it.

    With `user` it asks for them. `address` is where it listens: by default at a free port of this machine alone.
    """
    absent = {package for command, package in _COMMANDS.items() if shutil.which(command) is None}
    if absent:
        pytest.skip(f"no real registry: `apt-get install {' '.join(sorted(absent))}`")
    address = address or f"127.0.0.1:{free_ports(1)[0]}"
    port = address.rpartition(":")[2]
    pair = authority.issue(f"registry-{port}")
    config = {
        "version": "0.1",
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(directory / "data")}},
        "http": {"addr": address, "tls": {"certificate": str(pair.cert), "key": str(pair.key)}},
    }
    if user is not None:
        passwords = directory / "htpasswd"
        words = ["htpasswd", "-Bbn", user.username, user.password]
        passwords.write_bytes(subprocess.run(words, check=True, capture_output=True).stdout)
        config["auth"] = {"htpasswd": {"realm": "test", "path": str(passwords)}}
    file = directory / "config.yml"
    file.write_text(json.dumps(config), encoding="utf-8")
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(bound(["docker-registry", "serve", str(file)]), stdout=log, stderr=log)
    try:
        context = ssl.create_default_context(cafile=authority.cert)
        running = Registry(f"localhost:{port}", context, user)
        _wait(running)
        yield running
    finally:
        process.terminate()
        process.wait(_SECONDS)


def _wait(registry: Registry) -> None:
    end = time.monotonic() + _SECONDS
    while True:
        try:
            urllib.request.urlopen(f"https://{registry.host}/v2/", timeout=5, context=registry.context).close()
        except urllib.error.HTTPError as error:
            error.close()  # it asks for a user
            return
        except OSError:
            assert time.monotonic() < end, "the registry does not start"
            time.sleep(0.05)
        else:
            return


def encoded(user: Credentials) -> str:
    """A user and password as an auth file has them."""
    return b64encode(f"{user.username}:{user.password}".encode()).decode()
