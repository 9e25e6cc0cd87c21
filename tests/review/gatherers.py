"""Gatherers that know no labels and no objects, and misbehave as a test needs it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from patches.policy.namespace import Missing
from patches.policy.snapshot import Coverage, Objects, ServiceAccount, Snapshot, empty_snapshot
from patches.standards.levels import NEWEST_MINOR
from tests.review.builders import NAMESPACE
from webhook.errors import NamespaceUnknown


class UnlabelledGatherer:
    """A gatherer of namespaces without labels and objects. Tests override what they want otherwise."""

    server_minor = NEWEST_MINOR

    def snapshot(self, namespace: str) -> Snapshot | None:
        """Nothing, so that `gather` is asked."""

    async def gather(self, namespace: str, deadline: float) -> Snapshot:  # noqa: ARG002 (a Gatherer's own shape)
        """The snapshot of an unlabelled namespace."""
        return empty_snapshot(namespace)

    async def look_up(self, snapshot: Snapshot, missing: Missing, deadline: float) -> Snapshot:  # noqa: ARG002 (as above)
        """Fail: nothing is missing."""
        raise AssertionError(f"{missing} is missing")


class SlowGatherer(UnlabelledGatherer):
    """A gatherer that takes its time over one namespace and knows the others at once."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.asked = asyncio.Event()

    async def gather(self, namespace: str, deadline: float) -> Snapshot:
        """The snapshot, late for one namespace."""
        if namespace == NAMESPACE:
            self.asked.set()
            await asyncio.sleep(self.seconds)
        return await super().gather(namespace, deadline)


class FailingGatherer(UnlabelledGatherer):
    """A gatherer with a bug."""

    async def gather(self, namespace: str, deadline: float) -> Snapshot:  # noqa: ARG002 (as above)
        """Raise what nobody expects."""
        raise RuntimeError(f"no state of {namespace}")


class UnreachableGatherer(UnlabelledGatherer):
    """A gatherer that cannot learn anything."""

    async def gather(self, namespace: str, deadline: float) -> Snapshot:  # noqa: ARG002 (a Gatherer's own shape)
        """Raise, in words that hold a control character."""
        raise NamespaceUnknown(f"namespace {namespace}: connection refused\nby peer")


class AccountlessGatherer(UnlabelledGatherer):
    """A gatherer whose cache lacks every ServiceAccount, and what it was asked to look up."""

    def __init__(self) -> None:
        self.looked_up: list[tuple[str, str]] = []

    async def gather(self, namespace: str, deadline: float) -> Snapshot:
        """The snapshot of an unlabelled namespace, its accounts as of a cache."""
        snapshot = await super().gather(namespace, deadline)
        return replace(snapshot, service_accounts=Objects({}, Coverage.CACHED))

    async def look_up(self, snapshot: Snapshot, missing: Missing, deadline: float) -> Snapshot:  # noqa: ARG002 (as above)
        """Find that the account says nothing."""
        self.looked_up.append((snapshot.name, missing.service_account))
        return replace(snapshot, service_accounts=Objects({missing.service_account: ServiceAccount()}))
