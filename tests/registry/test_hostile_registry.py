"""A registry that misbehaves: every answer is bounded, and nothing of ours goes where it does not belong."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from aiohttp import web

from patches import ImageFacts, parse_image_reference
from tests.cluster.pki import Authority
from tests.registry.content import OCI_INDEX, OCI_MANIFEST, PASSWD, Blob, StoredImage, image, layer, link, tar
from webhook.errors import RegistryError
from webhook.registry import tree
from webhook.registry.addresses import AllowedHosts, is_public
from webhook.registry.authentication import Credentials
from webhook.registry.client import RegistryClient
from webhook.registry.image import LooksInto, looks_into_none

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
USER: Final = Credentials("puller", "secret-password")
STORED: Final = image("web", [layer({"etc/passwd": PASSWD})])
REFRESHING: Final = Credentials(identity_token="refresh-me")  # noqa: S106 (no real one)
MANIFEST: Final = "/v2/app/manifests/latest"
CONFIG: Final = f"/v2/app/blobs/{STORED.blobs[0].digest}"
LINKS: Final = {f"{number}": link("x" * 100) for number in range(100)}
LAYER: Final = f"/v2/app/blobs/{STORED.blobs[1].digest}"


class Server(NamedTuple):
    """A server of ours, and the requests that it got: their path and their Authorization."""

    host: str
    requests: list[tuple[str, str]]
    handlers: dict[str, Handler]


@asynccontextmanager
async def serving(authority: Authority, stored: StoredImage = STORED) -> AsyncIterator[Server]:
    """Serve an image as `app:latest`; a test puts handlers of its own over paths."""

    def fixed(data: bytes, kind: str = "application/octet-stream") -> Handler:
        async def handle(_: web.Request) -> web.StreamResponse:
            return web.Response(body=data, content_type=kind)

        return handle

    handlers = {f"/v2/app/blobs/{row.digest}": fixed(row.data) for row in stored.blobs}
    handlers[MANIFEST] = fixed(stored.manifest.data, stored.manifest.media_type)
    requests: list[tuple[str, str]] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        requests.append((request.path, request.headers.get("Authorization", "")))
        handler = handlers.get(request.path)
        return web.Response(status=404) if handler is None else await handler(request)

    pair = authority.issue("hostile")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.cert, pair.key)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        yield Server(f"127.0.0.1:{runner.addresses[0][1]}", requests, handlers)
    finally:
        await runner.cleanup()


@pytest.fixture
async def server(authority: Authority) -> AsyncIterator[Server]:
    """The registry that is asked."""
    async with serving(authority) as running:
        yield running


@pytest.fixture
async def other(authority: Authority) -> AsyncIterator[Server]:
    """Another host."""
    async with serving(authority) as running:
        yield running


async def ask(
    server: Server,
    authority: Authority,
    *,
    allowed: Sequence[str] = (),
    credentials: Credentials | None = None,
    seconds: float = 5,
    looks_into: LooksInto = looks_into_none,
) -> ImageFacts:
    """What `server` says of its image, if also these hosts are allowed."""
    context = ssl.create_default_context(cafile=authority.cert)
    hosts = AllowedHosts([server.host, *allowed])
    async with RegistryClient(hosts, context=context, request_seconds=seconds, image_seconds=2 * seconds) as client:
        return await client.facts(parse_image_reference(f"{server.host}/app"), credentials, looks_into)


def answer(status: int = 200, body: bytes = b"", **headers: str) -> Handler:
    """A handler with one answer."""

    async def handle(_: web.Request) -> web.StreamResponse:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, body=body, headers=names)

    return handle


async def endless(request: web.Request) -> web.StreamResponse:
    """A body without an end."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(bytes(65536))
        await asyncio.sleep(0)  # to a connection that is being lost it writes without ever waiting


async def slow(_: web.Request) -> web.StreamResponse:
    """An answer that comes too late."""
    await asyncio.sleep(2)
    return web.Response()


def delayed(body: bytes) -> Handler:
    """A handler whose answer comes a little late."""

    async def handle(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.3)
        return web.Response(body=body)

    return handle


