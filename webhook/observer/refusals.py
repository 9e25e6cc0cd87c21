"""Tells a controller whose pods Pod Security Admission refuses which image is why.

What an image is keeps `runAsNonRoot` from its containers, and a namespace that enforces restricted then refuses the
pod: nobody sees the warning, and the controller's own Event names the field, not the image. Where our webhook refuses
the pod (`denyIn: mutate`) that Event has our sentence already.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, NoReturn

import msgspec

from patches import ImageUser, Owner
from webhook.cluster.api import ClusterClient
from webhook.cluster.items import Item
from webhook.cluster.reflector import Reflector
from webhook.errors import ClusterError
from webhook.images.facts import Entries
from webhook.observer.fair_queue import FairQueue
from webhook.observer.owners import find_template

EVENTS: Final = "/api/v1/events"
REASON: Final = "FailedCreate"
"""That of the Events of every controller that cannot create a pod."""
_REFUSED: Final = 'is forbidden: violates PodSecurity "'
_NON_ROOT: Final = "runAsNonRoot"
_MOST_WAITING: Final = 100
_MOST_REMEMBERED: Final = 10_000
"""Controllers that were told. One that is forgotten is told by the same Event, which is there or has expired."""
_WAYS_OUT: Final = {
    ImageUser.ROOT: "runs as root. To comply: set runAsUser to a user that the image supports, or use an image with a "
    "numeric USER",
    ImageUser.NAME: "runs as a user by name, whose number is not known. To comply: set runAsUser to its number, or use "
    "an image with a numeric USER",
}
_LOG: Final = logging.getLogger("webhook.observer")


class Refusal(NamedTuple):
    """An Event that says that pods of a controller are refused because a container may run as root."""

    namespace: str
    name: str
    owner: Owner


Tell = Callable[[str, Owner, str, str], Awaitable[None]]
"""A function that makes an Event once: namespace, whom it concerns, reason, message."""


class _Reference(msgspec.Struct, rename="camel"):
    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""


class _Metadata(msgspec.Struct):
    name: str
    namespace: str = ""


class _Event(msgspec.Struct, rename="camel"):
    metadata: _Metadata
    involved_object: _Reference
    message: str = ""


def read_refusal(raw: bytes | msgspec.Raw) -> Refusal | None:
    """Read an Event; None if it says something else. Raises MsgspecError if it cannot be read."""
    event = msgspec.json.decode(raw, type=_Event)
    if _REFUSED not in event.message or _NON_ROOT not in event.message:
        return None
    about = event.involved_object
    owner = Owner(about.api_version, about.kind, about.name, about.uid)
    return Refusal(event.metadata.namespace, event.metadata.name, owner)


class Refusals:
    """Looks into refusals one by one, the namespaces in turn."""

    def __init__(
        self, client: ClusterClient, entries: Callable[[], Entries], tell: Tell, leads: Callable[[], bool]
    ) -> None:
        """Prepare to follow.

        Args:
            client: the API server.
            entries: returns what is known of images.
            tell: makes an Event.
            leads: returns whether this process may.
        """
        self._client = client
        self._entries = entries
        self._tell = tell
        self._leads = leads
        self._new: dict[tuple[str, str], Refusal] = {}
        self._told: dict[str, None] = {}
        self._queue: FairQueue[Refusal] = FairQueue(_MOST_WAITING)
        self.reflector: Reflector[Refusal | None] = Reflector(
            client, EVENTS, read_refusal, self, field_selector=f"reason={REASON}"
        )

    def replace(self, items: Sequence[Item[Refusal | None]]) -> None:
        """Look into all that there are."""
        self._new.clear()
        for item in items:
            self.put(item)

    def put(self, item: Item[Refusal | None]) -> None:
        """Look into one that is new, or has come again: its image may be known by now."""
        if item.value is not None and item.value.owner.uid not in self._told:
            self._new[item.namespace, item.name] = item.value
            self._offer((item.namespace, item.name))

    def delete(self, item: Item[Refusal | None]) -> None:
        """Forget one that is gone."""
        self._new.pop((item.namespace, item.name), None)

    def offer(self) -> None:
        """Look into those that could not be looked into yet."""
        for key in list(self._new):
            self._offer(key)

    def _offer(self, key: tuple[str, str]) -> None:
        refusal = self._new[key]
        if self._leads() and self._queue.put(refusal.namespace, refusal):
            del self._new[key]

    async def run(self) -> NoReturn:
        """Look into refusals until cancelled."""
        while True:
            refusal = await self._queue.get()
            try:
                await self._look_into(refusal)
            except (ClusterError, TimeoutError) as error:  # the controller tries again, and its Event changes
                _LOG.info("cannot look into %s %s/%s: %s", refusal.owner.kind, *refusal[:2], error)

    async def _look_into(self, refusal: Refusal) -> None:
        template = await find_template(self._client, refusal.namespace, refusal.owner)
        said = "; ".join(_sentences(template or {}, self._entries()))
        if said:
            await self._tell(refusal.namespace, refusal.owner, "PodsRefused", f"pods are refused: {said}")
            self._told[refusal.owner.uid] = None
            if len(self._told) > _MOST_REMEMBERED:
                del self._told[next(iter(self._told))]


def _sentences(spec: Mapping[str, Any], entries: Entries) -> Iterator[str]:
    """Say of each container that leaves its user to an image which may not choose it what the image is."""
    pod = spec.get("securityContext") or {}
    for row in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        security = {**pod, **(row.get("securityContext") or {})}
        entry = entries.get(row.get("image") or "")
        if entry is None or security.get("runAsUser") is not None or security.get(_NON_ROOT) is not None:
            continue
        way_out = _WAYS_OUT.get(entry.facts().kind_of_user)
        if way_out is not None:
            yield f'container "{row.get("name")}" (image {row["image"]}) {way_out}'
