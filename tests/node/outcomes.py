"""Runs servers as pods, some at a time, and finds out what becomes of each: it runs, is refused, or does not start."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple

from tests.cluster.client import Client
from tests.node.node import Node
from tests.node.servers import Server

CONTAINER: Final = "server"
AT_ONCE: Final = 15
"""Pods at a time. Their requests have to fit into the machine: a kubelet refuses what does not."""
AT_ONCE_WITHOUT_REQUESTS: Final = 60
_POLL_SECONDS: Final = 0.3
_START_SECONDS: Final = 90
"""Until a container runs, and until its server listens."""
_ANSWER_SECONDS: Final = 10
"""From when it listens until it answers."""
_DEAD_ENDS: Final = frozenset(
    {"CreateContainerConfigError", "CreateContainerError", "ErrImageNeverPull", "ImagePullBackOff", "RunContainerError"}
)
"""Reasons for which a container waits in vain."""
_POD: Final = re.compile(r' \(pod: "[^"]*", container: [^)]*\)$')
"""What the kubelet appends to a message."""


class State(StrEnum):
    """What has become of a server."""

    RUNS = "runs"
    REFUSED = "refused"
    STOPPED = "does not start"


class Outcome(NamedTuple):
    """What has become of a server, why it does not run, and what was said when its pod was created."""

    state: State
    text: str = ""
    warnings: tuple[str, ...] = ()


def bare_pod(server: Server) -> Any:
    """A pod that says nothing but the image."""
    return {"metadata": {"name": server.name}, "spec": {"containers": [{"name": CONTAINER, "image": server.image}]}}


class Trial(NamedTuple):
    """A pod of a server that is to be created: where, and as whom."""

    server: Server
    client: Client
    namespace: str
    pod: Any


def run_servers(
    node: Node,
    client: Client,
    namespace: str,
    servers: Iterable[Server],
    *,
    pod: Callable[[Server], Any] = bare_pod,
    seconds: float = 20,
) -> dict[str, Outcome]:
    """Create a pod for each server in a namespace, and judge each; the outcomes by server name."""
    trials = [Trial(server, client, namespace, pod(server)) for server in servers]
    return {
        trial.server.name: row for trial, row in zip(trials, run_trials(node, trials, seconds=seconds), strict=True)
    }


def run_trials(node: Node, trials: Sequence[Trial], *, seconds: float, at_once: int = AT_ONCE) -> list[Outcome]:
    """Create the pods, in namespaces without others, and judge each; the outcomes in their order.

    A server runs if it answers, and if `seconds` after its container has started this has not ended. The pods are
    deleted.
    """
    namespaces = {trial.namespace for trial in trials}
    waiting = deque(enumerate(trials))
    watched: dict[str, tuple[int, _Watched]] = {}
    outcomes: dict[int, Outcome] = {}
    while waiting or watched:
        there = {row["metadata"]["uid"]: row for row in node.pods() if row["metadata"]["namespace"] in namespaces}
        for uid, (number, one) in list(watched.items()):
            if outcome := one.judge(node, there[uid], seconds):
                outcomes[number] = outcome
                del watched[uid]
                node.delete(trials[number].namespace, there[uid]["metadata"]["name"])
        for _ in range(min(len(waiting), at_once - len(there))):
            number, trial = waiting.popleft()
            answer = node.create(trial.client, trial.namespace, trial.pod)
            if answer.ok:
                watched[answer.body["metadata"]["uid"]] = number, _Watched(trial.server, answer.warnings)
            else:
                outcomes[number] = Outcome(State.REFUSED, answer.message, answer.warnings)
        time.sleep(_POLL_SECONDS)
    for namespace in namespaces:
        node.wait_until_gone(namespace)
    return [outcomes[number] for number in range(len(trials))]


def table(outcomes: Mapping[str, Outcome]) -> str:
    """A line for each server."""
    width = max(map(len, outcomes))
    rows = ((name, f"{row.state}: {row.text}" if row.text else row.state) for name, row in outcomes.items())
    return "\n".join(f"  {name:{width}}  {text}" for name, text in rows)


@dataclass
class _Watched:
    """A server whose pod has been created. The moments are those at which something was seen for the first time."""

    server: Server
    warnings: tuple[str, ...]
    created: float = field(default_factory=time.monotonic)
    started: float | None = None
    listening: float | None = None
    answered: bool = False

    def judge(self, node: Node, pod: Any, seconds: float) -> Outcome | None:
        """What has become of it, once that is certain."""
        status = pod["status"]
        if status.get("phase") == "Failed":  # the kubelet does not take it
            return self._outcome(State.STOPPED, f"{status.get('reason')}: {status.get('message')}")
        (container,) = status.get("containerStatuses") or [{}]
        now = time.monotonic()
        if text := _stopped(container, node.log(pod)):
            return self._outcome(State.STOPPED, text)
        if "running" not in container.get("state", {}):
            late = now - self.created > _START_SECONDS
            return self._outcome(State.STOPPED, f"waits: {container.get('state')}") if late else None
        self.started = self.started or now
        self._ask("127.0.0.1" if pod["spec"].get("hostNetwork") else status["podIP"], now)
        if self.answered:
            return self._outcome(State.RUNS) if now - self.started >= seconds else None
        late = now - self.started > _START_SECONDS
        if late or (self.listening and now - self.listening > _ANSWER_SECONDS):
            return self._outcome(State.STOPPED, f"does not answer: {_last(node.log(pod))}")
        return None

    def _ask(self, address: str, now: float) -> None:
        question = self.server.question
        if self.answered or question is None:
            self.answered = True
            return
        answer = question.ask(address)
        self.answered = bool(answer)
        if answer is not None:
            self.listening = self.listening or now

    def _outcome(self, state: State, text: str = "") -> Outcome:
        return Outcome(state, text, self.warnings)


def _stopped(container: Any, log: list[str]) -> str:
    """Why a container does not run and will not; empty as long as it may."""
    waiting = container.get("state", {}).get("waiting", {})
    if waiting.get("reason") in _DEAD_ENDS:
        return f"{waiting['reason']}: {_POD.sub('', waiting.get('message', ''))}"
    ended = container.get("state", {}).get("terminated") or container.get("lastState", {}).get("terminated")
    if not ended:
        return ""
    if ended["reason"] == "Error":
        return f"exit {ended['exitCode']}: {_last(log)}"
    return f"{ended['reason']}: {ended.get('message') or 'exit ' + str(ended['exitCode'])}"


def _last(log: list[str]) -> str:
    return next((line.strip() for line in reversed(log) if line.strip()), "")
