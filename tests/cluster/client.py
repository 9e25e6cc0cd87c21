"""A thin client of the API server: connections kept alive, the answer's status, body and warnings as they came."""

from __future__ import annotations

import contextlib
import http.client
import json
import queue
import re
import ssl
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import urlencode

_THREADS: Final = 8
_TIMEOUT_SECONDS: Final = 60
_IDLE_SECONDS: Final = 30
"""An API server closes connections that were idle for 90 seconds."""
_WARNING: Final = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"', re.DOTALL)

JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
STRATEGIC_PATCH: Final = "application/strategic-merge-patch+json"

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Answer(NamedTuple):
    """What the API server said. `audit_id` finds the request in the audit log."""

    status: int
    body: Any
    warnings: tuple[str, ...]
    audit_id: str

    @property
    def ok(self) -> bool:
        """Whether it did what it was asked for."""
        return self.status < 300

    @property
    def message(self) -> str:
        """The reason of a refusal."""
        return "" if self.ok else str(self.body.get("message", ""))


class Client:
    """Talks to one API server as one user. Any number of threads may use it."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        """Connect at the first request."""
        self._port = port
        self._context = context
        self._idle: queue.LifoQueue[tuple[http.client.HTTPSConnection, float]] = queue.LifoQueue()

    def request(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json", **query: str
    ) -> Answer:
        """Ask once. Raises OSError or HTTPException."""
        data = None if body is None else json.dumps(body).encode()
        target = f"{path}?{urlencode(query)}" if query else path
        connection = self._connection()
        try:
            connection.request(method, target, data, {"Content-Type": content_type, "Accept": "application/json"})
            response = connection.getresponse()
            text = response.read()
        except BaseException:
            connection.close()
            raise
        self._idle.put((connection, time.monotonic()))
        is_json = (response.getheader("Content-Type") or "").startswith("application/json")
        return Answer(
            response.status,
            json.loads(text) if is_json else text.decode(),
            tuple(map(_warning, response.headers.get_all("Warning") or ())),
            response.getheader("Audit-Id") or "",
        )

    def create(self, path: str, value: Any, *, dry_run: bool = False) -> Answer:
        """POST an object to a collection."""
        return self.request("POST", path, value, **({"dryRun": "All"} if dry_run else {}))

    def must(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> Any:
        """The body of an answer that has to be a success."""
        answer = self.request(method, path, body, content_type)
        assert answer.ok, f"{method} {path}: {answer.status} {answer.message or answer.body}"
        return answer.body

    def close(self) -> None:
        """Close the connections."""
        while not self._idle.empty():
            self._idle.get()[0].close()

    def _connection(self) -> http.client.HTTPSConnection:
        """One that was used a moment ago, else a new one."""
        with contextlib.suppress(queue.Empty):
            while True:
                connection, used = self._idle.get_nowait()
                if time.monotonic() - used < _IDLE_SECONDS:
                    return connection
                connection.close()
        return http.client.HTTPSConnection("127.0.0.1", self._port, context=self._context, timeout=_TIMEOUT_SECONDS)


def _warning(header: str) -> str:
    match = _WARNING.fullmatch(header.encode("latin-1").decode())  # what http.client reads as latin-1 is UTF-8
    assert match is not None, header
    return re.sub(r"\\(.)", r"\1", match[1])


def spread(function: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
    """Call `function` for all items, some at a time; the results in the order of the items."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(function, items))


def pods(namespace: str) -> str:
    """The path of a namespace's pods."""
    return f"/api/v1/namespaces/{namespace}/pods"
