"""How long small reviews wait while others send the largest pods: `python -m bench.bounded [KIND ...]`.

The real server on one core, over TLS. For each kind of large pod, eight connections send it as fast as answers come,
while two others send small pods and take the time. Clients are processes of their own, on another core if there is one.
"""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import platform
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.large_reviews import KINDS
from bench.reviews import review_of

_SENDERS: Final = 8
_SMALL_SENDERS: Final = 2
_SECONDS: Final = 2.5
_PAUSE: Final = 0.01
_IDLE: Final = 2.0
"""After so long the server has given memory back."""
_READY: Final = "serving admission on https://"
_NAMESPACES: Final = """\
apiVersion: v1
kind: Namespace
metadata:
  name: default
  labels:
    pod-security.kubernetes.io/enforce: restricted
    pod-security.kubernetes.io/audit: restricted
    pod-security.kubernetes.io/audit-version: v1.30
    pod-security.kubernetes.io/warn: baseline
---
apiVersion: v1
kind: LimitRange
metadata: {name: bounds, namespace: default}
spec:
  limits:
    - type: Pod
      max: {cpu: 100k, memory: 100Ti}
      maxLimitRequestRatio: {memory: "8"}
"""
_CONFIGURATION: Final = """\
apiVersion: pod-security-defaulter.io/v1alpha1
kind: DefaulterConfiguration
settings:
  readOnlyRootFilesystem: {enabled: true, writableTmp: true}
  identity: {enabled: true}
  imagePullPolicy: {enabled: true}
  hostUsers: {enabled: true}
  appArmorProfile: {enabled: true}
  resources:
    limits:
      - type: Container
        default: {cpu: "1", memory: 1Gi}
        defaultRequest: {cpu: 100m, memory: 128Mi}
"""


class Server(NamedTuple):
    """The server: where it listens, the CA that signed its certificate, its process id."""

    port: int
    authority: Path
    pid: int

    def connect(self) -> HTTPSConnection:
        """Open a connection."""
        return HTTPSConnection(
            "127.0.0.1", self.port, timeout=60, context=ssl.create_default_context(cafile=self.authority)
        )

    def resident(self) -> float:
        """Its resident memory in MiB."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


class Sent(NamedTuple):
    """What the senders of large pods were answered."""

    answers: Counter[str]
    slowest: float
    largest: int


@contextmanager
def _served() -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "objects.yaml").write_text(_NAMESPACES)
        (directory / "configuration.yaml").write_text(_CONFIGURATION)
        command = [
            *(sys.executable, "-m", "webhook", "serve", "--port", "0", "--self-signed", str(directory / "certs")),
            *("--objects", str(directory / "objects.yaml"), "--config", str(directory / "configuration.yaml")),
        ]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)  # noqa: S603
        try:
            os.sched_setaffinity(process.pid, {0})
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith(_READY), line
            yield Server(int(line.rpartition(":")[2]), directory / "certs" / "ca.crt", process.pid)
        finally:
            process.terminate()
            process.communicate(timeout=30)


def _post(connection: HTTPSConnection, body: bytes) -> tuple[str, int]:
    """Post a review; in one word what was answered, and the bytes of the answer."""
    connection.request("POST", "/mutate?timeout=5s", body)
    reply = connection.getresponse()
    answer = reply.read()
    if reply.status != 200:  # noqa: PLR2004
        return f"HTTP {reply.status}", len(answer)
    response = json.loads(answer)["response"]
    return "allowed" if response["allowed"] else f"refused {response['status']['code']}", len(answer)


def _send_large(server: Server, body: bytes, end: float, queue: multiprocessing.Queue[Sent]) -> None:
    answers: Counter[str] = Counter()
    slowest, largest = 0.0, 0
    connection = server.connect()
    while (start := time.monotonic()) < end:
        try:
            outcome, size = _post(connection, body)
        except (OSError, HTTPException) as error:
            outcome, size = type(error).__name__, 0
            connection.close()
        answers[outcome] += 1
        slowest, largest = max(slowest, time.monotonic() - start), max(largest, size)
    connection.close()
    queue.put(Sent(answers, slowest, largest))


def _time_small(server: Server, body: bytes, end: float, times: list[float]) -> None:
    connection = server.connect()
    connection.connect()  # API servers keep their connections
    while (start := time.monotonic()) < end:
        outcome, _ = _post(connection, body)
        assert outcome == "allowed", outcome
        times.append(time.monotonic() - start)
        time.sleep(_PAUSE)
    connection.close()


def _measure(server: Server, large: bytes | None, small: bytes) -> tuple[list[float], Sent]:
    """The seconds that small reviews took while large ones were sent, or none, and what those were answered."""
    end = time.monotonic() + _SECONDS
    queue: multiprocessing.Queue[Sent] = multiprocessing.Queue()
    senders = [
        multiprocessing.Process(target=_send_large, args=(server, large, end, queue))
        for _ in range(0 if large is None else _SENDERS)
    ]
    times: list[float] = []
    timers = [threading.Thread(target=_time_small, args=(server, small, end, times)) for _ in range(_SMALL_SENDERS)]
    for one in (*senders, *timers):
        one.start()
    sent = [queue.get() for _ in senders]
    for one in (*senders, *timers):
        one.join()
    answers = sum((one.answers for one in sent), Counter[str]())
    return sorted(times), Sent(
        answers, max((one.slowest for one in sent), default=0.0), max((one.largest for one in sent), default=0)
    )


def _row(name: str, body: bytes | None, server: Server, small: bytes) -> str:
    times, sent = _measure(server, body, small)
    time.sleep(_IDLE)
    middle, late = times[len(times) // 2], times[math.ceil(len(times) * 0.99) - 1]
    answers = ", ".join(f"{count} {outcome}" for outcome, count in sorted(sent.answers.items()))
    figures = (middle * 1000, late * 1000, times[-1] * 1000, sent.slowest * 1000)
    return (
        f"{name:<24}{len(body or b'') / 2**20:>6.2f}{len(times):>7}"
        + "".join(f"{figure:>9.1f}" for figure in figures)
        + f"{sent.largest / 2**20:>8.2f}{server.resident():>8.1f}  {answers}"
    )


def main(kinds: Sequence[str]) -> None:
    """Print a row for each kind of large pod."""
    small: Any = json.dumps(review_of(1)).encode()
    others = os.sched_getaffinity(0) - {0}
    with _served() as server:
        os.sched_setaffinity(0, others or {0})
        print(f"CPython {platform.python_version()}, server on one core, {_SENDERS} senders of large pods")
        print(f"{'large pod':<24}{'MiB':>6}{'small':>7}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}", end="")
        print(f"{'large ms':>9}{'answer':>8}{'memory':>8}  answers to large pods")
        print(_row("none", None, server, small))
        for name in kinds or KINDS:
            print(_row(name, json.dumps(KINDS[name](), separators=(",", ":")).encode(), server, small), flush=True)
        print(_row("none", None, server, small))


if __name__ == "__main__":
    main(sys.argv[1:])
