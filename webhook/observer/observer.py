"""Follows pods, and takes from each what it teaches. One of several observers leads and writes; the others learn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Final, NoReturn

import msgspec

from patches import (
    STEADY,
    Certainty,
    DefaulterConfiguration,
    Experience,
    Failure,
    ImageFacts,
    Lesson,
    PodState,
    Suspicion,
    learn,
)
from webhook.cluster.api import ClusterClient
from webhook.cluster.election import Election
from webhook.cluster.items import Item
from webhook.cluster.reflector import Reflector
from webhook.images.config_map import ImageConfigMaps
from webhook.observer.book import ImageBook
from webhook.observer.pods import ImageUse, images_of, read_pod
from webhook.observer.refusals import Refusals
from webhook.observer.registries import Registries
from webhook.observer.reports import Reporter
from webhook.observer.writer import BookWriter

_SWEEP_SECONDS: Final = 600
_AGE_SECONDS: Final = 5


class Observer:
    """Learns from the pods of a cluster.

    Attributes:
        book: what was learnt of images.
        reporter: tells people about defaults that keep pods from running.
        writer: writes the book.
        pods: the reflector of the pods.
        registries: asks registries, where that is configured.
    """

    def __init__(
        self,
        client: ClusterClient,
        namespace: str,
        election: tuple[str, str],
        configuration: Callable[[], DefaulterConfiguration],
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Prepare to observe.

        Args:
            client: the API server.
            namespace: our own namespace, where the ConfigMaps are.
            election: the path of the Lease that the leader holds, and this observer's name.
            configuration: returns the configuration in use.
            now: returns the time.
        """
        self._configuration = configuration
        self._now = now
        self._election = Election(client, *election, self._on_election)
        self._experience = Experience()
        self._in_use: dict[tuple[str, str], Sequence[ImageUse]] = {}
        self._suspected: dict[tuple[str, str], tuple[PodState, list[Suspicion]]] = {}
        self._young: dict[tuple[str, str], PodState] = {}
        self.book = ImageBook()
        self.writer = BookWriter(client, namespace, self.book, lambda: self.leads)
        self.reporter = Reporter(
            client,
            self.book,
            self.writer,
            leads=lambda: self.leads,
            heals=lambda: configuration().observer.heal == "recreate",
        )
        self._refusals = Refusals(client, lambda: self.book.entries, self.reporter.tell, lambda: self.leads)
        self.registries = Registries(client, namespace, self.book, self.writer.wake, self._asking)
        self._led = False
        self._config_maps = ImageConfigMaps(client, namespace, self.writer.put)
        self.pods: Reflector[PodState] = Reflector(client, "/api/v1/pods", self._read, self)

    @property
    def leads(self) -> bool:
        """Whether this observer writes: it leads, and has seen what was written before."""
        return self._election.is_leader and self._config_maps.synced

    @property
    def synced(self) -> bool:
        """Whether pods and ConfigMaps have been listed once."""
        return self.pods.synced and self._config_maps.synced

    @property
    def hanging(self) -> int:
        """The number of pods that hang because of a default, as far as this observer has looked into it."""
        return sum(
            self.reporter.confirmed.get(key) == pod.uid
            and any(row.certainty is Certainty.CERTAIN for row in suspicions)
            for key, (pod, suspicions) in self._suspected.items()
        )

    async def run(self) -> None:
        """Observe until cancelled."""
        work = (
            self._election.run,
            self._config_maps.run,
            self.pods.run,
            self._refusals.reflector.run,
            self._refusals.run,
            self.writer.run,
            self.reporter.run,
            self.reporter.heal,
            self.registries.run,
            self._sweep,
        )
        async with asyncio.TaskGroup() as tasks:
            for each in work:
                tasks.create_task(each())

    def replace(self, items: Sequence[Item[PodState]]) -> None:
        """Look at all pods."""
        self._in_use.clear()
        self._suspected.clear()
        self._young.clear()
        self.reporter.keep([(item.namespace, item.name) for item in items])
        for item in sorted(items, key=_created):  # what ran before us speaks first
            self.put(item)

    def put(self, item: Item[PodState]) -> None:
        """Look at a pod that is new or has changed."""
        pod = item.value
        if pod is None:  # the reflector has logged it
            return
        now = self._now()
        key = (pod.namespace, pod.name)
        self._in_use[key] = images_of(pod)
        suspicions = self._suspect(pod, now)
        for lesson in (*learn(pod), *_lessons(suspicions)):
            if self.book.learn(lesson, pod.namespace, now):
                self.writer.wake()
        for row in pod.containers:
            steady = row.running_since is not None and now.timestamp() - row.running_since >= STEADY
            if steady and self.book.acquit(row.image, pod.namespace, pod.applied):
                self.writer.wake()
        self.registries.put(*key, self._in_use[key])
        if suspicions:
            self._suspected[key] = pod, suspicions
            self._report(key)
        else:
            self._suspected.pop(key, None)
        since = [row.running_since for row in pod.containers if row.running_since is not None]
        if since and now.timestamp() - max(since) < STEADY:
            self._young[key] = pod  # nothing tells when a minute is over
        else:
            self._young.pop(key, None)

    def _suspect(self, pod: PodState, now: datetime) -> list[Suspicion]:
        """The defaults that keep a pod from running. A memory limit that we give to nobody is not ours."""
        found = self._experience.suspect(pod, now.timestamp())
        limits = self._configuration().settings.resources.limits_memory
        return [row for row in found if limits or row.failure is not Failure.MEMORY]

    def delete(self, item: Item[PodState]) -> None:
        """Forget a pod that is gone. What it taught stays."""
        self._in_use.pop((item.namespace, item.name), None)
        self._suspected.pop((item.namespace, item.name), None)
        self.reporter.forget(item.namespace, item.name)
        self._young.pop((item.namespace, item.name), None)

    def _read(self, raw: msgspec.Raw) -> PodState:
        return read_pod(raw, self._now())

    def _report(self, key: tuple[str, str]) -> None:
        pod, suspicions = self._suspected[key]
        for suspicion in suspicions:
            self.reporter.put(pod, suspicion)

    def _asking(self) -> DefaulterConfiguration | None:
        """The configuration, while this observer may ask registries."""
        configuration = self._configuration()
        return configuration if configuration.observer.registry.enabled and self.leads else None

    def _ask_registries(self) -> None:
        for key, uses in self._in_use.items():
            self.registries.put(*key, uses)

    def _on_election(self) -> None:
        self.writer.wake()

    async def _sweep(self) -> NoReturn:
        """Every ten minutes, note which images are in use, and forget those that were not for very long."""
        while True:
            for _ in range(_SWEEP_SECONDS // _AGE_SECONDS):
                await asyncio.sleep(_AGE_SECONDS)
                self.age()
            self.sweep()

    def age(self) -> None:
        """Look again at pods of which nothing new will be heard.

        Those that have been running for too short a time to count, and those that hang: a pod that hangs no longer
        changes, and this observer may have begun to lead since.
        """
        for pod in list(self._young.values()):
            self.put(Item(pod.namespace, pod.name, pod))
        for key in self._suspected:
            self._report(key)
        self._refusals.offer()
        led, self._led = self._led, self.leads
        if self._led and not led:
            self._ask_registries()

    def sweep(self) -> None:
        """Note which images are in use, forget those that were not for very long, and ask again for what is unknown."""
        if not self.synced:
            return
        now = self._now()
        in_use = {reference for uses in self._in_use.values() for use in uses for reference in use.references}
        after = timedelta(days=self._configuration().observer.forget_after_days)
        refreshed = self.book.refresh(in_use, now)
        if self.book.forget(in_use, now, after) or refreshed:
            self.writer.wake()
        self._ask_registries()


def _lessons(suspicions: Iterable[Suspicion]) -> Iterator[Lesson]:
    """What suspicions say of images: the next admission counts with it."""
    for suspicion in suspicions:
        if suspicion.failure is Failure.EXEC:
            yield Lesson(suspicion.image, ImageFacts(file_capabilities=True), by_kubelet=True)


def _created(item: Item[PodState]) -> float:
    return inf if item.value is None else item.value.created
