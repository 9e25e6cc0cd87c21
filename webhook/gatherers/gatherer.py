"""The interfaces of gatherers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple, Protocol

from patches import Missing, Snapshot

LOOKUP_SECONDS: Final = 0.75
"""How long the lookups of one review may take together. The shortest `timeoutSeconds` in our manifests is 2, of which
`patience` leaves 1."""


class Gatherer(Protocol):
    """Gathers one namespace at a time, for reviews."""

    @property
    def server_minor(self) -> int:
        """The API server's own minor version; the newest known version until the API server has reported it."""

    def snapshot(self, namespace: str) -> Snapshot | None:
        """Return what is known of a namespace at once; None if its labels have to be looked up.

        Returns:
            The same object until something changes, so that callers can cache what they compile from it.
        """

    async def gather(self, namespace: str, deadline: float) -> Snapshot:
        """Return what is known of a namespace, as `snapshot`, or once its labels have been looked up.

        Args:
            namespace: name of the namespace.
            deadline: time of the event loop by which to return.

        Raises:
            NamespaceUnknown: if the labels of the namespace are not known by the deadline.
        """

    async def look_up(self, snapshot: Snapshot, missing: Missing, deadline: float) -> Snapshot:
        """Look up objects that a snapshot lacks. Never raises.

        Args:
            snapshot: what is known so far.
            missing: names of the objects to look up.
            deadline: time of the event loop by which to return.

        Returns:
            A snapshot that knows these objects, for this pod: one that could not be looked up is UNKNOWN, and other
            ServiceAccounts may be left out.
        """


class GatheredNamespaces(NamedTuple):
    """What is known of several namespaces, for one preview.

    Attributes:
        snapshots: the snapshot of each namespace, by name.
        problems: a warning for the user about a namespace, by its name.
    """

    snapshots: Mapping[str, Snapshot]
    problems: Mapping[str, str]


class PreviewGatherer(Protocol):
    """Gathers several namespaces at once, for previews."""

    @property
    def server_minor(self) -> int:
        """The API server's own minor version; the newest known version without an API server."""

    async def gather_all(self, namespaces: Collection[str]) -> GatheredNamespaces:
        """Return what is known of these namespaces.

        Raises:
            NamespaceUnknown: if the labels of a namespace cannot be looked up.
        """
