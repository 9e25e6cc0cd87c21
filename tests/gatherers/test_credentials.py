"""What a client sends to an API server: our credentials and no others, by the proxy that the environment names."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.pki import Authority
from webhook.cluster.api import ClusterClient
from webhook.cluster.credentials import Credentials, TokenFile, of_pod
from webhook.cluster.proxies import proxy_of
from webhook.errors import ClusterError

NETRC = "default login somebody password secret\n"
BASIC = "Basic bWU6cHc="
"""`me:pw`, as a proxy is told it."""


class Heard:
    """A server that answers everything with an empty object, and keeps what it was sent."""

    def __init__(self) -> None:
        self.heads: list[list[str]] = []
        self.address = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().strip()
        self.heads.append(head.split("\r\n"))
        if head.startswith("CONNECT"):
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    def header(self, name: str) -> str | None:
        """A header of the only request."""
        ((_, *lines),) = self.heads
        headers = {line.partition(": ")[0].lower(): line.partition(": ")[2] for line in lines}
        return headers.get(name.lower())


@asynccontextmanager
async def hearing() -> AsyncIterator[Heard]:
    """A server on loopback."""
    heard = Heard()
    server = await asyncio.start_server(heard.answer, "127.0.0.1", 0)
    heard.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield heard


def kubeconfig(directory: Path, server: str, user: dict[str, Any], **cluster: Any) -> Path:
    """A kubeconfig for a server."""
    file = directory / "kubeconfig"
    named = {"cluster": {"server": server, **cluster}, "user": user, "context": {"cluster": "x", "user": "x"}}
    parts = {f"{kind}s": [{"name": "x", kind: value}] for kind, value in named.items()}
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": "x", **parts}))
    return file


@pytest.fixture(autouse=True)
def _netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials for every host, and no proxy."""
    (tmp_path / ".netrc").write_text(NETRC)
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


async def ask(file: Path) -> None:
    """Send one request to the cluster of a kubeconfig."""
    client = await ClusterClient.connect(file)
    try:
        await client.get("/version", seconds=10)
    finally:
        await client.close()


@pytest.mark.parametrize(
    ("user", "sent"), [({"token": "ours"}, "Bearer ours"), ({}, None)], ids=["a token of ours", "no credentials"]
)
async def test_netrc_is_not_read(tmp_path: Path, user: dict[str, Any], sent: str | None) -> None:
    """Its credentials go to no API server, neither beside ours nor where we have none."""
    async with hearing() as server:
        await ask(kubeconfig(tmp_path, f"http://{server.address}", user))
    assert server.header("Authorization") == sent


async def test_a_proxy_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets the credentials that its URL has, and the API server gets ours."""
    async with hearing() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://me:pw@{proxy.address}")
        await ask(kubeconfig(tmp_path, "http://api.test", {"token": "ours"}))
    assert proxy.heads[0][0] == "GET http://api.test/version HTTP/1.1"
    assert (proxy.header("Proxy-Authorization"), proxy.header("Authorization")) == (BASIC, "Bearer ours")


async def test_the_proxy_of_an_https_server_learns_no_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked for a connection, without ours and without those of ~/.netrc for the proxy."""
    async with hearing() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
        with pytest.raises(ClusterError, match="403"):
            await ask(kubeconfig(tmp_path, "https://api.test", {"token": "ours"}))
    assert proxy.heads[0][0] == "CONNECT api.test:443 HTTP/1.1"
    assert (proxy.header("Proxy-Authorization"), proxy.header("Authorization")) == (None, None)


async def test_the_proxy_of_the_kubeconfig_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`proxy-url` is for this cluster; the environment is for all."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with hearing() as proxy:
        await ask(kubeconfig(tmp_path, "http://api.test", {}, **{"proxy-url": f"http://{proxy.address}"}))
    assert proxy.heads[0][0].startswith("GET http://api.test/")


async def test_a_server_that_needs_no_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_PROXY names it."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.0/8")
    async with hearing() as server:
        await ask(kubeconfig(tmp_path, f"http://{server.address}", {}))
    assert server.heads[0][0] == "GET /version HTTP/1.1"


