"""Whether a server answers: a few bytes of its protocol over TCP, and what occurs in every right answer."""

from __future__ import annotations

import socket
from typing import Final, NamedTuple

_SECONDS: Final = 3
_LIMIT: Final = 65536


class Question(NamedTuple):
    """What to send to a port, and bytes that the answer has. None expected: it is enough that it takes a connection."""

    port: int
    sent: bytes
    expected: bytes

    def at(self, port: int) -> Question:
        """The same to another port."""
        return self._replace(port=port)

    def ask(self, address: str) -> bool | None:
        """Whether the server at this address gives the answer; None where nothing listens."""
        try:
            connection = socket.create_connection((address, self.port), timeout=_SECONDS)
        except OSError:
            return None
        with connection:
            try:
                connection.sendall(self.sent)
                answer = b""
                while self.expected not in answer and len(answer) < _LIMIT:
                    part = connection.recv(4096)
                    if not part:
                        return False
                    answer += part
            except OSError:
                return False
        return self.expected in answer


HTTP: Final = Question(80, b"GET / HTTP/1.0\r\nHost: here\r\n\r\n", b"HTTP/1.")
_ID: Final = b"\x12\x34"


def dns(name: str) -> Question:
    """Asks for the address of a name that the server knows itself: there are no others to ask."""
    question = _ID + b"\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
    question += bytes([len(name)]) + name.encode() + b"\x00" + b"\x00\x01\x00\x01"
    return Question(53, len(question).to_bytes(2, "big") + question, _ID)
