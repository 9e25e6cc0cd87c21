"""Tells people which default keeps a pod from running, by Events, and heals what the operator lets it heal."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final, NamedTuple, NoReturn

from patches import Certainty, Failure, Owner, PodState, Suspicion
from webhook.cluster.api import ClusterClient
from webhook.errors import ClusterError
from webhook.observer.book import ImageBook
from webhook.observer.fair_queue import FairQueue
from webhook.observer.owners import find_evidence
from webhook.observer.writer import BookWriter

_MOST_WAITING: Final = 100
"""Suspicions of one namespace at a time. The others come again: a pod that hangs is looked at every few seconds."""
_MOST_AT_ONCE: Final = 200
"""Pods that are deleted together."""
_BATCH_SECONDS: Final = 1.0
_MOST_EVENTS: Final = 500
"""Of one namespace in an hour: they are kept in etcd for that long."""
_HOUR: Final = 3600.0
_MOST_HANGING: Final = 5000
"""Of one namespace: what waits is deleted much faster than it can be found."""
_FINAL: Final = (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY)
"""Answers that would be the same again, as of a namespace that is being deleted."""
_FOLLOW_SECONDS: Final = 2.0
"""How long after a write every replica of the server has read it: what they follow reaches them in milliseconds."""
_ADMITTED_UNKNOWING_SECONDS: Final = 10
"""A pod that is this much younger than a fact may have been admitted without it."""
_ATTEMPTS: Final = 5
_MESSAGE_CHARACTERS: Final = 1024
"""The longest message of an Event."""
_COMPONENT: Final = "pod-security-defaulter-observer"
_LOG: Final = logging.getLogger("webhook.observer")

_NEVER_START: Final = (Failure.IMAGE_USER, Failure.EXEC)
_WAYS_OUT: Final = {
    Failure.IMAGE_USER: "set runAsUser to a user that the image supports, or use an image with a numeric USER",
    Failure.EXEC: "use an image without file capabilities, or add the capability that the program needs",
    Failure.MEMORY: "set limits.memory of the container",
    Failure.CRASH: "set the field yourself, or name the default in the namespace's annotation "
    "pod-security-defaulter.io/skip",
}


class _Case(NamedTuple):
    pod: PodState
    suspicion: Suspicion


class Reporter:
    """Looks into suspicions one by one.

    Attributes:
        confirmed: the uids of the pods that a default is to blame for, by namespace and name.
        suspected: number of confirmed suspicions by default and certainty.
        healed: number of pods that were deleted so that their controller makes another.
    """

    def __init__(
        self,
        client: ClusterClient,
        book: ImageBook,
        writer: BookWriter,
        *,
        leads: Callable[[], bool],
        heals: Callable[[], bool],
    ) -> None:
        """Prepare to report.

        Args:
            client: the API server.
            book: what was learnt.
            writer: writes what was learnt; a pod is deleted only after that.
            leads: returns whether this process may write.
            heals: returns whether it may delete pods.
        """
        self._client = client
        self._book = book
        self._writer = writer
        self._leads = leads
        self._heals = heals
        self._cases: FairQueue[_Case] = FairQueue(_MOST_WAITING)
        self._looked_into: dict[tuple[str, str], set[tuple[str, str, str]]] = {}
        self._hanging: FairQueue[_Case] = FairQueue(_MOST_HANGING)
        self._events: Counter[str] = Counter()
        self._hour_ends = 0.0
        self._fails = False
        self.confirmed: dict[tuple[str, str], str] = {}
        self.suspected: Counter[tuple[str, str]] = Counter()
        self.healed = 0

    def put(self, pod: PodState, suspicion: Suspicion) -> None:
        """Look into a suspicion soon, unless that was done for this pod already."""
        if pod.deleted or not self._leads():
            return  # the pod's next change, or its next turn, brings it again
        looked_into = self._looked_into.setdefault((pod.namespace, pod.name), set())
        what = _what(pod, suspicion)
        if what not in looked_into and self._cases.put(pod.namespace, _Case(pod, suspicion)):
            looked_into.add(what)

    def forget(self, namespace: str, name: str) -> None:
        """Forget a pod that is gone: what is kept is bounded by the pods that there are."""
        self._looked_into.pop((namespace, name), None)
        self.confirmed.pop((namespace, name), None)

    def keep(self, pods: Collection[tuple[str, str]]) -> None:
        """Forget all pods but these, by namespace and name."""
        for gone in self._looked_into.keys() - set(pods):
            self.forget(*gone)

    async def run(self) -> NoReturn:
        """Look into suspicions until cancelled."""
        while True:
            case = await self._cases.get()
            pod = case.pod
            try:
                await self._look_into(case)
            except (ClusterError, TimeoutError) as error:
                again = not isinstance(error, ClusterError) or error.status not in _FINAL
                if again and (looked_into := self._looked_into.get((pod.namespace, pod.name))):
                    looked_into.discard(_what(*case))
                self._report(f"cannot look into pod {pod.namespace}/{pod.name}: {error}")
            else:
                self._fails = False

    def _report(self, problem: str) -> None:
        """Log the first of failures in a row."""
        if not self._fails:
            self._fails = True
            _LOG.warning(problem)

    async def _look_into(self, case: _Case) -> None:
        pod, suspicion = case
        evidence = await find_evidence(self._client, pod, suspicion)
        if evidence is None or pod.owner is None or (pod.namespace, pod.name) not in self._looked_into:
            return
        self.confirmed[pod.namespace, pod.name] = pod.uid
        certain = suspicion.certainty is Certainty.CERTAIN
        reason = "DefaultPreventsStart" if certain else "DefaultSuspected"
        what, message = f"{suspicion.container} {suspicion.default}", _message(suspicion)
        for about in (pod.owner, Owner("v1", "Pod", pod.name, pod.uid)):  # the first stands for all its pods
            await self.tell(pod.namespace, about, reason, message, what)
        self.suspected[suspicion.default, suspicion.certainty] += 1
        if suspicion.failure not in _NEVER_START:  # what is known of the image helps the next pod
            now = datetime.now(UTC)
            if self._book.suspect(suspicion.image, pod.namespace, suspicion.default, now):
                self._writer.wake()
        if self._may_recreate(pod, suspicion):
            self._hanging.put(pod.namespace, case)

    async def tell(self, namespace: str, about: Owner, reason: str, message: str, what: str = "") -> None:
        """Make an Event, whose name is always the same for the same thing: it is told once, whoever leads.

        Args:
            namespace: where it is made.
            about: whom it concerns.
            reason: its reason.
            message: its message, which is cut if it is too long.
            what: which of several things with this reason it is.

        Raises:
            ClusterError: if the API server does not answer, or refuses.
        """
        if not self._may_tell(namespace):
            return
        told = f"{about.uid} {what or reason}"
        name = f"{about.name[:200]}.{hashlib.sha256(told.encode()).hexdigest()[:16]}"
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        event: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": {
                "apiVersion": about.api_version,
                "kind": about.kind,
                "namespace": namespace,
                "name": about.name,
                "uid": about.uid,
            },
            "type": "Warning",
            "reason": reason,
            "message": message[:_MESSAGE_CHARACTERS],
            "source": {"component": _COMPONENT},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        try:
            await self._client.send("POST", f"/api/v1/namespaces/{namespace}/events", event)
        except ClusterError as error:
            if error.status != HTTPStatus.CONFLICT:
                raise

    def _may_tell(self, namespace: str) -> bool:
        """Whether a namespace has had fewer Events within the hour than it may fill etcd with."""
        now = time.monotonic()
        if now >= self._hour_ends:
            self._events.clear()
            self._hour_ends = now + _HOUR
        self._events[namespace] += 1
        return self._events[namespace] <= _MOST_EVENTS

    def _may_recreate(self, pod: PodState, suspicion: Suspicion) -> bool:
        """Whether the pod never starts because of us, and its successor would fare better."""
        if not self._heals() or suspicion.failure not in _NEVER_START:
            return False
        learnt = self._book.known_since(suspicion.image)
        return learnt is not None and pod.created <= learnt.timestamp() + _ADMITTED_UNKNOWING_SECONDS

    async def heal(self) -> NoReturn:
        """Delete pods that hang until cancelled: each batch once the next admissions know what was learnt of it."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                batch = await self._hanging.get_several(_MOST_AT_ONCE)
                tasks.create_task(self._recreate_all([case for case in batch if self._is_first(case)]))
                await asyncio.sleep(_BATCH_SECONDS)

    async def _recreate_all(self, cases: Sequence[_Case]) -> None:
        await self._writer.written()
        await asyncio.sleep(_FOLLOW_SECONDS)
        await asyncio.gather(*map(self._recreate, cases))

    def _is_first(self, case: _Case) -> bool:
        """Note in the book when pods of this image and controller begin to be deleted: another observer may go on.

        Returns whether this pod is older; one that was made later is left alone.
        """
        pod, image = case.pod, case.suspicion.image
        if pod.owner is None:
            return False
        soon = datetime.now(UTC) + timedelta(seconds=_FOLLOW_SECONDS)  # no sooner: `_recreate_all`
        begun = self._book.recreate(image, pod.namespace, pod.owner.uid, soon)
        return begun is not None and pod.created < begun.timestamp()  # one of the same second may be a successor

    async def _recreate(self, case: _Case) -> None:
        """Delete a pod of which no container has ever run its program."""
        pod, suspicion = case
        try:
            deleted = await self._delete(case)
        except (ClusterError, TimeoutError) as error:
            _LOG.warning("cannot delete pod %s/%s, which hangs: %s", pod.namespace, pod.name, error)
            return
        if not deleted:
            return
        self.healed += 1
        _LOG.info(
            "deleted pod %s/%s, which never ran because of %s (image %s)",
            pod.namespace,
            pod.name,
            suspicion.default,
            suspicion.image,
        )

    async def _delete(self, case: _Case) -> bool:
        """Delete a pod as it is when looked at once more. Returns False if it runs, or is gone.

        A container whose program cannot be executed counts as running for a moment each time, and the pod changes.
        """
        pod = case.pod
        for _ in range(_ATTEMPTS):
            evidence = await find_evidence(self._client, pod, case.suspicion)
            if evidence is None or not self._leads():
                return False
            if evidence.pending:
                preconditions = {"uid": pod.uid, "resourceVersion": evidence.resource_version}
                options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions}
                try:
                    await self._client.send("DELETE", f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}", options)
                except ClusterError as error:
                    if error.status not in (HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND):
                        raise
                else:
                    return True
            elif case.suspicion.failure is not Failure.EXEC:
                return False
            await asyncio.sleep(_FOLLOW_SECONDS)
        return False


def _what(pod: PodState, suspicion: Suspicion) -> tuple[str, str, str]:
    """What is looked into once."""
    return pod.uid, suspicion.container, suspicion.default


def _message(suspicion: Suspicion) -> str:
    certain = suspicion.certainty is Certainty.CERTAIN
    how = "does not start because of" if certain else "fails, and may do so because of"
    said = f": {suspicion.message}" if suspicion.message else ""
    return (
        f'container "{suspicion.container}" (image {suspicion.image}) {how} the default {suspicion.default}{said}. '
        f"To comply: {_WAYS_OUT[suspicion.failure]}"
    )
