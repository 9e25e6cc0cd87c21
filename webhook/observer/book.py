"""The book of what was learnt of images: what the observer writes to the ConfigMaps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Final

import msgspec

from patches import ImageFacts, ImageUser, Lesson
from webhook.images.facts import Entries, ImageEntry, Source

_REFRESH: Final = timedelta(days=1)
"""How old `seen` may become before it is written anew."""
_MOST_IMAGES: Final = 20_000
_MOST_IN_NAMESPACE: Final = 500
_MOST_MARKS: Final = 5000
_MOST_MARKS_IN_NAMESPACE: Final = 100
"""Suspicions, and controllers whose pods were deleted."""
_MOST_PATHS: Final = 64
"""Ports and volumes of an image, as its registry tells them."""
_MOST_CHARACTERS: Final = 1024
"""Of an image reference. The API server limits them to nothing but the size of the pod."""


class ImageBook:
    """Entries by image reference. What a person declared is never changed."""

    def __init__(self) -> None:
        """Start empty."""
        self._entries: dict[str, ImageEntry] = {}
        self._since: dict[str, datetime] = {}
        self._counts: Counter[str] = Counter()
        self._marks: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def entries(self) -> Entries:
        """The entries."""
        return self._entries

    def counts(self) -> dict[str, int]:
        """Return the number of images by the source of what is known of them."""
        return Counter(str(entry.source) for entry in self._entries.values())

    def adopt(self, entries: Entries, before: Entries) -> None:
        """Take over what a ConfigMap says now: what is new there, and what a person declared or no longer declares.

        What would exceed the share of its namespace is left out: pods may have been seen before the ConfigMap was read.

        Args:
            entries: what it says now.
            before: what it said before.
        """
        for reference, entry in before.items():
            if entry.source is Source.DECLARED and reference not in entries:
                self._remove(reference)
        for reference, entry in entries.items():
            known = self._entries.get(reference)
            new = known is None and self._counts[entry.namespace] < _MOST_IN_NAMESPACE
            if known is not None and Source.DECLARED not in (known.source, entry.source):
                self._put(reference, _join_marks(known, entry))
            elif entry.source is Source.DECLARED or new:
                self._put(reference, entry)
                if entry.seen is not None:
                    self._since[reference] = entry.seen

    def learn(self, lesson: Lesson, namespace: str, now: datetime) -> bool:
        """Take a lesson from a pod of this namespace. Returns whether it says something new.

        Each namespace may bring a bounded number of images, so that none can fill the book for the others.
        """
        reference = lesson.reference
        known = self._entries.get(reference)
        if known is not None and known.source is Source.DECLARED:
            return False
        if known is None and not self._has_room(reference, namespace):
            return False
        source = Source.KUBELET if lesson.by_kubelet else Source.RUNNING
        entry = _merge(known or ImageEntry(namespace=namespace), lesson.facts, source, now)
        if known is not None and entry.facts() == known.facts() and not _aged(known, now):
            return False
        new = known is None or entry.facts() != known.facts()
        self._put(reference, entry)
        if new:
            self._since[reference] = now
        return new

    def complete(self, references: Iterable[str], facts: ImageFacts, namespace: str, now: datetime) -> bool:
        """Take what a registry says of an image: what pods and kubelets taught counts more, and is completed.

        Args:
            references: those of the image.
            facts: what its configuration says.
            namespace: whose pod names it.
            now: the time.

        Returns:
            Whether it says something new.
        """
        changed = False
        for reference in references:
            known = self._entries.get(reference)
            if known is None and not self._has_room(reference, namespace):
                continue
            entry = _completed(
                known or ImageEntry(source=Source.REGISTRY, seen=_whole(now), namespace=namespace), facts
            )
            if entry != known and entry.source is not Source.DECLARED:
                self._put(reference, entry)
                self._since[reference] = now
                changed = True
        return changed

    def knows_user(self, reference: str) -> bool:
        """Whether nothing is left that a registry could say of the user of an image, or a person declared it."""
        entry = self._entries.get(reference)
        if entry is None:
            return False
        return entry.source is Source.DECLARED or (
            entry.user is not None and entry.facts().kind_of_user is not ImageUser.NAME
        )

    def knows_file_capabilities(self, reference: str) -> bool:
        """Whether it is known if the program of an image has file capabilities, or a person declared the image."""
        entry = self._entries.get(reference)
        return entry is not None and (entry.source is Source.DECLARED or entry.file_capabilities is not None)

    def is_root(self, reference: str) -> bool:
        """Whether an image is known to run as root."""
        entry = self._entries.get(reference)
        return entry is not None and entry.facts().kind_of_user is ImageUser.ROOT

    def suspect(self, image: str, namespace: str, default: str, now: datetime) -> bool:
        """Note that containers of an image failed in a namespace after a default. Returns whether that is new."""
        entry = self._entries.get(image) or ImageEntry(source=Source.KUBELET, namespace=namespace)
        ids = entry.suspected.get(namespace, ())
        if entry.source is Source.DECLARED or default in ids or not self._may_mark(image, namespace):
            return False
        suspected = {**entry.suspected, namespace: tuple(sorted((*ids, default)))}
        self._put(image, msgspec.structs.replace(entry, suspected=suspected, seen=entry.seen or _whole(now)))
        return True

    def acquit(self, image: str, namespace: str, defaults: Collection[str]) -> bool:
        """Forget suspicions: a container of the image runs with these defaults. Returns whether there were any."""
        entry = self._entries.get(image)
        ids = () if entry is None else entry.suspected.get(namespace, ())
        if entry is None or not set(ids) & set(defaults):
            return False
        others = {name: row for name, row in entry.suspected.items() if name != namespace}
        left = tuple(default for default in ids if default not in defaults)
        suspected = {**others, namespace: left} if left else others
        self._put(image, msgspec.structs.replace(entry, suspected=suspected))
        return True

    def recreate(self, image: str, namespace: str, controller: str, now: datetime) -> datetime | None:
        """Note that pods of an image and a controller are deleted from now on, so that others are made.

        Returns:
            When that began for the first time: pods that are younger have been made anew already. None if it cannot be
            noted: too many of the namespace were, or nothing was learnt of the image.
        """
        entry = self._entries.get(image)
        if entry is None or entry.source is Source.DECLARED:
            return None
        controllers = entry.recreated.get(namespace, {})
        if controller not in controllers:
            if not self._may_mark(image, namespace):
                return None
            controllers = {**controllers, controller: _whole(now)}
            recreated = {**entry.recreated, namespace: controllers}
            self._put(image, msgspec.structs.replace(entry, recreated=recreated))
        return controllers[controller]

    def known_since(self, reference: str) -> datetime | None:
        """When what is known of an image was learnt; None if nothing is, or a person declared it."""
        return self._since.get(reference)

    def refresh(self, references: Iterable[str], now: datetime) -> bool:
        """Note that these images are in use. Returns whether there is something to write."""
        changed = False
        for reference in references:
            known = self._entries.get(reference)
            if known is not None and _aged(known, now):
                self._entries[reference] = msgspec.structs.replace(known, seen=now)
                changed = True
        return changed

    def forget(self, in_use: Collection[str], now: datetime, after: timedelta) -> bool:
        """Forget what no pod has used for so long, and return whether there was any. What was declared stays."""
        before = len(self._entries)
        for reference, entry in list(self._entries.items()):
            if entry.seen is None or reference in in_use or now - entry.seen <= after:
                continue
            self._remove(reference)
        return len(self._entries) < before

    def _put(self, reference: str, entry: ImageEntry) -> None:
        self._uncount(reference)
        self._entries[reference] = entry
        self._marks.update(entry.marks)
        if _counts(entry):
            self._counts[entry.namespace] += 1

    def _remove(self, reference: str) -> None:
        self._uncount(reference)
        self._entries.pop(reference, None)
        self._since.pop(reference, None)

    def _uncount(self, reference: str) -> None:
        known = self._entries.get(reference)
        if known is None:
            return
        self._marks.subtract(known.marks)
        if _counts(known):
            self._counts[known.namespace] -= 1

    def _may_mark(self, image: str, namespace: str) -> bool:
        return (
            self._marks[namespace] < _MOST_MARKS_IN_NAMESPACE
            and self._marks.total() < _MOST_MARKS
            and (image in self._entries or self._has_room(image, namespace))
        )

    def _has_room(self, reference: str, namespace: str) -> bool:
        return (
            len(self._entries) < _MOST_IMAGES
            and self._counts[namespace] < _MOST_IN_NAMESPACE
            and len(reference) <= _MOST_CHARACTERS
        )


def _counts(entry: ImageEntry) -> bool:
    """Whether it counts to the share of a namespace: a person has brought what is declared."""
    return entry.namespace != "" and entry.source is not Source.DECLARED


def _aged(entry: ImageEntry, now: datetime) -> bool:
    return entry.seen is not None and now - entry.seen > _REFRESH


def _completed(entry: ImageEntry, facts: ImageFacts) -> ImageEntry:
    """An entry with what it lacks. Another user than the known one is left out: the tag was moved, or a layer lies."""
    named = entry.user is None or str(entry.user) == facts.user
    numbered = None in (entry.uid, facts.number) or entry.uid == facts.number
    if named and numbered and facts.user is not None and len(facts.user) <= _MOST_CHARACTERS:
        uid = facts.uid if entry.uid is None else entry.uid
        gid = facts.gid if entry.gid is None else entry.gid
        entry = msgspec.structs.replace(entry, user=facts.user, uid=uid, gid=gid)
    volumes = tuple(path for path in facts.volumes[:_MOST_PATHS] if len(path) <= _MOST_CHARACTERS)
    return msgspec.structs.replace(
        entry,
        exposed_ports=entry.exposed_ports or facts.exposed_ports[:_MOST_PATHS],
        volumes=entry.volumes or volumes,
        file_capabilities=_more_exact(entry, facts),
    )


def _more_exact(entry: ImageEntry, facts: ImageFacts) -> bool | tuple[str, ...] | None:
    """The file capabilities that are known now: a kubelet tells that there are some, a registry which.

    A registry may say of a program that was refused for them which ones they are, but not that there are none.
    """
    known, told = entry.file_capabilities, facts.file_capabilities
    if isinstance(told, frozenset):
        return tuple(sorted(told))
    if told is False:
        return known is True
    return known if told is None else known or True


def _merge(entry: ImageEntry, facts: ImageFacts, source: Source, now: datetime) -> ImageEntry:
    """What is known of an image once more is. A user that contradicts the known one replaces it: the tag was moved."""
    if facts.user is not None or facts.uid is not None:
        same = facts.uid is None or entry.uid is None or facts.uid == entry.uid
        named = same and entry.user is not None and facts.user is None
        renamed = facts.user is not None and entry.user is not None and facts.user != entry.user
        entry = msgspec.structs.replace(
            entry,
            user=entry.user if named else facts.user,
            uid=entry.uid if facts.uid is None and not renamed else facts.uid,
            gid=facts.gid if facts.gid is not None else (entry.gid if same and not renamed else None),
        )
    capabilities = _more_exact(entry, facts)
    return msgspec.structs.replace(entry, file_capabilities=capabilities, source=source, seen=_whole(now))


def _whole(now: datetime) -> datetime:
    """The time in whole seconds, as the API server gives times."""
    return now.replace(microsecond=0)


def _join_marks(known: ImageEntry, stored: ImageEntry) -> ImageEntry:
    """What is known with the marks that another observer, or this one before a restart, has made."""
    if not stored.suspected and not stored.recreated:
        return known
    suspected = {
        name: tuple(sorted({*known.suspected.get(name, ()), *stored.suspected.get(name, ())}))
        for name in {**stored.suspected, **known.suspected}
    }
    recreated = {
        name: {**known.recreated.get(name, {}), **stored.recreated.get(name, {})}
        for name in {**stored.recreated, **known.recreated}
    }
    return msgspec.structs.replace(known, suspected=suspected, recreated=recreated)
