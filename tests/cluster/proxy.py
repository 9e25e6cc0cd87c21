"""A TCP proxy on loopback that can be cut: what a network does to connections that no program closes on purpose."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections.abc import Iterator
from itertools import chain

from tests.leftovers import KEEPERS, Kept

_CHUNK = 1 << 16


class Proxy:
    """Passes bytes on to a port of this machine."""

    def __init__(self, target: int, port: int = 0) -> None:
        """Listen on a port, 0 for a free one. New connections go to `target`, which may be changed."""
        self.target = target
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()
        self._open = True
        self._closed = False
        KEEPERS.add(self)

    def keeps(self) -> list[Kept]:
        """The sockets of the connections that it passes on, and the threads that do."""
        with self._lock:
            return [*chain.from_iterable(self._pairs), *self._threads]

    def cut(self, *, closed: bool = False) -> int:
        """Break all connections off; with `closed`, take no others until `heal`. How many there were."""
        with self._lock:
            pairs, self._pairs = self._pairs, set()
            self._open = not closed
        for one in (end for pair in pairs for end in pair):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        return len(pairs)

    def heal(self) -> None:
        """Take connections again."""
        self._open = True

    def close(self) -> None:
        """End."""
        self._closed = True
        self._listener.shutdown(socket.SHUT_RDWR)  # else it goes on listening for as long as a thread waits in accept
        self._listener.close()
        self.cut(closed=True)

    def serve(self) -> None:
        """Take connections until closed."""
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if not self._open:
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            threading.Thread(target=self._pass, args=((client, server),), daemon=True).start()

    def _pass(self, pair: tuple[socket.socket, socket.socket]) -> None:
        with self._lock:
            self._pairs.add(pair)
            self._threads.add(threading.current_thread())
        client, server = pair
        other = {client: server, server: client}
        with client, server, selectors.DefaultSelector() as selector, contextlib.suppress(OSError):
            for one in pair:
                selector.register(one, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    source = key.fileobj
                    assert isinstance(source, socket.socket)
                    data = source.recv(_CHUNK)
                    if not data:
                        return
                    other[source].sendall(data)


@contextlib.contextmanager
def proxied(target: int, port: int = 0) -> Iterator[Proxy]:
    """A proxy until the end of the block."""
    proxy = Proxy(target, port)
    thread = threading.Thread(target=proxy.serve, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join(10)
        assert not thread.is_alive()
