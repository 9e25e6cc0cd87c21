"""Reads a file of kind ImageFacts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import repeat
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from patches import DefaulterConfiguration, ImageFacts
from webhook.documents.typed import convert, read_single
from webhook.errors import ConfigurationError

API_VERSION: Final = "pod-security-defaulter.io/v1alpha1"
KIND: Final = "ImageFacts"

_Id = Annotated[int, Meta(ge=0, le=2**31 - 1)]
_Port = Annotated[int, Meta(ge=1, le=65535)]
_Time = Annotated[datetime, Meta(tz=True)]


class Source(StrEnum):
    """Where a fact comes from."""

    DECLARED = "declared"
    """A person wrote it."""
    RUNNING = "running"
    """A running container has that user."""
    KUBELET = "kubelet"
    """A kubelet refused to start it, and said why."""
    REGISTRY = "registry"
    """The configuration of the image, from its registry."""


class ImageEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", omit_defaults=True):
    """What a file says of one image. See `patches.ImageFacts`; a field that is not set is unknown.

    Attributes:
        source: where it comes from.
        seen: when it was seen.
        namespace: whose pod it was first learnt from, and to whose share of the book it counts.
        suspected: the defaults after which containers of it failed, by namespace.
        recreated: when pods of it were deleted, so that others are made, by namespace and uid of the controller.
    """

    user: str | int | None = None
    uid: _Id | None = None
    gid: _Id | None = None
    exposed_ports: tuple[_Port, ...] = ()
    volumes: tuple[str, ...] = ()
    file_capabilities: bool | tuple[str, ...] | None = None
    source: Source = Source.DECLARED
    seen: _Time | None = None
    namespace: str = ""
    suspected: dict[str, tuple[str, ...]] = {}
    recreated: dict[str, dict[str, _Time]] = {}

    @property
    def marks(self) -> Iterator[str]:
        """The namespace of each suspicion and each controller."""
        for rows in (self.suspected, self.recreated):
            for namespace, row in rows.items():
                yield from repeat(namespace, len(row))

    def facts(self) -> ImageFacts:
        """The facts, as the engine knows them."""
        capabilities = self.file_capabilities
        return ImageFacts(
            user=None if self.user is None else str(self.user),
            uid=self.uid,
            gid=self.gid,
            exposed_ports=self.exposed_ports,
            volumes=self.volumes,
            file_capabilities=frozenset(capabilities) if isinstance(capabilities, tuple) else capabilities,
            suspected=tuple((namespace, id_) for namespace, ids in self.suspected.items() for id_ in ids),
        )


Entries: TypeAlias = Mapping[str, ImageEntry]
"""The entries of a file, by image reference as it is written there."""


class _File(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    api_version: Literal["pod-security-defaulter.io/v1alpha1"]
    kind: Literal["ImageFacts"]
    images: dict[str, Any] | None = None


class _CompactFile(msgspec.Struct):
    images: dict[str, ImageEntry]


_COMPACT: Final = f'{{"apiVersion":"{API_VERSION}","kind":"{KIND}","images":{{'.encode()


def write_image_facts(entries: Entries) -> str:
    """Write a file of kind ImageFacts, sorted and with one image a line: JSON, which is YAML, and read much faster."""
    lines = (f"{_encode(reference)}: {_encode(entries[reference])}" for reference in sorted(entries))
    return f"{_COMPACT.decode()}\n" + ",\n".join(lines) + "\n}}\n"


def _encode(value: str | ImageEntry) -> str:
    return msgspec.json.encode(value).decode()


def read_image_facts(data: bytes, file: str) -> Entries:
    """Read a file of kind ImageFacts, in YAML or JSON.

    Args:
        data: content of the file.
        file: what errors call it.

    Raises:
        ConfigurationError: if it cannot be read or has a wrong field.
    """
    if data.startswith(_COMPACT):
        try:
            return msgspec.json.decode(data, type=_CompactFile).images
        except msgspec.MsgspecError:
            pass  # someone has edited it: say where it is wrong
    document = read_single(data, file)
    if document is None:
        raise ConfigurationError(file, 0, "", f"expected one document of kind {KIND}, found none")
    images = convert(document.value, _File, document).images or {}
    return {
        reference: convert(value, ImageEntry, document, ("images", reference)) for reference, value in images.items()
    }


def current_facts(entries: Entries, now: datetime, tag_age: timedelta) -> dict[str, ImageFacts]:
    """Return the facts that still hold.

    A tag may be moved to another image, so what was seen of one holds for `tag_age` only. What was seen of a digest
    holds forever, and so does what has no time.
    """
    return {
        reference: entry.facts()
        for reference, entry in entries.items()
        if entry.seen is None or "@" in reference or now - entry.seen <= tag_age
    }


def tag_age(configuration: DefaulterConfiguration) -> timedelta:
    """Return how long what was seen of a tag holds."""
    return timedelta(days=configuration.images.tag_days)