@pytest.mark.parametrize(
    ("excluded", "url", "proxied"),
    [
        ("", "https://10.96.0.1:443", True),
        ("10.96.0.1", "https://10.96.0.1:443", False),
        (".svc,10.0.0.0/8", "https://10.96.0.1", False),
        (" 10.0.0.0/8 ,x", "https://10.96.0.1", False),
        ("10.0.0.0/16", "https://10.96.0.1", True),
        ("10.96.7.7/16", "https://10.96.0.1", False),
        ("fd00::/8", "https://[fd00::1]:6443", False),
        ("fd00::/8", "https://10.96.0.1", True),
        ("api.test", "https://api.test", False),
        ("test", "https://api.test", False),
        (".test", "https://api.test", False),
        ("api.test:6443", "https://api.test:6443", False),
        ("10.0.0.0/8", "https://api.test", True),
        ("other.test,/,", "https://api.test", True),
        ("*", "https://api.test", False),
        ("", "http://api.test", False),
    ],
)
def test_which_servers_need_the_proxy(
    monkeypatch: pytest.MonkeyPatch,
    excluded: str,
    url: str,
    proxied: bool,  # noqa: FBT001 (a parameter of the test)
) -> None:
    """By name, domain, address and network; HTTPS_PROXY is for https alone."""
    monkeypatch.setenv("HTTPS_PROXY", "proxy.test:3128")
    monkeypatch.setenv("NO_PROXY", excluded)
    assert proxy_of(url) == ("http://proxy.test:3128" if proxied else None)


@pytest.fixture
def pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What kubelet puts in every pod."""
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    assert Authority(tmp_path).cert == tmp_path / "ca.crt"
    (tmp_path / "token").write_text("ours\n")
    (tmp_path / "namespace").write_text("shop")
    return tmp_path


@pytest.mark.parametrize(
    ("host", "url"), [("10.96.0.1", "https://10.96.0.1:443"), ("fd00::1", "https://[fd00::1]:443")]
)
async def test_the_credentials_of_a_pod(pod: Path, monkeypatch: pytest.MonkeyPatch, host: str, url: str) -> None:
    """The address is in the environment, the rest in files; the API server has to be of the cluster's authority."""
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    found = of_pod(pod)
    assert (found.url, found.namespace, await found.authorization()) == (url, "shop", "Bearer ours")
    assert found.tls is not None
    assert len(found.tls.get_ca_certs()) == 1


@pytest.mark.parametrize("name", ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"])
def test_a_pod_without_an_address(pod: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Each part is needed."""
    monkeypatch.setenv(name, "")
    with pytest.raises(ClusterError, match=name):
        of_pod(pod)


async def test_a_pod_asks_over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An API server of the cluster's authority is trusted, and told our token."""
    authority = Authority(tmp_path)
    heard = Heard()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*authority.issue("server"))
    server = await asyncio.start_server(heard.answer, "127.0.0.1", 0, ssl=context)
    monkeypatch.setattr("webhook.cluster.api._SERVICE_ACCOUNT", tmp_path)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(server.sockets[0].getsockname()[1]))
    (tmp_path / "token").write_text("ours")
    (tmp_path / "namespace").write_text("shop")
    async with server:
        client = await ClusterClient.connect()
        assert await client.get("/version", seconds=10) == b"{}"
        await client.close()
    assert (client.namespace, heard.header("Authorization")) == ("shop", "Bearer ours")


async def test_a_token_that_kubelet_replaces(pod: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read anew after a minute, and not for every request."""
    now = 100.0
    monkeypatch.setattr("webhook.cluster.credentials.time.monotonic", lambda: now)
    token = TokenFile(pod / "token")
    (pod / "token").write_text("next")
    now = 159.0
    assert await token.authorization() == "Bearer ours"
    now = 161.0
    assert await token.authorization() == "Bearer next"


async def test_a_token_that_cannot_be_read(pod: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is as if nobody had answered: status 0, and the message names the request."""
    monkeypatch.setattr("webhook.cluster.credentials._TOKEN_SECONDS", -1.0)
    token = TokenFile(pod / "token")
    (pod / "token").write_text("")
    client = ClusterClient(Credentials("http://127.0.0.1:1", authorization=token.authorization))
    with pytest.raises(ClusterError, match=r"GET /version: .*token is empty") as caught:
        await client.get("/version")
    await client.close()
    assert caught.value.status == 0


async def test_a_plugin_that_fails(tmp_path: Path) -> None:
    """It is run when the kubeconfig is read."""
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "false", "interactiveMode": "Never"}}
    with pytest.raises(ClusterError, match="no connection to a cluster: exec: process returned 1"):
        await ClusterClient.connect(kubeconfig(tmp_path, "https://api.test", user))


async def test_half_a_character_in_a_body_is_sent_as_it_is(tmp_path: Path) -> None:
    """It came in a header of anybody's; the API server says what it thinks of it."""
    async with hearing() as heard:
        client = await ClusterClient.connect(kubeconfig(tmp_path, f"http://{heard.address}", {}))
        try:
            assert await client.send("POST", "/reviews", {"token": "\udcff"}, seconds=10) == b"{}"
        finally:
            await client.close()
    assert heard.header("Content-Length") == "19"