async def trickling(request: web.Request) -> web.StreamResponse:
    """A body that comes so slowly that each read succeeds."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.05)


async def truncated(request: web.Request) -> web.StreamResponse:
    """A body that breaks off."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b"{")
    assert request.transport is not None
    request.transport.close()
    return response


@pytest.mark.parametrize(
    ("path", "handler", "message"),
    [
        (CONFIG, answer(body=bytes(4 * 1024 * 1024 + 1)), "more than 4194304 bytes"),
        (CONFIG, endless, "more than 4194304 bytes"),
        (MANIFEST, endless, "more than 4194304 bytes"),
        (CONFIG, answer(body=b"{}"), "does not have the digest sha256:"),
        (CONFIG, slow, "imeout"),
        (CONFIG, trickling, "imeout"),
        (MANIFEST, truncated, "/manifests/latest: "),
        (MANIFEST, answer(body=b"{}", Docker_Content_Digest=f"sha256:{'0' * 64}"), "does not have the digest"),
        (MANIFEST, answer(body=b"[" * 100_000), "the manifest of the image cannot be read"),
        (MANIFEST, answer(body=b"\xff"), "the manifest of the image cannot be read"),
        (MANIFEST, answer(body=b"{}"), "the manifest names no configuration"),
        (MANIFEST, answer(body=b'{"schemaVersion": 1}'), "schema 1, which is not read"),
        (
            MANIFEST,
            answer(body=b"{}", Content_Type="application/vnd.docker.distribution.manifest.v1+prettyjws"),
            "schema 1, which is not read",
        ),
        (MANIFEST, answer(body=b'{"manifests": []}', Content_Type=OCI_INDEX), "no variant for linux"),
        (
            MANIFEST,
            answer(body=b'{"manifests": [{"digest": "../../x", "platform": {"os": "linux"}}]}'),
            "'../../x' is no digest that can be verified",
        ),
        (MANIFEST, answer(body=b'{"config": {"digest": "md5:0"}}'), "'md5:0' is no digest that can be verified"),
        (MANIFEST, answer(500), "/manifests/latest: 500"),
        (MANIFEST, answer(401), "no known way of authentication is asked for"),
        (MANIFEST, answer(401, WWW_Authenticate='Bearer realm="http://localhost/t"'), "no https URL"),
        (MANIFEST, answer(401, WWW_Authenticate='Bearer realm="https://[bad/t"'), "no URL"),
        (MANIFEST, answer(401, WWW_Authenticate='Bearer realm="https://169.254.169.254/t"'), "no public address"),
        (MANIFEST, answer(307, Location="https://169.254.169.254/latest/meta-data"), "no public address"),
        (MANIFEST, answer(307, Location="https://127.0.0.1/"), "no public address"),
        (MANIFEST, answer(307, Location="https://[::1]/"), "no public address"),
        (MANIFEST, answer(307, Location="https://10.0.0.1/"), "no public address"),
        (MANIFEST, answer(307, Location="https://h:99999/"), "no URL"),
        (MANIFEST, answer(307, Location="https://[bad/"), "no URL"),
        (MANIFEST, answer(307, Location="http://localhost/"), "no https URL"),
        (MANIFEST, answer(307, Location="file:///etc/passwd"), "no https URL"),
        (MANIFEST, answer(307, Location=MANIFEST), "more than 5 redirects"),
    ],
)
async def test_an_answer_that_cannot_be_used(
    server: Server, authority: Authority, path: str, handler: Handler, message: str
) -> None:
    """Each is an error that says what is wrong, within the bounds of size and time."""
    server.handlers[path] = handler
    with pytest.raises(RegistryError) as raised:
        await ask(server, authority, credentials=USER, seconds=1)
    assert message in str(raised.value)
    assert USER.password not in str(raised.value)


@pytest.mark.parametrize("handler", [endless, truncated, slow, answer(404), answer(body=b"other")])
async def test_a_layer_that_cannot_be_used_leaves_the_rest(
    server: Server, authority: Authority, handler: Handler
) -> None:
    """The number of the user stays unknown."""
    server.handlers[LAYER] = handler
    assert await ask(server, authority, seconds=1) == ImageFacts(user="web")


@pytest.mark.parametrize("handler", [trickling, answer(body=gzip.compress(tar(LINKS)))])
async def test_a_layer_that_is_looked_into_and_cannot_be_used(
    authority: Authority, handler: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the time is over, or it has too many links: the file capabilities stay unknown, and the user is known."""
    monkeypatch.setattr(tree, "_MOST_BYTES", 10_000)
    stored = image("7", [layer(LINKS)])
    async with serving(authority, stored) as server:
        server.handlers[f"/v2/app/blobs/{stored.blobs[1].digest}"] = handler
        assert await ask(server, authority, seconds=1, looks_into=lambda _: True) == ImageFacts(user="7")


async def test_the_time_for_an_image_is_bounded(authority: Authority) -> None:
    """However many layers it has that each arrive in time; what is known by then counts."""
    layers = [layer({f"a{number}": b""}) for number in range(20)]
    stored = image("7", layers)

    async with serving(authority, stored) as server:
        for row in layers:
            server.handlers[f"/v2/app/blobs/{row.digest}"] = delayed(row.data)
        assert await ask(server, authority, seconds=0.5, looks_into=lambda _: True) == ImageFacts(user="7")
        assert len(server.requests) < 10


async def test_layers_that_are_too_large_are_not_asked_for(authority: Authority) -> None:
    """The manifest says how large they are."""
    value: Any = json.loads(STORED.manifest.data)
    value["layers"][0]["size"] = 2**40
    large = StoredImage(Blob(json.dumps(value).encode(), OCI_MANIFEST), STORED.blobs)
    async with serving(authority, large) as server:
        assert await ask(server, authority) == ImageFacts(user="web")
        assert LAYER not in [path for path, _ in server.requests]


async def test_a_registry_with_tokens(server: Server, other: Server, authority: Authority) -> None:
    """The user's password goes to the realm alone, its token to the registry alone."""
    given = server.handlers[MANIFEST]

    async def manifest(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") == "Bearer of-this-registry":
            return await given(request)
        challenge = f'Bearer realm="https://{other.host}/token",service="here",scope="x"'
        return web.Response(status=401, headers={"WWW-Authenticate": challenge})

    async def token(request: web.Request) -> web.StreamResponse:
        assert dict(request.query) == {"service": "here", "scope": "repository:app:pull"}
        return web.json_response({"access_token": "of-this-registry"})

    server.handlers[MANIFEST], other.handlers["/token"] = manifest, token
    facts = await ask(server, authority, allowed=[other.host], credentials=USER)
    assert facts == ImageFacts(user="web", uid=101, gid=102)
    assert other.requests == [("/token", USER.basic)]
    assert {shown for _, shown in server.requests} == {"", "Bearer of-this-registry"}


async def test_an_identity_token_is_posted_and_never_redirected(
    server: Server, other: Server, authority: Authority
) -> None:
    """It goes to the realm alone."""
    forms: list[dict[str, Any]] = []

    async def token(request: web.Request) -> web.StreamResponse:
        forms.append(dict(await request.post()))
        return web.Response(status=307, headers={"Location": f"https://{other.host}/token"})

    challenge = f'Bearer realm="https://{server.host}/token",service="here"'
    server.handlers.update({MANIFEST: answer(401, WWW_Authenticate=challenge), "/token": token})
    with pytest.raises(RegistryError, match=r"no token from .*: 307"):
        await ask(server, authority, allowed=[other.host], credentials=REFRESHING)
    assert [row["refresh_token"] for row in forms] == ["refresh-me"]
    assert other.requests == []


@pytest.mark.parametrize("body", [b"{}", b"no JSON", b'{"token": "a\\r\\nX: y"}'])
async def test_a_token_that_is_none(server: Server, authority: Authority, body: bytes) -> None:
    """No answer without a token, or with one that no header may hold, is used."""
    challenge = f'Bearer realm="https://{server.host}/token"'
    server.handlers.update({MANIFEST: answer(401, WWW_Authenticate=challenge), "/token": answer(body=body)})
    with pytest.raises(RegistryError, match="no token from"):
        await ask(server, authority)


async def test_credentials_stay_with_their_host(server: Server, other: Server, authority: Authority) -> None:
    """A blob is often elsewhere; that host gets no credentials, and none if it asks for them."""
    given = server.handlers[MANIFEST]

    async def manifest(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") == USER.basic:
            return await given(request)
        return web.Response(status=401, headers={"WWW-Authenticate": "Basic realm=x"})

    server.handlers.update({MANIFEST: manifest, CONFIG: answer(302, Location=f"https://{other.host}{CONFIG}")})
    facts = await ask(server, authority, allowed=[other.host], credentials=USER)
    assert facts.uid == 101
    assert other.requests == [(CONFIG, "")]
    other.handlers[CONFIG] = answer(401, WWW_Authenticate="Basic realm=x")
    with pytest.raises(RegistryError, match=": 401"):
        await ask(server, authority, allowed=[other.host], credentials=USER)
    assert {shown for _, shown in other.requests} == {""}


async def test_no_credentials_but_those_given(
    server: Server, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of ~/.netrc, which HTTP clients like to send, stay there."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password mine\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    await ask(server, authority)
    assert {shown for _, shown in server.requests} == {""}


async def test_hosts_that_may_not_be_asked(server: Server, authority: Authority) -> None:
    """A pattern allows public addresses only, and TLS is verified."""
    context = ssl.create_default_context(cafile=authority.cert)
    reference = parse_image_reference(f"{server.host}/app")
    for patterns, message in ((["*.example"], "not among those"), (["*"], "no public address, and not allowed")):
        async with RegistryClient(AllowedHosts(patterns), context=context) as client:
            with pytest.raises(RegistryError, match=message):
                await client.facts(reference)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(RegistryClient(AllowedHosts([server.host])))
        with pytest.raises(RegistryError, match="certificate verify failed"):
            await client.facts(reference)
    assert server.requests == []


async def test_a_name_that_leads_to_this_machine(server: Server, authority: Authority) -> None:
    """It is looked up, and what it stands for is not asked: neither directly nor after a redirect."""
    try:
        socket.getaddrinfo("localhost", None)
    except OSError:
        pytest.skip("localhost has no address: /etc/hosts does not name it")
    message = "localhost has no public address, and is not allowed by name"
    async with RegistryClient(AllowedHosts(["*"])) as client:
        with pytest.raises(RegistryError, match=message):
            await client.facts(parse_image_reference("localhost:1/app"))
    server.handlers[MANIFEST] = answer(307, Location="https://localhost:1/")
    with pytest.raises(RegistryError, match=message):
        await ask(server, authority)


@pytest.mark.parametrize(
    "text", ["localhost:1/UPPER", "localhost:1/a/../b", "localhost:1/a:t?x", "ho_st.x/a", "localhost:1/a@sha256:0"]
)
async def test_what_is_no_reference_asks_nobody(text: str) -> None:
    """Nothing that has no place in a URL gets into one."""
    async with RegistryClient(AllowedHosts(["*"])) as client:
        with pytest.raises(RegistryError, match=r"no image reference|cannot be verified"):
            await client.facts(parse_image_reference(text))


NOT_PUBLIC: Final = """
    127.0.0.1 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 224.0.0.1
    ::1 :: fe80::1 fe80::1%eth0 fd00::1 ::ffff:10.0.0.1 64:ff9b::a00:1 2002:a00:1::1
"""


@pytest.mark.parametrize("address", NOT_PUBLIC.split())
def test_addresses_that_are_not_public(address: str) -> None:
    """Also where an IPv6 address holds an IPv4 address."""
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1"])
def test_addresses_that_are_public(address: str) -> None:
    """In both families."""
    assert is_public(address)


def test_hosts_that_are_named() -> None:
    """In full, with the port that they are asked at."""
    hosts = AllowedHosts(["docker.io", "*.example.com", "reg:5000", "[fd00::1]:5000"])
    allowed = ["Docker.io", "a.example.com", "[fd00::1]:5000"]
    assert [host for host in (*allowed, "example.com", "reg") if hosts.allows(host)] == allowed
    named = [("registry-1.docker.io", 443), ("reg", 5000), ("fd00::1", 5000)]
    assert [row for row in (*named, ("a.example.com", 443), ("reg", 443)) if hosts.names(*row)] == named
