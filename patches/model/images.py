"""What is known of container images: the user that they run as, ports, volumes and file capabilities.

A pod says nothing of this and the API server never looks. The kubelet does: under `runAsNonRoot` it starts no container
whose image runs as root, or whose USER is a name. Facts are looked up by the image reference of a container, compared
as a container runtime does. Source: `distribution/reference`; `GetImageUser` and `verifyRunAsNonRoot` of the kubelet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import Enum
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple

_DISTINCT_REFERENCES: Final = 4096
_HUB: Final = "docker.io"
_HUB_ALIASES: Final = (_HUB, "index.docker.io")


class ImageUser(Enum):
    """What the kubelet makes of an image's USER."""

    ROOT = "root"
    """It runs as uid 0: USER is unset, 0 or root, or a name with uid 0."""
    NUMBER = "number"
    """It runs as a uid that is not 0, and says so by number."""
    NAMED = "named"
    """It runs as a uid that is known and not 0, but not written as a number, so the kubelet cannot verify it."""
    NAME = "name"
    """It runs as a name whose uid is not known."""
    UNKNOWN = "unknown"
    """Nothing is known of its user."""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What is known of one image. None and an empty sequence mean that nothing is known.

    Attributes:
        user: USER as the image's configuration has it; "" if it is unset there, which means root.
        uid: the number of that user.
        gid: the number of its primary group.
        exposed_ports: numbers of EXPOSE.
        volumes: paths of VOLUME.
        file_capabilities: whether a program in it carries file capabilities, or which ones, as `NET_BIND_SERVICE`.
        suspected: the defaults after which containers of it failed, each with the namespace in which they did.
    """

    user: str | None = None
    uid: int | None = None
    gid: int | None = None
    exposed_ports: tuple[int, ...] = ()
    volumes: tuple[str, ...] = ()
    file_capabilities: bool | frozenset[str] | None = None
    suspected: tuple[tuple[str, str], ...] = ()

    @property
    def user_name(self) -> str | None:
        """The user in USER, without a group: a number or a name; "" if USER is unset, None if it is not known."""
        return None if self.user is None else self.user.partition(":")[0]

    @property
    def number(self) -> int | None:
        """The number of the user, as USER says it or as it was seen; None if it is not known."""
        name = self.user_name
        return int(name) if name is not None and name.isdecimal() else self.uid

    @property
    def kind_of_user(self) -> ImageUser:
        """What the kubelet makes of its USER."""
        name = self.user_name
        if name is None:
            return ImageUser.UNKNOWN if self.uid is None else _by_uid(self.uid)
        if name in ("", "root"):
            return ImageUser.ROOT
        if name.isdecimal():
            return ImageUser.NUMBER if int(name) else ImageUser.ROOT
        return ImageUser.NAME if self.uid is None else _by_uid(self.uid)


def _by_uid(uid: int) -> ImageUser:
    return ImageUser.NAMED if uid else ImageUser.ROOT


UNKNOWN_IMAGE: Final = ImageFacts()


class Images:
    """The facts of all images of which something is known, by reference. Immutable; equal if the facts are."""

    __slots__ = ("_by_key",)

    def __init__(self, facts: Mapping[str, ImageFacts]) -> None:
        """Keep facts by image reference as people write it. Of two references to one image the last counts."""
        self._by_key = {reference_key(reference): known for reference, known in facts.items()}

    def find(self, reference: str | None) -> ImageFacts:
        """Find the facts of the image that a container names; UNKNOWN_IMAGE if nothing is known of it."""
        if not self._by_key or not reference:
            return UNKNOWN_IMAGE
        return self._by_key.get(reference_key(reference), UNKNOWN_IMAGE)

    def joined(self, facts: Mapping[str, ImageFacts]) -> Images:
        """Return these facts with others; of what both say of an image, these count."""
        joined = Images({})
        joined._by_key = dict(self._by_key)
        for reference, found in facts.items():
            known = self.find(reference)
            said = {row.name: value for row in fields(known) if (value := getattr(known, row.name)) not in (None, ())}
            joined._by_key[reference_key(reference)] = replace(found, **said)
        return joined

    def __len__(self) -> int:
        return len(self._by_key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Images) and self._by_key == other._by_key

    def __hash__(self) -> int:
        return hash(frozenset(self._by_key))


NO_IMAGES: Final = Images(MappingProxyType({}))


class ImageReference(NamedTuple):
    """Where an image is: the host of its registry, its repository there, and a tag; a digest outranks the tag."""

    host: str
    repository: str
    tag: str
    digest: str


def parse_image_reference(reference: str) -> ImageReference:
    """Read a reference as a container runtime does: `nginx` is `docker.io/library/nginx:latest`.

    Nothing is checked: what no runtime would take leads to parts that no registry has.
    """
    name, _, digest = reference.partition("@")
    path, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:  # a colon before a slash belongs to the port of a host
        path, tag = name, "latest"
    host, slash, rest = path.partition("/")
    if not slash or not ("." in host or ":" in host or host == "localhost" or host != host.lower()):
        host, rest = _HUB, path
    if host in _HUB_ALIASES:
        host, rest = _HUB, rest if "/" in rest else f"library/{rest}"
    return ImageReference(host, rest, tag, digest)


@lru_cache(_DISTINCT_REFERENCES)
def reference_key(reference: str) -> str:
    """Return what is equal for two references to one image: the digest, else `host/path:tag`.

    A digest names the content wherever it is stored.
    """
    parsed = parse_image_reference(reference)
    return parsed.digest or f"{parsed.host}/{parsed.repository}:{parsed.tag}"
