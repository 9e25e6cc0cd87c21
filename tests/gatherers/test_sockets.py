"""Sockets of a client: none is left open, whenever a request is given up."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from tests.cluster.pki import Authority
from tests.gatherers.test_credentials import kubeconfig
from webhook.cluster.api import ClusterClient

_SECONDS = 0.006
"""Longer than it takes to connect and to be answered."""
_TRIES = 60


class _Server:
    """Answers over TLS, in an event loop and a thread of its own: a handshake with it takes several turns of ours."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()
        self._loop.close()

    async def _serve(self) -> None:
        self._loop.set_exception_handler(lambda *_: None)  # clients go away as they please
        async with await asyncio.start_server(self._answer, "127.0.0.1", 0, ssl=self._context) as server:
            self.port = server.sockets[0].getsockname()[1]
            self._ready.set()
            await self._end.wait()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
            await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    """The kubeconfig of a server that answers."""
    authority = Authority(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*authority.issue("server"))
    with _Server(context) as server:
        trust = {"certificate-authority": str(authority.cert)}
        yield kubeconfig(tmp_path, f"https://127.0.0.1:{server.port}", {}, **trust)


async def _give_up(file: Path, seconds: float) -> bool:
    """Whether the request was answered before that."""
    client = await ClusterClient.connect(file)
    try:
        async with asyncio.timeout(seconds):
            return await client.get("/version") == b"{}"
    except TimeoutError:
        return False
    finally:
        await client.close()


def test_a_request_given_up_at_any_moment_leaves_no_socket(file: Path) -> None:
    """Else the collection of garbage warns of it, which is an error here, where the event loop ends right after."""
    answered = 0
    for number in range(_TRIES):
        answered += asyncio.run(_give_up(file, _SECONDS * number / _TRIES))
        gc.collect()
    assert asyncio.run(_give_up(file, 10))
    assert answered < _TRIES
