"""Leader election by a Lease. Rights that it needs: `get` and `update` on the Lease, `create` if it may be missing.

The protocol is that of Kubernetes' own components. The leader renews the Lease. A candidate takes it after it has seen
it unchanged for the leader's own duration, by the candidate's clock: clocks of two machines are never compared. Writes
carry the resourceVersion that they were decided on, so that only one of two succeeds. A leader that cannot renew the
Lease stops leading well before anybody else may take it.

kubernetes-asyncio's own election is not used: it writes local times as UTC, ends at a broken connection, and does not
release the Lease.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final, NamedTuple, NoReturn

import msgspec

from webhook.cluster.api import ClusterClient
from webhook.errors import ClusterError

_RELEASE_SECONDS: Final = 3
_LOG: Final = logging.getLogger(__name__)


class LeaseTimings(NamedTuple):
    """The times of a Lease, in seconds.

    Attributes:
        lease: for how long after a renewal nobody else may take it.
        deadline: how long after its last renewal a leader stops leading.
        retry: between two attempts to take or renew it, about.
    """

    lease: int = 15
    deadline: float = 10
    retry: float = 2


class Election:
    """One candidate for a Lease."""

    def __init__(
        self,
        cluster: ClusterClient,
        path: str,
        identity: str,
        on_change: Callable[[], None],
        timings: LeaseTimings | None = None,
    ) -> None:
        """Prepare to stand for election.

        Args:
            cluster: the API server.
            path: the path of the Lease.
            identity: this candidate's name, which no other has.
            on_change: called after this candidate begins or stops to lead.
            timings: those of Kubernetes' own components by default.
        """
        self._cluster = cluster
        self._path = path
        self._identity = identity
        self._on_change = on_change
        self._timings = timings or LeaseTimings()
        self._leads_until = 0.0
        self._own_lease: dict[str, Any] | None = None
        self._observed: tuple[Any, float] = (None, 0.0)  # the last spec, and when it was first seen
        self._was_leader = False
        self._problem = ""

    @property
    def is_leader(self) -> bool:
        """Whether this candidate leads now."""
        return time.monotonic() < self._leads_until

    async def run(self) -> NoReturn:
        """Stand for election until cancelled; then release the Lease, so that another candidate leads at once."""
        try:
            while True:
                await self._try()
                self._notify()
                await asyncio.sleep(self._timings.retry * random.uniform(0.8, 1.2))  # noqa: S311 (spreads load)
        finally:
            await self._release()
            self._notify()

    async def _try(self) -> None:
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout(began)):
                lease = self._own_lease or await self._get()
                if not self._is_free(lease):
                    self._leads_until = 0.0
                    return
                self._own_lease = await self._put(self._claim(lease))
            self._leads_until = began + self._timings.deadline
            self._problem = ""
        except (ClusterError, TimeoutError, msgspec.MsgspecError) as error:
            self._own_lease = None
            self._report(error)
        except Exception:  # noqa: BLE001 (logged; a candidate that no longer stands would be worse)
            self._own_lease = None
            _LOG.exception("cannot acquire lease")

    def _timeout(self, now: float) -> float:
        """The seconds of one attempt. A leader's ends before its leadership does, so that there is time for another."""
        left = self._leads_until - now
        return max(self._timings.retry, left / 2) if left > 0 else self._timings.deadline

    def _is_free(self, lease: dict[str, Any]) -> bool:
        spec = lease.get("spec") or {}
        holder = spec.get("holderIdentity")
        now = time.monotonic()
        if spec != self._observed[0]:
            self._observed = (spec, now)
        if not holder or holder == self._identity:
            return True
        seconds: float = spec.get("leaseDurationSeconds") or self._timings.lease
        return now >= self._observed[1] + seconds

    def _claim(self, lease: dict[str, Any]) -> dict[str, Any]:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = dict(lease.get("spec") or {})
        if spec.get("holderIdentity") != self._identity:
            spec["leaseTransitions"] = (spec.get("leaseTransitions") or 0) + 1
            spec["acquireTime"] = now
        spec |= {"holderIdentity": self._identity, "leaseDurationSeconds": self._timings.lease, "renewTime": now}
        return {**lease, "spec": spec}

    async def _release(self) -> None:
        self._leads_until, lease, self._own_lease = 0.0, self._own_lease, None
        if lease is None:
            return
        spec = {key: value for key, value in lease["spec"].items() if key != "holderIdentity"}
        try:
            async with asyncio.timeout(_RELEASE_SECONDS):
                await self._put({**lease, "spec": spec})
        except (ClusterError, TimeoutError, msgspec.MsgspecError) as error:
            _LOG.warning("cannot release lease, it will expire: %s", error)

    async def _get(self) -> dict[str, Any]:
        """Get the Lease. The first candidate creates it, because many tools leave Leases out of what they apply."""
        try:
            lease = await self._cluster.get(self._path)
        except ClusterError as error:
            if not error.not_found:
                raise
            collection, _, name = self._path.rpartition("/")
            value = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name}}
            lease = await self._cluster.send("POST", collection, value)
        return msgspec.json.decode(lease, type=dict[str, Any])

    async def _put(self, lease: dict[str, Any]) -> dict[str, Any]:
        return msgspec.json.decode(await self._cluster.send("PUT", self._path, lease), type=dict[str, Any])

    def _report(self, error: Exception) -> None:
        """Log the first of equal failures in a row. A conflict is no failure: another candidate was faster."""
        if isinstance(error, ClusterError) and error.status == HTTPStatus.CONFLICT:
            return
        problem = str(error) or "the API server does not answer"
        if problem != self._problem:
            self._problem = problem
            _LOG.warning("cannot acquire lease: %s", problem)

    def _notify(self) -> None:
        leads = self.is_leader
        if leads != self._was_leader:
            self._was_leader = leads
            _LOG.info("%s %s", self._identity, "became leader" if leads else "stopped leading")
            self._on_change()
