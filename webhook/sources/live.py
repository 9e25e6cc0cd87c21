"""Namespace state from a live cluster: caches that follow the API server, compiled as events arrive.

What the caches do not have is asked for once, within a second. The caches stay as they are while the API server is
away. Before a kind has been listed its facts are unknown; namespaces are then asked for one by one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

import msgspec

from patches.policy.configuration import DefaulterConfiguration
from patches.policy.limits import NO_LIMITS, LimitItem, Limits, compile_limits
from patches.policy.snapshot import Facts, RuntimeClass
from patches.standards.levels import NEWEST_MINOR
from webhook.cluster.api import ClusterClient
from webhook.cluster.reflector import Reflector
from webhook.errors import NamespaceUnknown
from webhook.sources import objects
from webhook.sources.manifests import Described, ManifestSource
from webhook.sources.questions import NAMESPACES, PATIENCE, RUNTIME_CLASSES, Questions
from webhook.sources.rules import Rules, rules_of
from webhook.sources.state import NamespaceState
from webhook.sources.store import ByName, ByNamespace
from webhook.sources.version import follow_version

_DISTINCT: Final = 4096
"""Different sets of labels that share what is compiled from them."""
_NOBODY: Final[Mapping[str, bool]] = {}
_LOG: Final = logging.getLogger("webhook.sources")


T = TypeVar("T")

_Store: TypeAlias = ByName[T] | ByNamespace[T]


class _Kind(NamedTuple):
    """A kind that is followed, by its plural."""

    name: str
    reflector: Reflector[Any]
    store: _Store[Any]


class Followed(NamedTuple):
    """How far a kind is known. `age_seconds`: since the API server last said something about it; None: never."""

    kind: str
    synced: bool
    age_seconds: float | None
    objects: int


@dataclass(frozen=True, slots=True)
class _Known:
    """A namespace. `accounts` are its ServiceAccounts by name, as the store has them; None before they are listed."""

    state: NamespaceState
    rules: Rules
    accounts: Mapping[str, objects.Account | None] | None


class LiveSource:
    """Follows a cluster while `run` runs, and answers for its namespaces.

    `minor`: the API server's own minor version; None until it has said so.
    """

    def __init__(self, cluster: ClusterClient, configuration: DefaulterConfiguration) -> None:
        """Start knowing nothing."""
        self.minor: int | None = None
        self._configuration = configuration
        self._cluster = cluster
        self._questions = Questions(cluster)
        self._relisted = asyncio.Event()
        self._known: dict[str, _Known] = {}
        self._rules = self._rules_now()
        self._namespaces: ByName[objects.Marks] = ByName(self._compile)
        self._limit_ranges: ByNamespace[Sequence[LimitItem]] = ByNamespace(self._compile)
        self._quotas: ByNamespace[frozenset[str]] = ByNamespace(self._compile)
        self._accounts: ByNamespace[objects.Account] = ByNamespace(self._compile)
        self._runtime_classes: ByName[RuntimeClass] = ByName(self._compile_all_at_first)
        share = lru_cache(_DISTINCT)(_itself)
        self._kinds = (
            self._kind(NAMESPACES, lambda raw: share(objects.marks(raw)), self._namespaces),
            self._kind("/api/v1/limitranges", objects.limit_items, self._limit_ranges),
            self._kind("/api/v1/resourcequotas", objects.quota_scopes, self._quotas),
            self._kind("/api/v1/serviceaccounts", objects.account, self._accounts),
            self._kind(RUNTIME_CLASSES, objects.runtime_class, self._runtime_classes),
        )

    def _kind(self, path: str, read: Callable[[msgspec.Raw], T], store: _Store[T]) -> _Kind:
        reflector = Reflector(self._cluster, path, read, store, on_list=self._relisted.set)
        return _Kind(path.rpartition("/")[2], reflector, store)

    async def run(self) -> None:
        """Follow until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for kind in self._kinds:
                tasks.create_task(kind.reflector.run())
            tasks.create_task(follow_version(self._cluster, self._set_minor, self._relisted))

    @property
    def synced(self) -> bool:
        """Whether every kind has been listed, and the API server's version is known."""
        return self.minor is not None and all(kind.store.synced for kind in self._kinds)

    def status(self) -> tuple[Followed, ...]:
        """A row for each kind."""
        now = time.monotonic()
        return tuple(
            Followed(
                kind.name,
                kind.store.synced,
                None if kind.reflector.last_contact is None else now - kind.reflector.last_contact,
                len(kind.store),
            )
            for kind in self._kinds
        )

    def configure(self, configuration: DefaulterConfiguration) -> None:
        """Answer by this configuration from now on."""
        self._configuration = configuration
        self._apply_rules()

    async def state(self, namespace: str, account: str = "") -> NamespaceState:
        """The state of `namespace`; `account`: the ServiceAccount of the pod, "" where none counts.

        Raises NamespaceUnknown.
        """
        known = self._known.get(namespace)
        if known is not None and not self._lacks_account(known, account) and not self._lacks_class(known):
            return known.state
        deadline = asyncio.get_running_loop().time() + PATIENCE
        if known is None:
            known = self._described(namespace, await self._questions.marks(namespace, deadline))
        facts = known.state.facts
        if self._lacks_account(known, account):
            facts = await self._questions.with_account(facts, namespace, account, deadline)
        if self._lacks_class(known):
            facts = await self._questions.with_runtime_class(facts, known.rules.runtime_class, deadline)
        return NamespaceState(known.state.policy, facts)

    async def described(self, namespaces: Iterable[str]) -> ManifestSource:
        """A source of its own that starts from what is known of these namespaces: for a preview, which adds to it.

        One that does not exist counts as unlabelled there, and that is told. Raises NamespaceUnknown.
        """
        source = ManifestSource(self._configuration, newest=NEWEST_MINOR if self.minor is None else self.minor)
        deadline = asyncio.get_running_loop().time() + PATIENCE
        for namespace in namespaces:
            marks, problem = self._namespaces.rows.get(namespace), ""
            try:
                marks = marks or await self._questions.marks(namespace, deadline)
            except NamespaceUnknown as error:
                if not error.absent:
                    raise
                marks, problem = objects.Marks(), f"{error}: it counts as unlabelled"
            source.describe(self._description(namespace, marks, problem))
        if self._runtime_classes.synced:
            source.describe_runtime_classes(self._runtime_classes.rows)
        return source

    def _description(self, namespace: str, marks: objects.Marks, problem: str) -> Described:
        ranges = self._limit_ranges.rows.get(namespace, {})
        quotas = self._quotas.rows.get(namespace, {})
        return Described(
            objects.Metadata(namespace, labels=dict(marks.labels), annotations=dict(marks.annotations)),
            _all_readable(ranges) if self._limit_ranges.synced else None,
            _all_readable(quotas) if self._quotas.synced else None,
            _automount(self._accounts.rows.get(namespace, {})) if self._accounts.synced else None,
            problem,
        )

    def _lacks_account(self, known: _Known, account: str) -> bool:
        accounts = known.accounts
        return accounts is not None and not accounts.get(account) and known.rules.depends_on(account)

    def _lacks_class(self, known: _Known) -> bool:
        name = known.rules.runtime_class
        return bool(name) and self._runtime_classes.synced and name not in self._runtime_classes.rows

    def _compile(self, namespaces: Iterable[str] | None) -> None:
        """Compile these namespaces, or all."""
        for namespace in self._namespaces.rows if namespaces is None else namespaces:
            marks = self._namespaces.rows.get(namespace)
            if marks is None:
                self._known.pop(namespace, None)
            else:
                self._known[namespace] = self._described(namespace, marks)

    def _compile_all_at_first(self, names: Iterable[str] | None) -> None:
        """Facts share the store's own dictionary: only that it is complete has to be told them."""
        if names is None:
            self._compile(None)

    def _described(self, namespace: str, marks: objects.Marks) -> _Known:
        rules = self._rules(marks)
        accounts = self._accounts.rows.get(namespace, {}) if self._accounts.synced else None
        facts = Facts(
            limits=self._limits(namespace),
            quota_scopes=self._scopes(namespace),
            has_quota=not self._quotas.synced or namespace in self._quotas.rows,
            automount=None if accounts is None else _automount(accounts),
            runtime_classes=self._runtime_classes.rows,
            runtime_classes_complete=self._runtime_classes.synced,
        )
        return _Known(NamespaceState(rules.policy, facts), rules, accounts)

    def _limits(self, namespace: str) -> Limits | None:
        ranges = self._limit_ranges.rows.get(namespace, {})
        readable = {name: items for name, items in ranges.items() if items is not None}
        if not self._limit_ranges.synced or len(readable) < len(ranges):
            return None
        return compile_limits(readable) if readable else NO_LIMITS

    def _scopes(self, namespace: str) -> frozenset[str] | None:
        quotas = self._quotas.rows.get(namespace, {}).values()
        if not self._quotas.synced or None in quotas:
            return None
        return frozenset().union(*(scopes for scopes in quotas if scopes is not None))

    def _set_minor(self, minor: int) -> None:
        if minor != self.minor:
            _LOG.info("the API server is v1.%d", minor)
            self.minor = minor
            self._apply_rules()

    def _rules_now(self) -> Callable[[objects.Marks], Rules]:
        newest = NEWEST_MINOR if self.minor is None else self.minor
        return lru_cache(_DISTINCT)(partial(rules_of, self._configuration, newest))

    def _apply_rules(self) -> None:
        """Compile the rules anew. The facts stay."""
        self._rules = self._rules_now()
        known = {}
        for namespace, before in self._known.items():
            rules = self._rules(self._namespaces.rows[namespace])
            known[namespace] = _Known(NamespaceState(rules.policy, before.state.facts), rules, before.accounts)
        self._known = known


def _all_readable(rows: Mapping[str, T | None]) -> Mapping[str, T] | None:
    readable = {name: row for name, row in rows.items() if row is not None}
    return readable if len(readable) == len(rows) else None


def _itself(marks: objects.Marks) -> objects.Marks:
    return marks


def _automount(accounts: Mapping[str, objects.Account | None]) -> Mapping[str, bool]:
    """Those that say something. An account that cannot be read is none of these, and is asked for."""
    return {name: row.automount for name, row in accounts.items() if row and row.automount is not None} or _NOBODY
