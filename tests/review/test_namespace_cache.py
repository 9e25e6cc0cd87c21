"""Namespaces are compiled once, and again when something that they are compiled from changes."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace

import pytest

from patches.policy.configuration import Exemption, Mode
from patches.policy.namespace import Missing
from patches.policy.policy import PREFIX
from patches.policy.snapshot import Objects, ServiceAccount, Snapshot, empty_snapshot
from patches.standards.levels import NEWEST_MINOR
from tests.review.builders import NAMESPACE, configured, gatherer_of, namespace_object
from tests.review.gatherers import AccountlessGatherer, UnlabelledGatherer, UnreachableGatherer
from webhook.errors import NamespaceUnknown
from webhook.review.namespace_cache import NamespaceCache


class Accounts(dict[str, ServiceAccount]):
    """ServiceAccounts by name; other than a plain dictionary it can be seen to go away."""


async def test_one_snapshot_is_compiled_once() -> None:
    """Whoever's account is asked for: as long as nothing is missing, it is the same compiled namespace."""
    namespaces = NamespaceCache(gatherer_of([namespace_object({})]), configured())
    compiled = await namespaces.find(NAMESPACE, "default")
    assert compiled.name == NAMESPACE
    assert await namespaces.find(NAMESPACE, "default") is compiled
    assert await namespaces.find(NAMESPACE, "robot") is compiled
    assert (await namespaces.find("other", "default")).name == "other"
    assert await namespaces.find(NAMESPACE, "default") is compiled


async def test_a_new_snapshot_is_compiled() -> None:
    """Labels that change count from the next request on."""
    gatherer = gatherer_of([namespace_object({})])
    namespaces = NamespaceCache(gatherer, configured())
    assert (await namespaces.find(NAMESPACE, "default")).policy.mode is Mode.ENFORCE
    gatherer.add(namespace_object({PREFIX + "mode": "warn"}))
    assert (await namespaces.find(NAMESPACE, "default")).policy.mode is Mode.WARN


async def test_a_new_configuration_compiles_again() -> None:
    """With its name, and also where the snapshot is the same."""
    namespaces = NamespaceCache(gatherer_of([]), configured(), "first")
    assert namespaces.generation == "first"
    assert (await namespaces.find(NAMESPACE, "default")).policy.mode is Mode.ENFORCE
    swapped = configured(mode="audit")
    namespaces.configure(swapped, "second")
    assert (namespaces.configuration, namespaces.generation) == (swapped, "second")
    assert (await namespaces.find(NAMESPACE, "default")).policy.mode is Mode.AUDIT


async def test_a_new_server_minor_compiles_again() -> None:
    """The API server was upgraded: `latest` means another version from then on; the configuration stays."""
    gatherer = gatherer_of([], server_minor=NEWEST_MINOR - 1)
    namespaces = NamespaceCache(gatherer, configured(mode="warn"), "first")
    before = await namespaces.find(NAMESPACE, "default")
    assert before.policy.server_minor == NEWEST_MINOR - 1
    gatherer.server_minor = NEWEST_MINOR
    after = await namespaces.find(NAMESPACE, "default")
    assert after.policy.server_minor == NEWEST_MINOR
    assert (after.policy.mode, namespaces.generation) == (Mode.WARN, "first")
    assert await namespaces.find(NAMESPACE, "default") is after


@pytest.mark.parametrize("changes", [1, 3])
async def test_a_configuration_that_changes_meanwhile_is_used(changes: int) -> None:
    """While something is looked up; however often it changes, the answer is by the one that is in use at the end."""
    settings = {"automountServiceAccountToken": {"serviceAccounts": "all"}}

    class SwappingGatherer(AccountlessGatherer):
        async def look_up(self, snapshot: Snapshot, missing: Missing, deadline: float) -> Snapshot:
            found = await super().look_up(snapshot, missing, deadline)
            if len(self.looked_up) <= changes:
                skip = [f"{len(self.looked_up)}.example"]
                namespaces.configure(configured(settings=settings, exemptions={"usernames": skip}))
            return found

    gatherer = SwappingGatherer()
    namespaces = NamespaceCache(gatherer, configured(settings=settings))
    compiled = await namespaces.find(NAMESPACE, "robot")
    assert compiled.policy.exemptions.usernames == (f"{changes}.example",)
    assert compiled.service_accounts.find("robot") == ServiceAccount()
    assert gatherer.looked_up == [(NAMESPACE, "robot")] * (changes + 1)


async def test_what_was_looked_up_is_not_kept() -> None:
    """Only a watch knows how long an answer holds: the next pod's account is looked up again."""
    gatherer = AccountlessGatherer()
    namespaces = NamespaceCache(
        gatherer, configured(settings={"automountServiceAccountToken": {"serviceAccounts": "all"}})
    )
    first, second = [await namespaces.find(NAMESPACE, "robot") for _ in range(2)]
    assert first is not second
    assert gatherer.looked_up == [(NAMESPACE, "robot")] * 2


async def test_compiled_namespaces_go_away_with_their_snapshots() -> None:
    """Whoever sends reviews chooses names: what the gatherer has let go of takes no memory here."""

    class KeepingGatherer(UnlabelledGatherer):
        def __init__(self) -> None:
            accounts = Accounts(default=ServiceAccount())
            self.accounts = weakref.ref(accounts)
            self.kept: Snapshot = replace(empty_snapshot(NAMESPACE), service_accounts=Objects(accounts))

        def snapshot(self, namespace: str) -> Snapshot:  # noqa: ARG002 (a Gatherer's own shape)
            return self.kept

    gatherer = KeepingGatherer()
    namespaces = NamespaceCache(gatherer, configured())
    await namespaces.find(NAMESPACE, "default")
    gc.collect()
    assert gatherer.accounts() is not None
    gatherer.kept = empty_snapshot(NAMESPACE)
    gc.collect()
    assert gatherer.accounts() is None
    assert (await namespaces.find(NAMESPACE, "default")).service_accounts.find("default") is None


async def test_a_namespace_that_cannot_be_learnt() -> None:
    """Nothing is compiled; and exemptions by name are known without it."""
    namespaces = NamespaceCache(
        UnreachableGatherer(), configured(exemptions={"namespaces": ["kube"], "usernames": ["jane"]})
    )
    with pytest.raises(NamespaceUnknown, match="namespace shop"):
        await namespaces.find(NAMESPACE, "default")
    assert namespaces.exemption("kube", "bob") is Exemption.NAMESPACE
    assert namespaces.exemption(NAMESPACE, "jane") is Exemption.USER
    assert namespaces.exemption(NAMESPACE, "bob") is None
