"""Admissions without a pause, counted: through the API server, or straight to the webhook as another would."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPException
from typing import Any, Final

from tests.cluster.control_plane import ControlPlane
from tests.cluster.installed import APPLIED, NAME, PORT, Install
from tests.cluster.telling import LINES

WINDOW: Final = 500
"""Admissions that have to be answered while something happens."""
_THREADS: Final = 4
_SECONDS: Final = 180

Admit = Callable[[], str]
"""Has one pod admitted; returns what was wrong, or ""."""


class Load:
    """Counts what is admitted while it runs."""

    def __init__(self, admit: Admit) -> None:
        """Do not start yet."""
        self._admit = admit
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self.answered = 0
        self.failures: list[str] = []

    def window(self, count: int = WINDOW) -> None:
        """Wait until `count` more have been answered, and fail if one was not."""
        wanted, end = self.answered + count, time.monotonic() + _SECONDS
        while self.answered < wanted:
            assert not self.failures, self.failures[:3]
            assert time.monotonic() < end, f"{self.answered} of {wanted} admissions within {_SECONDS} s"
            time.sleep(0.05)
        assert not self.failures, self.failures[:3]

    def once(self) -> str:
        """Have one pod admitted; what was wrong, or ""."""
        return self._admit()

    def _go_on(self) -> None:
        while not self._stop.is_set():
            try:
                problem = self._admit()
            except (OSError, HTTPException, ValueError) as error:
                problem = repr(error)
            with self._lock:
                self.answered += 1
                if problem:
                    self.failures.append(problem)

    @contextmanager
    def running(self) -> Iterator[Load]:
        """Go on until the end of the block."""
        with ThreadPoolExecutor(_THREADS) as pool:
            threads = [pool.submit(self._go_on) for _ in range(_THREADS)]
            try:
                yield self
            finally:
                self._stop.set()
        for thread in threads:
            thread.result()


def bundle_of(plane: ControlPlane) -> str:
    """The CAs that API servers trust as ours, in PEM."""
    path = f"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{NAME}"
    (text,) = {row["clientConfig"]["caBundle"] for row in plane.admin.must("GET", path)["webhooks"]}
    return base64.b64decode(text).decode()


def note(what: str, load: Load, since: float) -> None:
    """Have the counts printed at the end of the tests."""
    LINES.append(f"{what}: {load.answered} admissions in {time.monotonic() - since:.1f} s, {len(load.failures)} failed")


def through_the_api_server(install: Install, namespace: str) -> Load:
    """Pods created (dry run) in a namespace that has opted in: each must come back defaulted."""

    def admit() -> str:
        answer = install.create(namespace)
        if not answer.ok:
            return f"{answer.status} {answer.message}"
        annotations = answer.body["metadata"].get("annotations") or {}
        return "" if APPLIED in annotations else "not defaulted"

    return Load(admit)


def straight(review: Any, trust: Callable[[], str], server_name: str, path: str = "/mutate") -> Load:
    """Reviews sent to the webhook, each over a new connection that trusts what `trust` says: CAs in PEM."""
    body = json.dumps(review).encode()

    def admit() -> str:
        context = ssl.create_default_context(cadata=trust())
        connection = _Named(server_name, context)
        try:
            connection.request("POST", f"{path}?timeout=5s", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status != HTTPStatus.OK:
            return f"{answer.status} {text!r}"
        response = json.loads(text)["response"]
        return "" if response["allowed"] and "patch" in response else f"{response}"

    return Load(admit)


class _Named(http.client.HTTPSConnection):
    """A connection to loopback whose certificate must be that of the Service."""

    def __init__(self, server_name: str, context: ssl.SSLContext) -> None:
        super().__init__("127.0.0.1", PORT, timeout=10, context=context)
        self._name, self._tls = server_name, context

    def connect(self) -> None:
        """Connect, and verify by the Service's name."""
        http.client.HTTPConnection.connect(self)
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._name)
